/** Numbers the commands of one session, and knows up to where all have ended, so that their answers need not be kept. */
export class SessionSequences {
  private readonly ended = new Set<number>();

  /**
   * @param last the last number that was given out
   * @param acked everything up to here has ended
   */
  constructor(
    private last = 0,
    private acked = last,
  ) {}

  get ackedThrough(): number {
    return this.acked;
  }

  /** The number that is given out next. */
  get upcoming(): number {
    return this.last + 1;
  }

  /** How many were given out and haven't ended. */
  get open(): number {
    return this.last - this.acked - this.ended.size;
  }

  next(): number {
    return ++this.last;
  }

  /** The command is answered, or is given up for good: it isn't sent again. */
  end(sequence: number): void {
    if (sequence <= this.acked || sequence > this.last) return;
    this.ended.add(sequence);
    while (this.ended.delete(this.acked + 1)) this.acked++;
  }
}
