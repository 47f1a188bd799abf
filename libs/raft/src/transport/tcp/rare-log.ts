const AGAIN_AFTER_MS = 60_000;
const MAX_REMEMBERED = 200;

/**
 * Lets a sentence through once a minute. A peer that is refused dials again and again, and anybody can knock at an open port:
 * the first time is worth a line, the thousandth isn't.
 */
export class RareLog {
  private readonly lastAt = new Map<string, number>();

  say(sentence: string, write: (sentence: string) => void): void {
    const now = performance.now();
    const last = this.lastAt.get(sentence);
    if (last !== undefined && now - last < AGAIN_AFTER_MS) return;
    this.lastAt.delete(sentence);
    this.lastAt.set(sentence, now);
    if (this.lastAt.size > MAX_REMEMBERED) {
      const [oldest] = this.lastAt.keys();
      this.lastAt.delete(oldest!);
    }
    write(sentence);
  }
}
