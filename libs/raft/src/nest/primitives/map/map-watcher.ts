import type { Subscriber, Subscription } from 'rxjs';
import { isRaftError, RaftError } from '../../../errors/raft-error';
import type { TimerHandle } from '../../../runtime/base/scheduler';
import type { RaftMachineEvent } from '../../../state-machine/entries/machine-change';
import type { Replicated } from '../../../state-machine/calls/replicated';
import type { PrimitiveParts } from '../../common/primitive';
import type { MapMachine } from './map.machine';
import { changeOf, type MapChangeEvent, type RaftMapChange } from './map-record';

const RETRY_MS = 500;
/** A watch may begin before the node has started, or while it replays its log. */
const PASSING: ReadonlySet<string> = new Set([
  'RAFT_NOT_STARTED',
  'RAFT_LAGGING',
  'RAFT_BUSY',
  'RAFT_TIMEOUT',
  'RAFT_NO_LEADER',
]);

/**
 * One watch of a map: every change from an index on, once and in order, without a gap. What the node applies is passed on as
 * it comes; where something was before the watch, or a snapshot took its place, it is read from the history, with what
 * comes meanwhile.
 */
export class MapWatcher {
  private readonly subscription: Subscription;
  /** Whether the history is read; otherwise changes are passed on as they come. */
  private isCatchingUp = true;
  /** The first change that came while the history is read, and the last: they are read from it, too, and aren't kept here. */
  private firstHeard: number | undefined;
  private lastSequence = 0;
  /** The first read failed: the node was starting, and what it told meanwhile was its replay. */
  private wasStarting = false;
  private timer: TimerHandle | undefined;
  private stopped = false;

  /**
   * @param through the index up to which nothing is to be told; undefined: from now on
   */
  constructor(
    private readonly map: string,
    private readonly prefix: string,
    private through: number | undefined,
    private readonly parts: PrimitiveParts,
    private readonly subscriber: Subscriber<RaftMapChange>,
  ) {
    this.subscription = parts.events.subscribe({
      next: (event) => this.onEvent(event),
      complete: () => subscriber.complete(),
      error: (error) => subscriber.error(error),
    });
    void this.readHistory();
  }

  stop(): void {
    this.stopped = true;
    this.subscription.unsubscribe();
    if (this.timer !== undefined) this.parts.scheduler.clearTimer(this.timer);
  }

  private onEvent(event: RaftMachineEvent): void {
    if (event.kind === 'replaced') {
      if (this.isCatchingUp) return;
      this.isCatchingUp = true;
      this.firstHeard = undefined;
      void this.readHistory();
      return;
    }
    if (!isOfMap(event.value, this.map)) return;
    if (!this.isCatchingUp) return this.emit(event.value);
    this.firstHeard ??= event.value.index;
    this.lastSequence = Math.max(this.lastSequence, event.value.index);
  }

  private emit(change: MapChangeEvent): void {
    this.through = change.index;
    if (change.key.startsWith(this.prefix)) this.subscriber.next(changeOf(change));
  }

  private async readHistory(): Promise<void> {
    const machine = this.parts.caller as Replicated<MapMachine>;
    try {
      this.through ??= await this.beginning(machine);
      do await this.catchUp(machine, this.through);
      while (this.lastSequence > this.through && !this.stopped);
      this.isCatchingUp = false;
    } catch (error) {
      if (this.stopped) return;
      if (isRaftError(error) && PASSING.has(error.code)) this.readLater();
      else this.subscriber.error(error);
    }
  }

  /** What came between the call and this answer is told, too. */
  private async beginning(machine: Replicated<MapMachine>): Promise<number> {
    const { through } = await machine.$stale().changesFrom(this.map, this.prefix, Infinity);
    const { firstHeard = Infinity, wasStarting } = this;
    return wasStarting ? through : Math.min(through, firstHeard - 1);
  }

  private async catchUp(machine: Replicated<MapMachine>, begin: number): Promise<void> {
    let through = begin;
    for (let isAll = false; !isAll && !this.stopped;) {
      const page = await machine.$stale().changesFrom(this.map, this.prefix, through + 1);
      if (this.stopped) return;
      if (page.forgottenThrough > through) throw forgotten(this.map, through + 1, page.forgottenThrough);
      for (const change of page.changes) this.subscriber.next(changeOf(change));
      through = this.through = Math.max(page.through, through);
      ({ isAll } = page);
    }
  }

  private readLater(): void {
    this.wasStarting = true;
    this.timer = this.parts.scheduler.setTimer(RETRY_MS, () => void this.readHistory());
  }
}

function isOfMap(value: unknown, map: string): value is MapChangeEvent {
  return typeof value === 'object' && value !== null && (value as Partial<MapChangeEvent>).map === map;
}

function forgotten(map: string, fromIndex: number, forgottenThrough: number): RaftError {
  return new RaftError(
    'RAFT_COMPACTED',
    `The changes of the map '${map}' were requested from index ${fromIndex} on, but are kept only from index ${forgottenThrough + 1} on. Read the map, and watch from the index after the one that the read returned.`,
    { details: { firstIndex: forgottenThrough + 1 } },
  );
}
