import type { Role } from '../core/effects';
import type { ReplicaId } from '../core/types';
import type { PeerConnectionState } from '../transport/contract';

/**
 * Where a node stands. `founding`: waiting for the other founders. `quarantined` and `failed` don't end by themselves;
 * `reason` says what to do.
 *
 * @publicApi
 */
export type RaftPhase =
  'created' | 'starting' | 'founding' | 'running' | 'quarantined' | 'failed' | 'stopping' | 'stopped';

/** @publicApi */
export interface MemberStatus {
  readonly id: ReplicaId;
  readonly name: string;
  readonly peer: string;
  readonly http: string;
  readonly voter: boolean;
  /** The connection that this node dialled to it; `self` for this node. */
  readonly connection: PeerConnectionState | 'self';
  readonly connectionDetail: string;
  /** Known to a leader only. */
  readonly matchIndex: number | null;
  readonly replication: 'probe' | 'replicate' | 'snapshot' | null;
}

/** @publicApi */
export interface LeaderStatus {
  readonly id: ReplicaId;
  readonly name: string;
  readonly peer: string;
  readonly http: string;
}

/** @publicApi */
export interface RaftStatus {
  readonly phase: RaftPhase;
  /** Why the phase is `founding`, `quarantined` or `failed`; empty otherwise. */
  readonly reason: string;
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
  readonly members: readonly MemberStatus[];
}
