/** A small seeded generator (mulberry32): the kernel's only chance, injected so that a run can be repeated. */
export class SeededRandom {
  private state: number;

  /** @param seed an unsigned 32-bit number */
  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** @returns an unsigned 32-bit number */
  nextUint32(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** @returns a number in [0, 1) */
  next(): number {
    return this.nextUint32() / 0x1_0000_0000;
  }

  /** @returns a whole number in [from, below) */
  between(from: number, below: number): number {
    return from + Math.floor(this.next() * (below - from));
  }
}
