import type { Role } from '../../core/base/effects';
import type { PendingChange } from './pending-change';
import type { ReplicaId } from '../../core/base/types';
import type { PeerConnectionState } from '../../transport/contract';
import type { MemberRole } from './membership-view';
import type { SecurityStatus } from './security-status';
import type { InstallStatus, SnapshotInfo } from './snapshot-status';

/**
 * Where a node stands. `bootstrapping`: waiting for the other founders. `joining`: waiting to be accepted. `removed`, `quarantined`
 * and `failed` don't end by themselves; `reason` says what to do.
 *
 * @publicApi
 */
export type RaftPhase =
  | 'created'
  | 'starting'
  | 'bootstrapping'
  | 'joining'
  | 'running'
  | 'removed'
  | 'quarantined'
  | 'failed'
  | 'stopping'
  | 'stopped';

/**
 * A node that runs and can't do its part: its store fails or stalls. It acknowledges nothing and its own state stands still;
 * calls that the leader serves go on. It ends automatically when the store is back.
 *
 * @publicApi
 */
export interface DegradedStatus {
  readonly reason: string;
  /** Since when, in milliseconds since 1970. */
  readonly sinceMs: number;
}

/** @publicApi */
export interface MemberStatus {
  readonly id: ReplicaId;
  readonly name: string;
  readonly peer: string;
  readonly http: string;
  readonly voter: boolean;
  readonly role: MemberRole;
  /** The connection that this node dialled to it; `self` for this node. */
  readonly connection: PeerConnectionState | 'self';
  readonly connectionDetail: string;
  /** Known to a leader only. */
  readonly matchIndex: number | null;
  /** The last entry that its state machine had applied, by its last answer to the leader. Known to a leader only. */
  readonly appliedIndex: number | null;
  readonly replication: 'probe' | 'replicate' | 'snapshot' | null;
  /**
   * `degraded`: its store stalls, by its own word. `silent`: it hasn't answered for an election time-out, as it is down, cut off,
   * or out of reach of its store. Known to a leader only.
   */
  readonly health: 'well' | 'degraded' | 'silent' | null;
  /** Of a learner that shall vote: whether its log and its state machine have caught up. Known to a leader only. */
  readonly caughtUp: boolean | null;
}

/** @publicApi */
export interface LeaderStatus {
  readonly id: ReplicaId;
  readonly name: string;
  readonly peer: string;
  readonly http: string;
}

/** Reads since this node's start. @publicApi */
export interface ReadCounts {
  /** Confirmed by a round, as leader; reads of followers are among them, once for all that share a question. */
  readonly linearizable: number;
  /** Asked for by lease, as leader: confirmed without a message where the lease held. */
  readonly lease: number;
  /** Served from the local state without asking anybody. */
  readonly stale: number;
  /** Rounds that were sent for reads: fewer than reads, as those that come together share one. */
  readonly rounds: number;
}

/** What waits in a node. @publicApi */
export interface QueueLengths {
  /** Calls that came in here and have no answer yet; `limits.maxPendingRequests` bounds them. */
  readonly calls: number;
  /** Of them, those that wait for a leader. */
  readonly parked: number;
  /** Of them, those that were sent on to the leader. */
  readonly forwarded: number;
  /** Of them, commands in this leader's log. */
  readonly inLog: number;
  /** Of them, reads that wait for their round, their proof or for entries to be applied. */
  readonly reading: number;
  /** Entries of the log that aren't durable here yet. */
  readonly persist: number;
  /** Committed entries that wait for the state machine. */
  readonly apply: number;
  /** Bytes of a leader's entries that aren't committed yet; `limits.maxUncommittedBytes` bounds them. */
  readonly uncommittedBytes: number;
}

/** @publicApi */
export interface RaftStatus {
  readonly phase: RaftPhase;
  /** Why the phase is `bootstrapping`, `joining`, `removed`, `quarantined` or `failed`; empty otherwise. */
  readonly reason: string;
  /**
   * Whether this node is a learner in the middle of its join: it is to get a vote, or has no state of the cluster yet. Nobody
   * should send it requests.
   */
  readonly catchingUp: boolean;
  /** Null while the node's store serves it, and its state machine gets on. */
  readonly degraded: DegradedStatus | null;
  /** Who may come as a peer. Null before the node is made. */
  readonly security: SecurityStatus | null;
  readonly nodeId: string;
  readonly clusterName: string;
  readonly group: string;
  /** Empty before genesis. */
  readonly clusterId: string;
  /** 0 before genesis. */
  readonly replicaId: ReplicaId;
  readonly role: Role;
  readonly term: number;
  readonly leader: LeaderStatus | null;
  /** Whether this node leads and has committed in its term. */
  readonly isLeader: boolean;
  readonly lastIndex: number;
  readonly durableIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly reads: ReadCounts;
  readonly queues: QueueLengths;
  /** How old this node's state is at most, in milliseconds; null where nothing is known of it. */
  readonly ageMs: number | null;
  /** The first index that is still in the log; 0 before genesis. */
  readonly firstIndex: number;
  /** The newest snapshot in this node's store. */
  readonly snapshot: SnapshotInfo | null;
  /** A snapshot that is on its way to this node. */
  readonly install: InstallStatus | null;
  /** Bytes of snapshots that came from other nodes since the start. */
  readonly fetchedBytes: number;
  /** The longest time that one slice of this library's work held the event loop since the start, in milliseconds. */
  readonly longestSliceMs: number;
  /** Messages since the start that were refused for a term above 2^48, which is forged or damaged. */
  readonly refusedTerms: number;
  readonly members: readonly MemberStatus[];
  /** The index of the membership, and whether a change of it is under way. */
  readonly membershipIndex: number;
  readonly membershipChanging: boolean;
  /** What is under way, and whom it waits for; null where nothing is. */
  readonly membershipChange: PendingChange | null;
}
