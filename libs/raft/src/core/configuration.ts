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
  /** Whether the leader leaves the joint configuration by itself, whichever replica leads then. */
  readonly autoLeave: boolean;
  /** The id that the next new replica gets. Every id below it that isn't among the members was removed, for good. */
  readonly nextReplicaId: ReplicaId;
}

/** A configuration and the index of the entry that it came from: 0 for genesis. @publicApi */
export interface ConfigurationInForce {
  readonly index: number;
  readonly configuration: Configuration;
}
