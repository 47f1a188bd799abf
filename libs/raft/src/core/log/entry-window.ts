import { entrySizeBytes, type Entry } from '../base/entry';
import { invariant } from '../base/invariant';

/** The recent entries, contiguous up to the end of the log, held within a budget of bytes. Older ones are in the store. */
export class EntryWindow {
  private entries: Entry[] = [];
  /** Entries before this position are dropped; they are cut off in portions, so that dropping one is cheap. */
  private head = 0;
  private bytes = 0;
  private last: number;

  /** @param lastIndex the end of the log; nothing of it is held yet */
  constructor(
    lastIndex: number,
    private readonly budgetBytes: number,
  ) {
    this.last = lastIndex;
  }

  /** The first index that is held; one more than the last where nothing is. */
  get firstIndex(): number {
    return this.last - (this.entries.length - this.head) + 1;
  }

  get sizeBytes(): number {
    return this.bytes;
  }

  at(index: number): Entry | undefined {
    if (index < this.firstIndex || index > this.last) return undefined;
    return this.entries[this.head + index - this.firstIndex];
  }

  append(entry: Entry): void {
    invariant(entry.index === this.last + 1, () => `entry ${entry.index} doesn't follow ${this.last} in the window`);
    this.entries.push(entry);
    this.bytes += entrySizeBytes(entry);
    this.last = entry.index;
  }

  truncateFrom(index: number): void {
    while (this.last >= index && this.entries.length > this.head) {
      this.bytes -= entrySizeBytes(this.entries.pop()!);
      this.last--;
    }
    this.last = Math.min(this.last, index - 1);
  }

  /**
   * @returns entries from `from` up to `to`, until `maxBytes` are reached: at least one where `from` is held; undefined where it isn't
   */
  slice(from: number, to: number, maxBytes: number): readonly Entry[] | undefined {
    if (from > to) return [];
    if (this.at(from) === undefined) return undefined;
    const start = this.head + from - this.firstIndex;
    const limit = this.head + Math.min(to, this.last) - this.firstIndex;
    let end = start;
    let bytes = 0;
    while (end <= limit) {
      bytes += entrySizeBytes(this.entries[end]!);
      if (bytes > maxBytes && end > start) break;
      end++;
    }
    return this.entries.slice(start, end);
  }

  /** Drops everything up to `index`. */
  dropTo(index: number): void {
    const count = Math.min(this.entries.length - this.head, index - this.firstIndex + 1);
    for (let dropped = 0; dropped < count; dropped++) this.dropFirst();
    this.tidy();
  }

  restartBehind(lastIndex: number): void {
    this.entries = [];
    this.head = 0;
    this.bytes = 0;
    this.last = lastIndex;
  }

  /** Drops the oldest entries while the budget is exceeded, but none above `keepAbove`. */
  shrink(keepAbove: number): void {
    let first = this.firstIndex;
    while (this.bytes > this.budgetBytes && first <= keepAbove && first <= this.last) {
      this.dropFirst();
      first++;
    }
    this.tidy();
  }

  private dropFirst(): void {
    this.bytes -= entrySizeBytes(this.entries[this.head]!);
    this.entries[this.head] = undefined as never;
    this.head++;
  }

  private tidy(): void {
    if (this.head > 1024 && this.head > this.entries.length / 2) {
      this.entries = this.entries.slice(this.head);
      this.head = 0;
    }
  }
}
