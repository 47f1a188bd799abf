const ID_SPACE = 2 ** 20;

/** The numbers of the calls of one life of a node: ascending, and never those of the life before. */
export class CallIds {
  private last: number;

  /** @param seed drawn again with each start, 32 bits */
  constructor(seed: number) {
    // An answer to a call of this node's life before must not be taken for one of this life.
    this.last = seed * ID_SPACE;
  }

  next(): number {
    return ++this.last;
  }
}
