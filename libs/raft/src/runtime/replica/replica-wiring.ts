import type { ConfigurationInForce } from '../../core/base/configuration';
import type { KernelStatus } from '../../core/base/effects';
import type { Entry } from '../../core/base/entry';
import type { Kernel, KernelSnapshot } from '../../core/base/kernel-api';
import type { Message } from '../../core/base/messages';
import type { CommandOutcome } from '../../state-machine/contract';
import type { Applier } from '../apply/applier';
import type { ApplyWatchdog } from '../apply/apply-watchdog';
import type { ClusterClock } from '../apply/cluster-clock';
import type { ConsistencyChecker } from '../apply/consistency-checker';
import type { ExpiryClock } from '../apply/expiry-clock';
import type { KnownCommands } from '../apply/known-commands';
import type { TableSchemas } from '../apply/table-schemas';
import type { KernelDriver } from '../driver/kernel-driver';
import type { RaftNodeOptions } from '../options/raft-node-options';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import type { RoundTrips } from '../peers/round-trips';
import type { ForwardingSession } from '../requests/forwarding-session';
import type { Proposer } from '../requests/proposer';
import type { RequestRouter } from '../requests/request-router';
import type { RequestTable } from '../requests/request-table';
import type { TracedEntries } from '../requests/traced-entries';
import type { Waiters } from '../requests/waiters';
import type { ReplicaSnapshots } from '../snapshots/replica-snapshots';
import type { SnapshotFetch } from '../snapshots/snapshot-fetcher';
import type { RestoredGroup } from '../snapshots/snapshot-install';
import type { SnapshotInfo } from '../status/snapshot-status';
import type { QueueLengths } from '../status/status';
import type { EntryLoader } from '../store/entry-loader';
import type { Persister } from '../store/persister';
import type { StorageWatchdog } from '../store/storage-watchdog';
import type { StoreOwnershipProof } from '../store/store-ownership-proof';
import type { AppliedPosition } from './applied-position';
import type { Reads } from './reads';
import type { ReplicaEvents } from './replica-events';

/** What a replica needs of its node, and what it says to it. */
export interface ReplicaPorts {
  readonly options: RaftNodeOptions;
  readonly links: PeerLinks;
  readonly requests: RequestTable;
  readonly router: RequestRouter;
  readonly session: ForwardingSession;
  readonly calls: PeerCalls;
  readonly proof: StoreOwnershipProof;
  statusChanged(status: KernelStatus): void;
  configurationChanged(configuration: ConfigurationInForce): void;
  /** What waits in this node. */
  readonly queues: () => QueueLengths;
  /** This replica was removed from the cluster. */
  removed(sentence: string): void;
  /** The degradation of this replica is another now. */
  degradedChanged(): void;
  /** This replica's store has less than it promised. */
  rolledBack(sentence: string): void;
  /** This replica's state machine made another state of the log than the others'. */
  diverged(sentence: string): void;
  /** What is stored isn't what was written. */
  damaged(error: Error): void;
  /** This replica can't go on. */
  failed(code: 'RAFT_STORAGE' | 'RAFT_FATAL', sentence: string, cause: unknown): void;
}

/** What the parts of a replica say to the replica. */
export interface ReplicaBehaviour {
  send(message: Message): void;
  statusChanged(status: KernelStatus): void;
  configurationChanged(configuration: ConfigurationInForce): void;
  applied(entries: readonly Entry[], outcomes: readonly CommandOutcome[], tookMs: number): void;
  installed(snapshot: KernelSnapshot, info: SnapshotInfo, fetch: SnapshotFetch | undefined): void;
  /** How old the state here is at most, in milliseconds; undefined where that isn't known. */
  readonly ageMs: number | undefined;
}

/** What the parts of a replica are made with. */
export interface ReplicaWiring {
  readonly ports: ReplicaPorts;
  readonly kernel: Kernel;
  readonly restored: RestoredGroup;
  readonly replica: ReplicaBehaviour;
  /** The parts, for when one calls another; not before all are made. */
  readonly parts: () => ReplicaParts;
}

/** The parts of a replica. */
export interface ReplicaParts {
  readonly position: AppliedPosition;
  readonly clock: ClusterClock;
  readonly expiry: ExpiryClock;
  readonly waiters: Waiters;
  readonly traced: TracedEntries;
  readonly persister: Persister;
  readonly driver: KernelDriver;
  readonly storageWatchdog: StorageWatchdog;
  readonly applier: Applier;
  readonly loader: EntryLoader;
  readonly reads: Reads;
  readonly snapshots: ReplicaSnapshots;
  readonly roundTrips: RoundTrips;
  readonly events: ReplicaEvents;
  readonly known: KnownCommands;
  readonly schemas: TableSchemas;
  readonly applyWatchdog: ApplyWatchdog;
  readonly proposer: Proposer;
  readonly consistency: ConsistencyChecker;
}
