import type { LoadRequest } from '../../core/base/effects';
import type { Entry } from '../../core/base/entry';
import type { GroupId } from '../../core/base/types';
import { isStoreCorrupt } from '../../storage/checked-load';
import { type RaftStorage, StoreCorruptError } from '../../storage/contract';
import type { Scheduler, TimerHandle } from '../base/scheduler';

/** How long an answer that has nothing is held back, so that a kernel which asks again doesn't spin. */
const EMPTY_PAUSE_MS = 20;
const ERROR_PAUSE_MS = 100;

export interface EntryLoaderEvents {
  /** The term that the kernel has for an index; undefined outside of its log. */
  termAt(index: number): number | undefined;
  /** Up to here the log is committed and durable here: it never changes, but its head may be cut. */
  settledIndex(): number;
  /** No cut passes it. */
  appliedIndex(): number;
  loaded(requestId: number, entries: readonly Entry[]): void;
  /** The store gave back what it must not: a wrong checksum, a gap. */
  corrupt(error: Error): void;
  /** The log has an entry that this version doesn't know. */
  newer(error: Error): void;
  failed(error: unknown): void;
}

/** Fetches entries that the kernel no longer holds, beside the writes. */
export class EntryLoader {
  private closed = false;
  private readonly pauses = new Set<TimerHandle>();

  constructor(
    private readonly storage: RaftStorage,
    private readonly group: GroupId,
    private readonly scheduler: Scheduler,
    private readonly events: EntryLoaderEvents,
  ) {}

  load(request: LoadRequest): void {
    // As of now: what is committed while the page is on its way may have replaced what is in it.
    const settledIndex = this.events.settledIndex();
    this.storage.entries(this.group, request.from, request.to, request.maxBytes).then(
      (page) => {
        if (this.closed) return;
        const entries = this.stillCurrent(request, page);
        const damage = this.damageBehind(entries, request, page, settledIndex);
        if (damage !== undefined) this.events.corrupt(damage);
        else if (entries.length > 0) this.events.loaded(request.id, entries);
        else this.answerNothing(request, EMPTY_PAUSE_MS);
      },
      (error: unknown) => {
        if (this.closed) return;
        if (isStoreCorrupt(error)) {
          this.events.corrupt(error);
          return;
        }
        if (error instanceof Error && error.name === 'StoreNewerError') {
          this.events.newer(error);
          return;
        }
        this.events.failed(error);
        this.answerNothing(request, ERROR_PAUSE_MS);
      },
    );
  }

  close(): void {
    this.closed = true;
    for (const timer of this.pauses) this.scheduler.clearTimer(timer);
    this.pauses.clear();
  }

  /** A truncation or compaction may have passed the page on its way: it is good up to the first term that differs. */
  private stillCurrent(request: LoadRequest, page: readonly Entry[]): readonly Entry[] {
    let good = 0;
    while (good < page.length) {
      const entry = page[good]!;
      if (entry.index !== request.from + good || this.events.termAt(entry.index) !== entry.term) break;
      good++;
    }
    return good === page.length ? page : page.slice(0, good);
  }

  /** @returns what is wrong where the page ends early although no truncation and no compaction can have passed it */
  private damageBehind(
    current: readonly Entry[],
    { from }: LoadRequest,
    page: readonly Entry[],
    settledIndex: number,
  ): StoreCorruptError | undefined {
    if (current.length > 0 && current.length === page.length) return undefined;
    const index = from + current.length;
    const term = this.events.termAt(index);
    if (index > settledIndex || term === undefined) return undefined;
    const found = page[current.length];
    // The store may have cut its head already where the kernel doesn't know yet.
    if (found === undefined && index <= this.events.appliedIndex()) return undefined;
    const gives = found === undefined ? `has no entry ${index}` : `gives entry ${found.index} of term ${found.term}`;
    return new StoreCorruptError(
      `The store ${gives}, where ${found === undefined || found.index === index ? 'one' : `entry ${index}`} of term ${term} was ` +
        'committed and stored. The store was changed or restored from outside.',
    );
  }

  private answerNothing(request: LoadRequest, pauseMs: number): void {
    const timer = this.scheduler.setTimer(pauseMs, () => {
      this.pauses.delete(timer);
      this.events.loaded(request.id, []);
    });
    this.pauses.add(timer);
  }
}
