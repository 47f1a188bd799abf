import type { Entry } from '../core/base/entry';
import { type LogId, ORIGIN, type TermRun } from '../core/base/types';
import { type GroupWrite, StoreFencedError } from './contract';

/**
 * Where a group's stored log stands: what a store must know to refuse a write that doesn't follow the one before. Every
 * implementation keeps one for each group, beside the data, and moves it only when a write is durable.
 */
export class GroupPosition {
  lastBatch = 0;
  commitIndex = 0;
  origin: LogId = ORIGIN;
  lastIndex = 0;
  /** The terms of every entry after {@link origin}, as runs; the first run starts right behind it. */
  terms: TermRun[] = [];

  copy(): GroupPosition {
    return Object.assign(new GroupPosition(), this, { terms: [...this.terms] });
  }

  get exists(): boolean {
    return this.lastBatch > 0;
  }

  /** @returns the term of an entry in the log, that of the origin at its index, or undefined outside */
  termAt(index: number): number | undefined {
    if (index === this.origin.index) return this.origin.term;
    if (index < this.origin.index || index > this.lastIndex) return undefined;
    let low = 0;
    let high = this.terms.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.terms[middle] as TermRun).firstIndex <= index) low = middle;
      else high = middle - 1;
    }
    return (this.terms[low] as TermRun).term;
  }

  /** @returns the last index once `write` has landed */
  lastIndexAfter(write: GroupWrite): number {
    const last = write.entries.at(-1);
    if (last) return last.index;
    return write.truncateFrom === undefined ? this.lastIndex : write.truncateFrom - 1;
  }

  /** @returns whether `entry`, written behind the entry before it, begins another term */
  startsTerm(entry: Entry, before: Entry | undefined): boolean {
    if (before) return before.term !== entry.term;
    return entry.index === this.origin.index + 1 || this.termAt(entry.index - 1) !== entry.term;
  }

  /**
   * Refuses what doesn't follow. It is refused before anything is written, and for good: a caller that lost count would
   * leave a gap, or cut what is committed.
   *
   * @throws StoreFencedError
   */
  refuseUnlessNext(write: GroupWrite): void {
    const refuse = (what: string): never => {
      throw new StoreFencedError(
        `Batch ${write.number} of group '${write.group}' was not written: ${what}. ` +
          'The store and this node disagree about what is stored; restart the node, so that it loads what is there.',
      );
    };
    if (write.number !== this.lastBatch + 1) refuse(`the batch before it is ${this.lastBatch}`);
    if (this.exists && write.identity) refuse('the group has its identity already');
    if (!this.exists && !(write.identity && write.configuration))
      refuse('the first batch of a group carries its identity and its configuration');
    if (write.commitIndex < this.commitIndex) refuse(`the commit index ${this.commitIndex} would go back`);

    const { truncateFrom } = write;
    if (truncateFrom !== undefined) {
      // A committed entry is never cut: meeting one in conflict is corruption (thesis §3.6.3).
      if (truncateFrom <= Math.max(this.commitIndex, this.origin.index))
        refuse(`it cuts the log from ${truncateFrom}, at or below the commit index ${this.commitIndex}`);
      if (truncateFrom > this.lastIndex + 1)
        refuse(`it cuts from ${truncateFrom}, after the log's end ${this.lastIndex}`);
    }
    let index = truncateFrom === undefined ? this.lastIndex : truncateFrom - 1;
    let term = this.termAt(index) ?? 0;
    for (const entry of write.entries) {
      index++;
      if (entry.index !== index) refuse(`entry ${entry.index} stands where ${index} must follow`);
      if (entry.term < term) refuse(`the term ${term} would go back at index ${index}`);
      term = entry.term;
    }
  }

  /** Moves behind a write that is durable. */
  advance(write: GroupWrite): void {
    const { truncateFrom } = write;
    if (truncateFrom !== undefined) {
      this.lastIndex = truncateFrom - 1;
      while ((this.terms.at(-1)?.firstIndex ?? 0) >= truncateFrom) this.terms.pop();
    }
    let term = this.terms.at(-1)?.term;
    for (const entry of write.entries) {
      if (entry.term !== term) this.terms.push({ firstIndex: entry.index, term: entry.term });
      term = entry.term;
    }
    this.lastIndex = write.entries.at(-1)?.index ?? this.lastIndex;
    this.lastBatch = write.number;
    this.commitIndex = write.commitIndex;
  }

  /**
   * Cuts the head. An origin that the log doesn't hold, or holds in another term, drops all of it: what follows a snapshot
   * has to fit it, and a tail that conflicts with it doesn't (thesis §5.3).
   *
   * @returns what became of the log
   */
  cut(to: LogId): 'unchanged' | 'cut' | 'dropped' {
    if (to.index <= this.origin.index) return 'unchanged';
    if (this.termAt(to.index) === to.term) {
      this.origin = to;
      const kept = this.terms.filter((_run, at) => (this.terms[at + 1]?.firstIndex ?? Infinity) > to.index + 1);
      this.terms =
        to.index === this.lastIndex
          ? []
          : kept.map((run) => (run.firstIndex <= to.index ? { firstIndex: to.index + 1, term: run.term } : run));
      return 'cut';
    }
    this.origin = to;
    this.lastIndex = to.index;
    this.terms = [];
    return 'dropped';
  }
}
