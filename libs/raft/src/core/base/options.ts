import type { DurableState } from './effects';
import type { SeededRandom } from './random';
import type { GroupId, ReplicaId } from './types';

/** What a kernel is made with. Times come in ticks (time-outs) and in monotonic milliseconds (leases, stickiness). */
export interface KernelOptions {
  readonly groupId: GroupId;
  readonly clusterId: string;
  readonly replicaId: ReplicaId;
  /** This store's incarnation. */
  readonly incarnation: string;

  /** Milliseconds between two calls of `tick`: min(heartbeat interval / 5, 20). */
  readonly tickMs: number;
  /** Ticks between two heartbeats of a leader; 5 or more. */
  readonly heartbeatTicks: number;
  /**
   * The smallest election time-out in ticks; each is drawn from [electionTicks, 2 × electionTicks), so at least ten. Too low:
   * elections while the leader is well; too high: a frozen leader is missed for long.
   */
  readonly electionTicks: number;

  /**
   * Whether a closed connection to the leader starts an election early, and lifts stickiness. Never together with lease
   * reads, whose safety is stickiness.
   */
  readonly fastFailover: boolean;

  /**
   * How long a confirmed round lets this leader answer lease reads, from the time it was sent: below the smallest election
   * time-out times the clock-drift margin. 0: no lease reads.
   */
  readonly leaseMs: number;

  /** The store was made by this process, so it can't have confirmed a lease in an earlier life. */
  readonly newStore: boolean;

  /** Bytes of entries in one append. Default 256 KiB. A single larger entry still goes, alone. */
  readonly maxAppendBytes: number;
  /** Appends on the way to one peer. Default 16. */
  readonly maxInflightMessages: number;
  /** Bytes of appends on the way to one peer. Default 4 MiB. */
  readonly maxInflightBytes: number;
  /** A leader refuses proposals while its uncommitted entries hold more. Default 32 MiB. */
  readonly maxUncommittedBytes: number;
  /** A leader refuses proposals while committed, unapplied entries hold more; applying is also handed at most this much at once. Default 32 MiB. */
  readonly maxUnappliedBytes: number;
  /** Bytes of recent entries that are held in memory. Default 32 MiB. What is not durable yet is held in any case. */
  readonly logWindowBytes: number;
  /** Bytes of entries in one persist batch. Default 4 MiB. A single larger entry still goes, alone. */
  readonly maxPersistBytes: number;

  readonly random: SeededRandom;
  readonly durable: DurableState;
  /** The index that the state machine has applied by itself; 0 for a machine in memory without a snapshot. */
  readonly appliedIndex: number;
  /** Monotonic milliseconds of this instant. */
  readonly nowMs: number;
}

/** Defaults of the limits above. */
export const KERNEL_LIMITS = Object.freeze({
  maxAppendBytes: 256 * 1024,
  maxInflightMessages: 16,
  maxInflightBytes: 4 * 1024 * 1024,
  maxUncommittedBytes: 32 * 1024 * 1024,
  maxUnappliedBytes: 32 * 1024 * 1024,
  logWindowBytes: 32 * 1024 * 1024,
  maxPersistBytes: 4 * 1024 * 1024,
});
