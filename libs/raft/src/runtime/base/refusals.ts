interface Refusal {
  readonly sinceMs: number;
  times: number;
  sentence: string;
}

/** So long, and so often, a node is turned away before it gives up: a peer that is stopping refuses, too. */
const PATIENCE_MS = 5_000;
const LEAST_TIMES = 3;

/** Who turns a node away that wants to join, and for how long. */
export class Refusals {
  private readonly by = new Map<string, Refusal>();

  /** @returns whether it is news */
  refused(address: string, sentence: string, nowMs: number): boolean {
    const known = this.by.get(address);
    if (known === undefined) {
      this.by.set(address, { sinceMs: nowMs, times: 1, sentence });
      return true;
    }
    known.times++;
    const isNews = known.sentence !== sentence;
    known.sentence = sentence;
    return isNews;
  }

  /** It was spoken to. */
  forget(address: string): void {
    this.by.delete(address);
  }

  /** @returns the sentences, where each of these addresses has turned the node away for long enough to believe it */
  byAll(addresses: readonly string[], nowMs: number): string | undefined {
    const all = addresses.map((address) => this.by.get(address));
    const isBelieved = all.every(
      (each) => each !== undefined && each.times >= LEAST_TIMES && nowMs - each.sinceMs >= PATIENCE_MS,
    );
    if (!isBelieved || all.length === 0) return undefined;
    return [...new Set(all.map((each) => each!.sentence))].join('; ');
  }
}
