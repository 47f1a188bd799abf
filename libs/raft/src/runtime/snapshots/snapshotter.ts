import type { ConfigurationInForce } from '../../core/base/configuration';
import { entrySizeBytes, type Entry } from '../../core/base/entry';
import { RaftError } from '../../errors/raft-error';
import { type GroupId, type LogId, ORIGIN } from '../../core/base/types';
import type { ReplicatedStateMachine, SnapshotSource } from '../../state-machine/contract';
import type { RaftStorage } from '../../storage/contract';
import { errorMessage } from '../base/error-message';
import type { NodeEvents } from '../events/node-events';
import type { RaftLogger } from '../base/logger';
import type { Scheduler } from '../base/scheduler';
import type { SliceTimer } from '../apply/slice-timer';
import type { SnapshotOptions } from '../options/snapshot-options';
import type { SnapshotInfo } from '../status/snapshot-status';

/** The version of the chunks' encoding, by which a reader knows whether it can read them. */
export const SNAPSHOT_CHUNKS_FORMAT = 1;
/** How long the head of the log is kept for a replica that is fetching a snapshot. */
const LONGEST_HOLD_MS = 600_000;
const RETRY_MS = 5_000;
/** How often it is looked whether the log has been replayed far enough. */
const REPLAY_MS = 50;

export interface SnapshotterPorts {
  readonly storage: RaftStorage;
  readonly groupId: GroupId;
  readonly scheduler: Scheduler;
  readonly machine: ReplicatedStateMachine;
  readonly logger: RaftLogger;
  readonly settings: SnapshotOptions;
  readonly slices: SliceTimer;
  readonly events: NodeEvents;
  /** The last entry that is applied. */
  applied(): LogId;
  configurationAt(index: number): ConfigurationInForce;
  termAt(index: number): number | undefined;
  /** Up to here the log may be cut. */
  durableIndex(): number;
  /** Calls back when no entry is being applied. */
  atBoundary(task: () => void | Promise<void>): void;
  /** Whether a replica that is there fetches a snapshot: it needs the log that follows. */
  somebodyFetches(): boolean;
  compacted(to: LogId): void;
}

/**
 * Takes snapshots of the state, by itself and when it is asked to, and cuts the log behind them. Only the capture holds up
 * commands; its chunks are written while they go on.
 */
export class Snapshotter {
  private newest: (SnapshotInfo & { readonly takenAtMs: number }) | undefined;
  private entries = 0;
  private bytes = 0;
  private running: Promise<SnapshotInfo> | undefined;
  /** Behind a snapshot of this entry the log's head may go. */
  private cutDue: { readonly behind: number; readonly sinceMs: number } | undefined;
  private cutting = false;
  private notBeforeMs = 0;
  private lastMs: number;
  private closed = false;

  /** @param stored the snapshot that the store has */
  constructor(
    private readonly ports: SnapshotterPorts,
    stored: SnapshotInfo | undefined,
  ) {
    this.lastMs = ports.scheduler.nowMs();
    if (stored !== undefined) this.newest = { ...stored, takenAtMs: this.lastMs };
  }

  get info(): SnapshotInfo | undefined {
    return this.newest;
  }

  applied(entries: readonly Entry[]): void {
    this.entries += entries.length;
    for (const entry of entries) this.bytes += entrySizeBytes(entry);
    const { afterEntries, afterBytes } = this.ports.settings;
    if (this.entries >= afterEntries || this.bytes >= afterBytes) this.takeBySelf();
  }

  /** A snapshot came from another node, and took the place of what was counted. */
  installed(info: SnapshotInfo): void {
    this.remember(info);
    this.entries = 0;
    this.bytes = 0;
  }

  tick(nowMs: number): void {
    const { afterMs } = this.ports.settings;
    if (afterMs !== null && this.entries > 0 && nowMs - this.lastMs >= afterMs) this.takeBySelf();
    const mayCut = this.running === undefined && !this.cutting && nowMs >= this.notBeforeMs;
    if (this.cutDue !== undefined && mayCut) this.cut(this.cutDue);
  }

  /**
   * @returns the snapshot, of everything that was applied before the call
   * @throws RaftError `RAFT_STORAGE` it can't be written
   */
  async take(): Promise<SnapshotInfo> {
    const index = this.ports.applied().index;
    if (this.running !== undefined) {
      const info = await this.running;
      if (info.index >= index) return info;
    }
    if (this.newest !== undefined && this.newest.index >= index) return this.newest;
    return (this.running ??= this.run());
  }

  /** The one in the store is damaged, and the state isn't: another takes its place. */
  replaceDamaged(): void {
    this.newest = undefined;
    this.takeBySelf();
  }

  close(): void {
    this.closed = true;
  }

  private takeBySelf(): void {
    const nowMs = this.ports.scheduler.nowMs();
    if (this.running !== undefined || this.closed || nowMs < this.notBeforeMs || this.isReplaying) return;
    this.running = this.run();
    this.running.catch((error: unknown) => {
      this.notBeforeMs = this.ports.scheduler.nowMs() + RETRY_MS;
      if (!this.closed) this.ports.logger.warn(`No snapshot could be taken: ${errorMessage(error)}`);
    });
  }

