import type { RaftLogger } from '../base/logger';
import type { KERNEL_LIMITS } from '../../core/base/options';
import type { GroupId } from '../../core/base/types';
import type { ReplicatedStateMachine } from '../../state-machine/contract';
import type { MachineEventListener } from '../../state-machine/entries/machine-change';
import type { RaftStorage } from '../../storage/contract';
import type { RaftTransport } from '../../transport/contract';
import type { Scheduler } from '../base/scheduler';
import type { CallTracer } from '../events/call-tracer';
import type { NodeEvents } from '../events/node-events';
import type { SnapshotOptions } from './snapshot-options';

/** One founder of the cluster. The list counts only for an empty store; afterwards its addresses are hints. @publicApi */
export interface FounderOptions {
  /** The node's name. */
  readonly id: string;
  /** Where peers reach it: `host:port`. */
  readonly peer: string;
  /** Where HTTP clients reach it, as an origin; empty or absent where it serves none. */
  readonly http?: string;
}

/** @publicApi */
export type RaftLimits = {
  readonly [Limit in keyof typeof KERNEL_LIMITS]: number;
} & {
  /** Bytes of one command. Default 4 MiB. */
  readonly maxCommandBytes: number;
  /** Proposals and queries that wait in this node. Default 10,000; above it `RAFT_BUSY`. */
  readonly maxPendingRequests: number;
  /** Bytes of the commands and queries that wait in this node. Default 64 MiB; above it `RAFT_BUSY`. A single larger one still goes, alone. */
  readonly maxPendingBytes: number;
  /** Client sessions that one caller has open (a client's address, or whom `$caller()` names). Default 1,000 of the group's 8,192. */
  readonly maxSessionsPerCaller: number;
  /** Idempotency keys that one caller has used within the time for which they count. Default 16,000 of the group's 131,072. */
  readonly maxIdempotencyKeysPerCaller: number;
  /** Locks and permits of semaphores that one caller holds or waits for. Default 4,000. */
  readonly maxLocksPerCaller: number;
};

/** Where it is heard what the state machines of a node tell: their host's `onEvent` feeds it. @publicApi */
export interface MachineEventSource {
  /** @param listener called while the node applies: it does little @returns a function that ends it */
  listen(listener: MachineEventListener): () => void;
}

/** What a {@link RaftNode} is made with; every default is filled in by the Nest module or by `raftNodeOptions()`. */
export interface RaftNodeOptions {
  /** This node's name. */
  readonly nodeId: string;
  /** Nodes of another cluster name are refused. */
  readonly clusterName: string;
  readonly groupId: GroupId;
  /** The founders, this node included, in the same order everywhere. */
  readonly founders: readonly FounderOptions[];
  /** Found the cluster with a majority of the founders; the others have to be added later. Default false. */
  readonly forceBootstrap: boolean;
  /**
   * What a founder does whose store is empty while the cluster exists: `refuse` to take part, or `rejoin` in place of its old
   * replica, once that has been silent for 30 s, all other voters have everything, and no other was replaced in the last ten
   * minutes. Default `refuse`.
   */
  readonly onEmptyStore: 'refuse' | 'rejoin';
  /** Where peers reach this node, `host:port`. */
  readonly advertise: string;
  /** Where HTTP clients reach this node, as an origin, or empty; of a founder, that in the list counts. */
  readonly http: string;
  /** Peer addresses of members of a running cluster. Where they are given, an empty store joins that one, and founds none. */
  readonly join: readonly string[];
  /** Whether this node is to vote, once it has joined and caught up. Default `voter`. */
  readonly joinAs: 'voter' | 'learner';

  /** The smallest election time-out, in milliseconds; each is drawn up to twice as long. Default 1000. */
  readonly electionTimeoutMs: number;
  /** Default 100; at most a fifth of the election time-out. */
  readonly heartbeatIntervalMs: number;
  /** How long a call waits for its answer, elections included. Default 10,000. */
  readonly requestTimeoutMs: number;
  /** How long `stop` may take. Default 5,000. */
  readonly shutdownTimeoutMs: number;
  /** Lease reads: `{ driftMargin }` is the share of the election time-out that a lease lasts (0.5 to 0.95). Default: off. */
  readonly leaseReads: { readonly driftMargin: number } | null;
  readonly limits: RaftLimits;
  readonly snapshots: SnapshotOptions;

  readonly storage: RaftStorage;
  readonly transport: RaftTransport;
  readonly stateMachine: ReplicatedStateMachine;
  readonly scheduler: Scheduler;
  readonly logger: RaftLogger;
  /** What this node tells of its work. Default: events of its own, which go to `node:diagnostics_channel` too. */
  readonly events: NodeEvents;
  /** What the state machine tells, for clients that watch it. Default: they can't. */
  readonly machineEvents?: MachineEventSource | undefined;
  /** Traces calls through the cluster. Default: none are. */
  readonly tracer?: CallTracer | undefined;
}
