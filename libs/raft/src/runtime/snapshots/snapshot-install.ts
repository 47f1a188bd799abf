/** The snapshot install: the state machine is restored first, then the log is cut, then the kernel goes on. */

import type { ConfigurationInForce } from '../../core/base/configuration';
import type { KernelSnapshot } from '../../core/base/kernel-api';
import { type GroupId, type LogId, sameLogId } from '../../core/base/types';
import type { ReplicatedStateMachine } from '../../state-machine/contract';
import { RestoreInterruptedError } from '../../state-machine/host/host-errors';
import { type IntactGroup, isStoreCorrupt } from '../../storage/checked-load';
import type { LoadedGroup, RaftStorage, SnapshotMetadata } from '../../storage/contract';
import { errorMessage } from '../base/error-message';
import { yieldBetweenChunks } from '../base/yield-between-chunks';
import type { RaftLogger } from '../base/logger';
import type { Scheduler } from '../base/scheduler';
import type { SnapshotInfo } from '../status/snapshot-status';

const RETRY_MS = 500;

export interface InstallPorts {
  readonly storage: RaftStorage;
  readonly groupId: GroupId;
  readonly scheduler: Scheduler;
  readonly machine: ReplicatedStateMachine;
  readonly logger: RaftLogger;
  /** Asks the kernel. From a yes on it hands nothing out until `installed`. */
  begin(snapshot: KernelSnapshot): boolean;
  /** @returns when nothing is being written and nothing is being applied */
  settled(): Promise<void>;
  installed(snapshot: KernelSnapshot, info: SnapshotInfo): void;
  /** The state machine has lost its state. */
  failed(error: unknown): void;
  /** The snapshot in the store isn't what was written. */
  damaged(error: Error): void;
  isClosed(): boolean;
}

/**
 * Puts a snapshot that is whole in the store in place of the state and of the log: the machine first, then the log's cut. A
 * crash in between leaves a snapshot that is ahead of the log, which the next start finds and finishes.
 */
export async function installSnapshot(
  ports: InstallPorts,
  metadata: SnapshotMetadata,
  info: SnapshotInfo,
): Promise<void> {
  const { storage, groupId, machine, logger, scheduler } = ports;
  const snapshot = { last: metadata.last, configuration: metadata.configuration };
  if (ports.isClosed() || !ports.begin(snapshot)) return;
  await ports.settled();
  for (;;) {
    if (ports.isClosed()) return;
    let stored;
    try {
      stored = await storage.readSnapshot(groupId);
      if (stored === undefined || !sameLogId(stored.metadata.last, metadata.last))
        throw new Error(`the store has no snapshot of entry ${metadata.last.index}`);
    } catch (error) {
      if (isStoreCorrupt(error)) {
        ports.damaged(error);
        return;
      }
      logger.warn(`The snapshot can't be read yet: ${errorMessage(error)}`);
      await pause(scheduler);
      continue;
    }
    const chunks = new StoredChunks(stored.chunks);
    try {
      await machine.restore(metadata.last, yieldBetweenChunks(chunks, scheduler));
      break;
    } catch (error) {
      if (ports.isClosed()) return;
      if (chunks.damage !== undefined) {
        ports.damaged(chunks.damage);
        return;
      }
      // What the store could not give may come at the next attempt; what the machine can't read never will.
      if (!chunks.broke && !(error instanceof RestoreInterruptedError)) {
        ports.failed(error);
        return;
      }
      logger.warn(`The snapshot couldn't be restored yet: ${errorMessage(error)}`);
      await pause(scheduler);
    }
  }
  await cutLog(ports, snapshot);
  if (!ports.isClosed()) ports.installed(snapshot, info);
}

/** What a machine makes of damage that it meets while it reads is of no interest. @throws StoreCorruptError the snapshot is damaged */
async function restoreFrom(machine: ReplicatedStateMachine, last: LogId, stored: AsyncIterable<Uint8Array>) {
  const chunks = new StoredChunks(stored);
  try {
    await machine.restore(last, chunks);
  } catch (error) {
    throw chunks.damage ?? error;
  }
}

/** Tells an error of the store from one of the machine that reads. */
class StoredChunks implements AsyncIterable<Uint8Array> {
  broke = false;
  damage: Error | undefined;

  constructor(private readonly chunks: AsyncIterable<Uint8Array>) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const chunks = this.chunks[Symbol.asyncIterator]();
    try {
      for (;;) {
        const step = await this.next(chunks);
        if (step.done === true) return;
        yield step.value;
      }
    } finally {
      await chunks.return?.();
    }
  }

  private async next(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    try {
      return await chunks.next();
    } catch (error) {
      // What is damaged stays so.
      if (isStoreCorrupt(error)) this.damage = error;
      else this.broke = true;
      throw error;
    }
  }
}

async function cutLog(ports: InstallPorts, { last }: KernelSnapshot): Promise<void> {
  while (!ports.isClosed())
    try {
      await ports.storage.compact(ports.groupId, last);
      return;
    } catch (error) {
      ports.logger.warn(`The log can't be cut at the snapshot yet: ${errorMessage(error)}`);
      await pause(ports.scheduler);
    }
}

function pause(scheduler: Scheduler): Promise<void> {
  return new Promise((resolve) => scheduler.setTimer(RETRY_MS, resolve));
}

export interface RestoredGroup {
  readonly group: LoadedGroup;
  /** The snapshot that the store has. */
  readonly snapshot: SnapshotInfo | undefined;
  readonly appliedIndex: number;
}

/**
 * What a start does with the snapshot in the store: a machine that is behind it is restored from it, and an install that a
 * crash cut off is finished.
 */
export async function restoreAtStart(
  storage: RaftStorage,
  groupId: GroupId,
  machine: ReplicatedStateMachine,
  { group, snapshot: stored }: IntactGroup,
  appliedIndex: number,
): Promise<RestoredGroup> {
  if (stored === undefined) return { group, snapshot: undefined, appliedIndex };
  const { last, configuration } = stored.metadata;
  const info = { index: last.index, term: last.term, chunks: stored.chunkCount, sizeBytes: stored.sizeBytes };
  const isBehind = appliedIndex < last.index;
  if (isBehind) await restoreFrom(machine, last, stored.chunks);
  const applied = isBehind ? last.index : appliedIndex;
  const isWhole = last.index <= group.snapshot.index || termIn(group, last.index) === last.term;
  if (!isWhole) await storage.compact(groupId, last);
  const cut = isWhole ? group : ((await storage.load(groupId)) ?? group);
  return { group: withConfiguration(cut, configuration), snapshot: info, appliedIndex: applied };
}

/**
 * The membership of an installed snapshot is written with the next batch behind the log's cut. Until then the snapshot alone
 * has it, however often this node crashes; and a node that votes by the one before could elect a second leader.
 */
function withConfiguration(group: LoadedGroup, configuration: ConfigurationInForce): LoadedGroup {
  if (configuration.index <= group.configuration.index) return group;
  const configurationEntries = group.configurationEntries.filter(({ index }) => index > configuration.index);
  return { ...group, configuration, configurationEntries };
}

function termIn(group: LoadedGroup, index: number): number | undefined {
  if (index > group.lastIndex) return undefined;
  return group.terms.findLast(({ firstIndex }) => firstIndex <= index)?.term;
}
