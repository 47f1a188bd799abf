/** Doubling delays with jitter, so that peers that lost each other together don't all call at the same instant. */
export class BackOff {
  private readonly firstMs: number;
  private readonly lastMs: number;
  private attempts = 0;

  constructor(firstMs: number, lastMs: number) {
    this.firstMs = firstMs;
    this.lastMs = lastMs;
  }

  reset(): void {
    this.attempts = 0;
  }

  /** @returns milliseconds: between half of and the whole delay of this attempt */
  nextMs(): number {
    const delay = Math.min(this.lastMs, this.firstMs * 2 ** this.attempts);
    if (delay < this.lastMs) this.attempts += 1;
    return delay * (0.5 + Math.random() / 2);
  }
}
