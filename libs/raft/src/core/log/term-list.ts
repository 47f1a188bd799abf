import { invariant } from '../base/invariant';
import type { LogId, TermRun } from '../base/types';

/**
 * Knows the term of every index of the log, however long it is, in a few numbers: a list of (first index, term), ascending
 * in both. The origin is the position before the first entry.
 */
export class TermList {
  private origin: LogId;
  private last: number;
  private readonly runs: TermRun[];

  constructor(origin: LogId, lastIndex: number, runs: readonly TermRun[]) {
    this.origin = origin;
    this.last = lastIndex;
    this.runs = [...runs];
    invariant(lastIndex >= origin.index, () => `log ends at ${lastIndex}, before its origin ${origin.index}`);
    invariant(
      lastIndex === origin.index ? runs.length === 0 : runs[0]?.firstIndex === origin.index + 1,
      () => `terms ${JSON.stringify(runs)} don't cover the log from ${origin.index + 1} to ${lastIndex}`,
    );
    runs.forEach((run, at) => {
      const before = at === 0 ? { firstIndex: origin.index, term: origin.term } : runs[at - 1]!;
      invariant(
        run.firstIndex > before.firstIndex && run.firstIndex <= lastIndex && run.term >= before.term,
        () => `terms ${JSON.stringify(runs)} aren't ascending`,
      );
    });
  }

  get originId(): LogId {
    return this.origin;
  }

  get lastIndex(): number {
    return this.last;
  }

  get lastId(): LogId {
    return { term: this.lastTerm, index: this.last };
  }

  get lastTerm(): number {
    return this.runs.at(-1)?.term ?? this.origin.term;
  }

  /** @returns the term at `index`, or undefined outside of the log (the origin is inside) */
  termAt(index: number): number | undefined {
    if (index > this.last || index < this.origin.index) return undefined;
    const at = this.runAt(index);
    return at < 0 ? this.origin.term : this.runs[at]!.term;
  }

  /**
   * The search back over a conflict, by whole terms (thesis §5.3 of the paper's fast back-up).
   *
   * @returns the greatest log id at or below `index` whose term isn't above `term`; the origin where there is none
   */
  lastIdNotAbove(index: number, term: number): LogId {
    let end = Math.min(index, this.last);
    for (let at = this.runAt(end); at >= 0; at--) {
      const run = this.runs[at]!;
      if (run.term <= term) return { term: run.term, index: end };
      end = run.firstIndex - 1;
    }
    return this.origin;
  }

  append(index: number, term: number): void {
    invariant(index === this.last + 1, () => `entry ${index} doesn't follow ${this.last}`);
    invariant(term >= this.lastTerm, () => `entry ${index} of term ${term} follows one of term ${this.lastTerm}`);
    if (this.runs.length === 0 || this.lastTerm !== term) this.runs.push({ firstIndex: index, term });
    this.last = index;
  }

  truncateFrom(index: number): void {
    invariant(index > this.origin.index, () => `cut at ${index}, at or below the origin ${this.origin.index}`);
    while (this.runs.length > 0 && this.runs.at(-1)!.firstIndex >= index) this.runs.pop();
    this.last = Math.min(this.last, index - 1);
  }

  /** Forgets the head. @param to an entry of the log; it becomes the origin */
  compactTo(to: LogId): void {
    if (to.index <= this.origin.index) return;
    invariant(
      this.termAt(to.index) === to.term,
      () => `the head is cut at ${to.index} of term ${to.term}, which the log has with term ${this.termAt(to.index)}`,
    );
    const at = this.runAt(to.index + 1);
    const rest = to.index === this.last ? [] : this.runs.slice(at);
    if (rest.length > 0) rest[0] = { firstIndex: to.index + 1, term: rest[0]!.term };
    this.runs.splice(0, this.runs.length, ...rest);
    this.origin = to;
  }

  restartBehind(origin: LogId): void {
    this.runs.length = 0;
    this.origin = origin;
    this.last = origin.index;
  }

  /** Binary search. @returns the position of the run that holds `index`, or -1 */
  private runAt(index: number): number {
    let low = 0;
    let high = this.runs.length - 1;
    if (high >= 0 && this.runs[high]!.firstIndex <= index) return high;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (this.runs[middle]!.firstIndex <= index) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }
}
