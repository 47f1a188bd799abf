import type { LoadRequest } from '../base/effects';
import { entrySizeBytes, type Entry } from '../base/entry';
import { invariant } from '../base/invariant';
import type { RaftLog } from '../log/log';

interface Portion {
  readonly to: number;
  readonly bytes: number;
}

/** Bytes that end with an index, in order: what is held back until that index is applied. */
class BytesUpTo {
  private readonly portions: Portion[] = [];
  private total = 0;

  get bytes(): number {
    return this.total;
  }

  add(to: number, bytes: number): void {
    this.portions.push({ to, bytes });
    this.total += bytes;
  }

  clear(): void {
    this.portions.length = 0;
    this.total = 0;
  }

  release(index: number): void {
    while (this.portions.length > 0 && this.portions[0]!.to <= index) this.total -= this.portions.shift()!.bytes;
  }
}

/** Hands committed entries to the state machine: in order, once, only what is durable here, and a bounded amount at a time. */
export class ApplyQueue {
  private handed: number;
  private done: number;
  private readonly outstanding = new BytesUpTo();
  /** Committed in this process and not applied yet: what a leader's back-pressure looks at. */
  private readonly committed = new BytesUpTo();
  private loadId = 0;

  constructor(
    appliedIndex: number,
    private readonly maxBytes: number,
  ) {
    this.handed = appliedIndex;
    this.done = appliedIndex;
  }

  get appliedIndex(): number {
    return this.done;
  }

  get unappliedBytes(): number {
    return this.committed.bytes;
  }

  committedUpTo(index: number, bytes: number): void {
    this.committed.add(index, bytes);
  }

  applied(index: number): void {
    invariant(
      index >= this.done && index <= this.handed,
      () => `applied ${index} is reported, between ${this.done} and ${this.handed} is possible`,
    );
    this.done = index;
    this.outstanding.release(index);
    this.committed.release(index);
  }

  /** A snapshot takes the place of the state: what is still read from the store comes too late. */
  dropLoad(): void {
    this.loadId = 0;
  }

  /** The state machine holds everything up to `index` by a snapshot; what was on its way is of no use. */
  restartAt(index: number): void {
    this.handed = index;
    this.done = index;
    this.loadId = 0;
    this.outstanding.clear();
    this.committed.clear();
  }

  /**
   * Takes what can be applied now.
   *
   * @param request asks the store for what is no longer in memory, and returns the request's id
   */
  take(log: RaftLog, durableIndex: number, request: (load: Omit<LoadRequest, 'id'>) => number): readonly Entry[] {
    const to = Math.min(log.commitIndex, durableIndex);
    const room = this.maxBytes - this.outstanding.bytes;
    if (this.handed >= to || room <= 0 || this.loadId !== 0) return [];
    const entries = log.window.slice(this.handed + 1, to, room);
    if (entries === undefined) {
      this.loadId = request({ from: this.handed + 1, to, maxBytes: room });
      return [];
    }
    return this.hand(entries);
  }

  /** A page came from the store. What no longer fits in is asked for again. */
  loaded(log: RaftLog, requestId: number, entries: readonly Entry[]): readonly Entry[] {
    if (requestId !== this.loadId) return [];
    this.loadId = 0;
    for (const entry of entries)
      invariant(
        log.terms.termAt(entry.index) === entry.term,
        () => `the store gives entry ${entry.index} of term ${entry.term}, which was committed with another`,
      );
    return entries[0]?.index === this.handed + 1 ? this.hand(entries) : [];
  }

  private hand(entries: readonly Entry[]): readonly Entry[] {
    const last = entries.at(-1);
    if (last === undefined) return entries;
    this.handed = last.index;
    this.outstanding.add(
      last.index,
      entries.reduce((bytes, entry) => bytes + entrySizeBytes(entry), 0),
    );
    return entries;
  }
}