  /**
   * A node that has started replays its log, with the membership in force at its end: which one was in force at an index before
   * that isn't known here, and a snapshot has the one of its own index.
   */
  private get isReplaying(): boolean {
    const { index } = this.ports.applied();
    return this.ports.configurationAt(index).index > index;
  }

  /** A state that is kept elsewhere is of no one index, either, before the replay has reached where it was left. */
  private async replayed(): Promise<void> {
    const elsewhere = (await this.ports.machine.appliedElsewhere?.()) ?? 0;
    while ((this.isReplaying || this.ports.applied().index < elsewhere) && !this.closed)
      await new Promise<void>((resolve) => this.ports.scheduler.setTimer(REPLAY_MS, resolve));
  }

  private async run(): Promise<SnapshotInfo> {
    const { storage, groupId, logger, scheduler, machine } = this.ports;
    const startedMs = scheduler.nowMs();
    let source: SnapshotSource | undefined;
    try {
      await this.replayed();
      source = await this.captured();
      if (this.closed) throw new RaftError('RAFT_SHUTTING_DOWN', 'This node is shutting down; no snapshot was taken.');
      // Behind the capture nothing was applied yet: this is what it is of.
      const last = this.ports.applied();
      const counted = { entries: this.entries, bytes: this.bytes };
      const written = { chunks: 0, sizeBytes: 0 };
      const metadata = { last, configuration: this.ports.configurationAt(last.index), format: SNAPSHOT_CHUNKS_FORMAT };
      await storage.writeSnapshot(groupId, metadata, this.paced(source, written));
      await machine.snapshotStored?.(last.index);
      this.entries -= counted.entries;
      this.bytes -= counted.bytes;
      const info = { index: last.index, term: last.term, ...written };
      this.remember(info);
      this.cutDue = { behind: last.index, sinceMs: scheduler.nowMs() };
      const durationMs = scheduler.nowMs() - startedMs;
      const taken = this.ports.events.taps['snapshot-taken'];
      if (taken.isHeard) taken.emit({ ...info, durationMs });
      logger.debug(
        `Snapshot of entry ${info.index}: ${info.sizeBytes} bytes in ${info.chunks} chunks, ${Math.round(durationMs)} ms.`,
      );
      return info;
    } catch (error) {
      if (error instanceof RaftError) throw error;
      throw new RaftError('RAFT_STORAGE', `The snapshot was not taken: ${errorMessage(error)}`, { cause: error });
    } finally {
      source?.release();
      this.running = undefined;
    }
  }

  private captured(): Promise<SnapshotSource> {
    const { slices, machine } = this.ports;
    return new Promise((resolve, reject) => {
      this.ports.atBoundary(() => {
        try {
          const captured = slices.measure('The capture of the state machine', () => machine.capture());
          if (captured instanceof Promise) return captured.then(resolve, reject);
          resolve(captured);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        return undefined;
      });
    });
  }

  /** Each chunk in a turn of the event loop of its own, so that commands and heartbeats get in between. */
  private async *paced(
    source: SnapshotSource,
    written: { chunks: number; sizeBytes: number },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { scheduler, slices } = this.ports;
    const chunks = source.chunks()[Symbol.asyncIterator]();
    for (;;) {
      const step = await slices.measure('A chunk of a snapshot', () => chunks.next());
      if (step.done === true) return;
      const { value } = step;
      written.chunks++;
      written.sizeBytes += value.length;
      yield value;
      if (this.closed) throw new Error('this node is shutting down');
      await new Promise<void>((resolve) => scheduler.defer(resolve));
    }
  }

  private remember(info: SnapshotInfo): void {
    this.lastMs = this.ports.scheduler.nowMs();
    this.newest = { ...info, takenAtMs: this.lastMs };
  }

  /** Once nobody fetches who needs the log that follows. */
  private cut(due: { readonly behind: number; readonly sinceMs: number }): void {
    const { scheduler, logger } = this.ports;
    if (this.ports.somebodyFetches() && scheduler.nowMs() - due.sinceMs < LONGEST_HOLD_MS) return;
    this.cutDue = undefined;
    this.cutting = true;
    this.cutBehind(due.behind)
      .catch((error: unknown) => {
        if (this.closed) return;
        this.notBeforeMs = scheduler.nowMs() + RETRY_MS;
        this.cutDue ??= due;
        logger.warn(`The log could not be cut: ${errorMessage(error)}`);
      })
      .finally(() => (this.cutting = false));
  }

  /**
   * Entries that take more bytes than may stay go, however few they are. The store first: what the kernel has forgotten must not
   * come back with a start.
   */
  private async cutBehind(snapshot: number): Promise<void> {
    const { storage, groupId, settings } = this.ports;
    const from = Math.max(ORIGIN.index + 1, snapshot - settings.trailingEntries + 1);
    const { firstIndex } = await storage.tail(groupId, from, snapshot, settings.trailingBytes);
    const index = firstIndex - 1;
    const term = this.ports.termAt(index);
    if (this.closed || index <= ORIGIN.index || term === undefined || index > this.ports.durableIndex()) return;
    const to = { index, term };
    await storage.compact(groupId, to);
    if (!this.closed) this.ports.compacted(to);
  }
}
