import type { FactoryProvider } from '@nestjs/common';
import type { GroupId } from '../../core/base/types';
import type { CallTracer } from '../../runtime/events/call-tracer';
import type { FounderOptions, RaftLimits } from '../../runtime/options/raft-node-options';
import type { SnapshotOptions } from '../../runtime/options/snapshot-options';
import type { RaftStorage } from '../../storage/contract';
import type { RaftTransport } from '../../transport/contract';
import type { TcpTransportOptions } from '../../transport/tcp';
import type { LeaderOnlyPolicy } from './leader-only.interface';

/** A part that is made when the node starts, with what Nest injects. @publicApi */
export interface RaftPartFactory<T> {
  /** Tokens of providers, found anywhere in the application. */
  readonly inject?: FactoryProvider['inject'];
  // The injected values' types are the factory's own business.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly useFactory: (...injected: any[]) => T | Promise<T>;
}

/** An instance, or how to make it. @publicApi */
export type RaftPart<T> = T | RaftPartFactory<T>;

/** @publicApi */
export interface RaftPeersOptions extends Omit<TcpTransportOptions, 'listen' | 'logger'> {
  /** Where this node listens for its peers, `host:port`. Default: its own entry in `members`. */
  readonly listen?: string;
  /** Where peers reach it, `host:port`. Default: its own entry in `members`. */
  readonly advertise?: string;
}

/** @publicApi */
export interface RaftElectionOptions {
  /** The smallest election time-out; each is drawn up to twice as long. Default 1000. */
  readonly timeoutMs?: number;
  /** Default 100, or a fifth of the election time-out where that is less. */
  readonly heartbeatIntervalMs?: number;
}

/**
 * The options of `RaftModule.forRoot()`. Without any, it is a cluster of one node in memory.
 *
 * @publicApi
 */
export interface RaftModuleOptions {
  /** This node's name: one of `members`. Default, where there are no members: `node1`. */
  readonly nodeId?: string;
  /** Nodes of another cluster name are refused. Default `raft`. */
  readonly clusterName?: string;
  /**
   * The founders, this node included, in the same order on every node. The list counts for an empty store only; afterwards
   * its addresses are hints, tried where those in the log fail. Default: this node alone.
   */
  readonly members?: readonly FounderOptions[];
  /** How this node talks to its peers. A cluster of one opens no port unless this is given. */
  readonly peers?: RaftPeersOptions;
  /** Where the log is kept: `typeOrmStorage(…)` of `nestjs-raft/typeorm`, or your own. Default: memory, for a single node, with a warning. */
  readonly storage?: RaftPart<RaftStorage>;
  /** Default: TCP between members. One of your own says in its `protection` how it keeps strangers out. */
  readonly transport?: RaftPart<RaftTransport>;
  /** How long a call waits for its answer, elections included. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** How long the node's stop may take, and before it, how long methods with leadership hooks get to return. Default 5,000. */
  readonly shutdownTimeoutMs?: number;
  readonly election?: RaftElectionOptions;
  /** Bounds of queues and messages; each has its default. */
  readonly limits?: Partial<RaftLimits>;
  /** Lease reads: the share of the election time-out that a lease lasts, 0.5 to 0.95. Default: off. */
  readonly leaseReads?: { readonly driftMargin: number };
  /**
   * For development: runs each command twice, on two instances of its machine, and stops the node where answers or states differ.
   * It doubles their memory and time, and isn't for machines whose state is in a database. Default false.
   */
  readonly checkDeterminism?: boolean;
  /** Whether a global filter answers Raft errors that leave a controller. Default true. */
  readonly httpErrors?: boolean;
  /** What `@LeaderOnly()` does where it doesn't say. Default: reject. */
  readonly leaderOnly?: LeaderOnlyPolicy;
  /**
   * Peer addresses (`host:port`) of members of a running cluster: this node joins it, instead of founding one, where its store is
   * empty; afterwards they are hints, tried where the addresses in the log fail. Then `members` is left out, `peers` says where this node is, and `http` where its
   * clients reach it.
   */
  readonly join?: readonly string[];
  /** Whether a node that joins gets a vote once it has caught up, or stays a learner. Default `voter`. */
  readonly joinAs?: 'voter' | 'learner';
  /** With `join`: where HTTP clients reach this node, as an origin (`http://n4:3000`). */
  readonly http?: string;
  /** When snapshots are taken, and how much of the log stays behind them. */
  readonly snapshots?: Partial<SnapshotOptions>;
  /** Found the cluster with a majority of the founders; the others have to be added later. Default false. */
  readonly forceBootstrap?: boolean;
  /**
   * What a founder does whose store is empty while its cluster exists: `refuse` to take part, or `rejoin` in place of its old
   * replica, once that has been silent for 30 s, all other voters answer and have everything, and no other was replaced in the last
   * ten minutes. Default `refuse`.
   */
  readonly onEmptyStore?: 'refuse' | 'rejoin';
  /** Traces each call through the cluster: `openTelemetryTracer()` of `nestjs-raft/opentelemetry`. Default: nothing is traced. */
  readonly tracer?: CallTracer;
}

/** What has to be known before any factory has run, so it stands beside `useFactory` in `forRootAsync`. @publicApi */
export interface RaftModuleExtras {
  /** Default true. */
  readonly isGlobal?: boolean;
  /** The name of the Raft group. Default `default`; another has tokens of its own: `@InjectRaft('name')`. */
  readonly group?: GroupId;
}

/** For `forRootAsync({ useClass })` and `useExisting`. @publicApi */
export interface RaftOptionsFactory {
  createRaftOptions(): RaftModuleOptions | Promise<RaftModuleOptions>;
}
