import { RaftKernel } from '../../core/kernel';
import type { Kernel } from '../../core/base/kernel-api';
import { SeededRandom } from '../../core/base/random';
import type { LoadedGroup } from '../../storage/contract';
import type { RaftNodeOptions } from './raft-node-options';
import { timingOf } from './timing';

export interface KernelOrigin {
  readonly group: LoadedGroup;
  readonly incarnation: string;
  /** What the state machine has applied by itself. */
  readonly appliedIndex: number;
  /** This process wrote the group's first batch. */
  readonly newStore: boolean;
}

/** @throws InvariantError where what is stored contradicts itself */
export function createKernel(options: RaftNodeOptions, origin: KernelOrigin): Kernel {
  const { groupId, scheduler, leaseReads, limits } = options;
  const { tickMs, heartbeatTicks, electionTicks, leaseMs } = timingOf(options);
  const { group, incarnation, appliedIndex, newStore } = origin;
  return new RaftKernel({
    groupId,
    clusterId: group.identity.clusterId,
    replicaId: group.identity.replicaId,
    incarnation,
    tickMs,
    heartbeatTicks,
    electionTicks,
    fastFailover: leaseReads === null,
    leaseMs,
    newStore,
    maxAppendBytes: limits.maxAppendBytes,
    maxInflightMessages: limits.maxInflightMessages,
    maxInflightBytes: limits.maxInflightBytes,
    maxUncommittedBytes: limits.maxUncommittedBytes,
    maxUnappliedBytes: limits.maxUnappliedBytes,
    logWindowBytes: limits.logWindowBytes,
    maxPersistBytes: limits.maxPersistBytes,
    random: new SeededRandom(scheduler.randomSeed()),
    durable: group,
    appliedIndex,
    nowMs: scheduler.nowMs(),
  });
}
