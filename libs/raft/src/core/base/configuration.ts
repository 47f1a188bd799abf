import type { ReplicaId } from './types';

/**
 * One replica of a group. Identity is the id; name and addresses are data, and may come back with another replica (a pod
 * with a new disk, a container with a new address).
 *
 * @publicApi
 */
export interface Member {
  readonly id: ReplicaId;
  /** The node's name, as in `members` and `nodeId`. */
  readonly name: string;
  /** Where peers reach it: `host:port`. */
  readonly peer: string;
  /** Where HTTP clients reach it, as an origin (`http://n1:3000`), or empty where it serves none. */
  readonly http: string;
  /** The store that this replica was bound to. Votes and acknowledgements from another store don't count. */
  readonly incarnation: string;
}

/**
 * Where a change of the membership goes, written into the log so that whichever replica leads then brings it to its end:
 * learners that are to vote are waited for, then the joint configuration is entered, then it is left (thesis §4.2.1, §4.3).
 *
 * @publicApi
 */
export interface MembershipTarget {
  /** Who votes in the end; sorted. Those that have no vote yet have to catch up first. */
  readonly voters: readonly ReplicaId[];
  /** Who gets the log without a vote in the end; sorted. A member in neither list is removed. */
  readonly learners: readonly ReplicaId[];
  /** How long those that are to vote may take without getting further, in milliseconds: by so much a renewal moves the deadline. */
  readonly catchUpTimeoutMs: number;
  /**
   * When the change is given up, in the cluster's time (milliseconds since 1970), whichever replica leads then. Renewed while
   * those that are waited for get further. Null until a leader that knows the cluster's time has written it.
   */
  readonly deadlineMs: number | null;
  /** When it is given up in any case, in the cluster's time. Null with {@link deadlineMs}. */
  readonly endsMs: number | null;
}

/**
 * A membership: plain data, as it stands in configuration entries, snapshots and the state row. `outgoing` isn't empty only
 * within a joint configuration (thesis §4.3), in which each decision needs a majority of `voters` and one of `outgoing`.
 *
 * @publicApi
 */
export interface Configuration {
  /** Sorted by id. */
  readonly members: readonly Member[];
  /** Sorted. */
  readonly voters: readonly ReplicaId[];
  /** The voters that a joint configuration leaves behind; sorted. */
  readonly outgoing: readonly ReplicaId[];
  /** Replicas that get the log and have no vote; sorted. */
  readonly learners: readonly ReplicaId[];
  /** Voters of `outgoing` that become learners when the joint configuration is left; sorted. */
  readonly learnersNext: readonly ReplicaId[];
  /** Whether the leader leaves the joint configuration automatically, whichever replica leads then. */
  readonly autoLeave: boolean;
  /** Where a change that has yet to enter its joint configuration goes; null where none waits. */
  readonly target: MembershipTarget | null;
  /** Members that only the change that is under way has brought in: who goes again when it is cancelled; sorted. */
  readonly added: readonly ReplicaId[];
  /** The id that the next new replica gets. Every id below it that isn't among the members was removed, for good. */
  readonly nextReplicaId: ReplicaId;
}

/** A configuration and the index of the entry that it came from: 0 for genesis. @publicApi */
export interface ConfigurationInForce {
  readonly index: number;
  readonly configuration: Configuration;
}
