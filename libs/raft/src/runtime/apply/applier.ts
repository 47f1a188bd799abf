import { type Entry, entrySizeBytes } from '../../core/base/entry';
import type { CommandOutcome, ReplicatedStateMachine } from '../../state-machine/contract';
import type { Scheduler } from '../base/scheduler';

/** What is handed to the state machine at once, so that no synchronous slice lasts long: about ten milliseconds at most. */
const SLICE_ENTRIES = 256;
const SLICE_BYTES = 1024 * 1024;

export interface ApplierEvents {
  /** Whether somebody waits for the outcome of this index. */
  isWanted(index: number): boolean;
  applied(entries: readonly Entry[], outcomes: readonly CommandOutcome[], tookMs: number): void;
  /** The state machine threw: it can neither skip the entry nor be asked again. */
  failed(error: unknown): void;
}

/**
 * Hands committed entries to the state machine, in order, one slice at a time. What comes in meanwhile waits for the next;
 * the replay after a restart goes the same way.
 */
export class Applier {
  private queue: Entry[] = [];
  private head = 0;
  private busy = false;
  /** What the machine was handed and hasn't answered. */
  private handed: { readonly lastIndex: number; readonly sinceMs: number } | undefined;
  private closed = false;
  private work: Promise<void> = Promise.resolve();
  private boundaryTasks: (() => void | Promise<void>)[] = [];
  private settledTasks: (() => void)[] = [];

  constructor(
    private readonly machine: ReplicatedStateMachine,
    private readonly scheduler: Scheduler,
    private readonly events: ApplierEvents,
  ) {}

  enqueue(entries: readonly Entry[]): void {
    if (this.closed) return;
    for (const entry of entries) this.queue.push(entry);
    if (!this.busy) this.next();
  }

  /** How many entries wait, those not counted that are being applied. */
  get size(): number {
    return this.queue.length - this.head;
  }

  /** What the machine was handed and hasn't answered, and since when by the scheduler's clock; undefined where nothing is. */
  get underWay(): { readonly lastIndex: number; readonly sinceMs: number } | undefined {
    return this.handed;
  }

  /** Whether the machine has something else in hand than entries, or is about to get the next ones. */
  get isOccupied(): boolean {
    return this.busy && this.handed === undefined;
  }

  /** Runs `task` when no entry is being applied; the next slice comes when it is done. It doesn't throw. */
  atBoundary(task: () => void | Promise<void>): void {
    if (this.busy) {
      this.boundaryTasks.push(task);
      return;
    }
    const work = task();
    if (work === undefined) return;
    this.busy = true;
    this.work = work.then(() => this.goOn());
  }

  /** @returns when everything that was handed in is applied */
  settled(): Promise<void> {
    if (!this.busy) return Promise.resolve();
    return new Promise((resolve) => this.settledTasks.push(resolve));
  }

  /** Hands nothing over from now on. @returns when the slice that is under way is applied */
  close(): Promise<void> {
    this.closed = true;
    this.queue = [];
    this.head = 0;
    for (const task of [...this.boundaryTasks.splice(0), ...this.settledTasks.splice(0)]) void task();
    return this.work;
  }

  private readonly next = (): void => {
    if (this.closed) return;
    const slice = this.takeSlice();
    this.busy = slice.length > 0;
    if (this.busy) this.work = this.apply(slice);
  };

  private async apply(slice: readonly Entry[]): Promise<void> {
    const startedMs = this.scheduler.nowMs();
    this.handed = { lastIndex: slice[slice.length - 1]!.index, sinceMs: startedMs };
    try {
      const outcomes = await this.machine.apply(slice, this.isWanted);
      this.handed = undefined;
      if (this.closed) return;
      if (outcomes.length !== slice.length)
        throw new Error(`the state machine answered ${outcomes.length} outcomes for ${slice.length} entries`);
      this.events.applied(slice, outcomes, this.scheduler.nowMs() - startedMs);
    } catch (error) {
      if (!this.closed) this.events.failed(error);
      return;
    }
    if (this.boundaryTasks.length > 0) await this.runBoundaryTasks();
    this.goOn();
  }

  private async runBoundaryTasks(): Promise<void> {
    for (const task of this.boundaryTasks.splice(0)) {
      const work = task();
      if (work !== undefined) await work;
    }
  }

  private goOn(): void {
    if (this.head < this.queue.length) this.scheduler.defer(this.next);
    else {
      this.busy = false;
      for (const task of this.settledTasks.splice(0)) task();
    }
  }

  private readonly isWanted = (index: number): boolean => this.events.isWanted(index);

  private takeSlice(): readonly Entry[] {
    const from = this.head;
    let bytes = 0;
    while (this.head < this.queue.length && this.head - from < SLICE_ENTRIES && bytes < SLICE_BYTES)
      bytes += entrySizeBytes(this.queue[this.head++]!);
    const slice = this.queue.slice(from, this.head);
    if (this.head === this.queue.length) {
      this.queue = [];
      this.head = 0;
    } else if (this.head > 4096) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
    return slice;
  }
}
