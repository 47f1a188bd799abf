import type { SnapshotWanted } from '../../core/base/effects';
import type { Entry } from '../../core/base/entry';
import type { Kernel, KernelSnapshot } from '../../core/base/kernel-api';
import type { LogId, ReplicaId } from '../../core/base/types';
import type { Applier } from '../apply/applier';
import type { KernelDriver } from '../driver/kernel-driver';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import type { Persister } from '../store/persister';
import type { RaftNodeOptions } from '../options/raft-node-options';
import { SliceTimer } from '../apply/slice-timer';
import { SnapshotServer } from './snapshot-calls';
import { type SnapshotFetch, SnapshotFetcher, type SnapshotHolder } from './snapshot-fetcher';
import { installSnapshot } from './snapshot-install';
import type { InstallStatus, SnapshotInfo } from '../status/snapshot-status';
import { Snapshotter } from './snapshotter';

export interface ReplicaSnapshotsPorts {
  readonly options: RaftNodeOptions;
  readonly replicaId: ReplicaId;
  readonly kernel: Kernel;
  readonly driver: KernelDriver;
  readonly persister: Persister;
  readonly applier: Applier;
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  /** The last entry that is applied here. */
  applied(): LogId;
  /** A snapshot took the place of the state and of the log; `fetch` is how it came, if it was fetched in this life. */
  installed(snapshot: KernelSnapshot, info: SnapshotInfo, fetch: SnapshotFetch | undefined): void;
  /** The state machine has lost its state. */
  failed(error: unknown): void;
  /** The snapshot in the store isn't what was written. */
  damaged(error: Error): void;
}

/** The snapshots of one replica: those that it takes, those that it gives to others, and those that it gets from them. */
export class ReplicaSnapshots {
  private readonly slices: SliceTimer;
  private readonly snapshotter: Snapshotter;
  private readonly fetcher: SnapshotFetcher;
  private readonly server: SnapshotServer;
  private closed = false;

  /** @param stored the snapshot that the store has */
  constructor(
    private readonly ports: ReplicaSnapshotsPorts,
    stored: SnapshotInfo | undefined,
  ) {
    const { storage, groupId, scheduler, stateMachine, logger, events, snapshots } = ports.options;
    const { kernel, driver, applier } = ports;
    this.slices = new SliceTimer(scheduler, logger);
    this.snapshotter = new Snapshotter(
      {
        storage,
        groupId,
        scheduler,
        machine: stateMachine,
        logger,
        settings: snapshots,
        slices: this.slices,
        events,
        applied: () => ports.applied(),
        configurationAt: (index) => kernel.configurationAt(index),
        termAt: (index) => kernel.termAt(index),
        durableIndex: () => Math.min(kernel.durableIndex, kernel.appliedIndex),
        atBoundary: (task) => applier.atBoundary(task),
        somebodyFetches: () => kernel.progress().some(({ state, active }) => state === 'snapshot' && active),
        compacted: (to) => driver.compacted(to),
      },
      stored,
    );
    this.fetcher = this.makeFetcher();
    this.server = new SnapshotServer(
      storage,
      groupId,
      scheduler,
      (sent) => events.taps['snapshot-sent'].emit(sent),
      (error) => {
        logger.warn(
          `The snapshot in this node's store is damaged, and is taken again from its state: ${error.message}`,
        );
        this.snapshotter.replaceDamaged();
      },
    );
  }

  private makeFetcher(): SnapshotFetcher {
    const { ports } = this;
    const { storage, groupId, scheduler, stateMachine, logger, electionTimeoutMs } = ports.options;
    const { driver, persister, applier, links, calls } = ports;
    const installing = {
      storage,
      groupId,
      scheduler,
      machine: stateMachine,
      logger,
      begin: (snapshot: KernelSnapshot) => driver.installSnapshot(snapshot),
      settled: async () => {
        await persister.settled();
        await applier.settled();
      },
      installed: (snapshot: KernelSnapshot, info: SnapshotInfo) => {
        this.snapshotter.installed(info);
        ports.installed(snapshot, info, this.fetcher.underWay);
      },
      failed: (error: unknown) => ports.failed(error),
      damaged: (error: Error) => ports.damaged(error),
      isClosed: () => this.closed,
    };
    return new SnapshotFetcher({
      storage,
      groupId,
      scheduler,
      logger,
      routes: links.routes,
      calls,
      callTimeoutMs: 2 * electionTimeoutMs,
      sources: () => this.sources(),
      isGone: (source) => links.routes.isGone(source),
      install: (metadata, info) => installSnapshot(installing, metadata, info),
    });
  }

  serve(): void {
    this.server.serve(this.ports.calls);
  }

  tick(nowMs: number): void {
    this.snapshotter.tick(nowMs);
    this.server.tick(nowMs);
  }

  /** These entries are applied. */
  applied(entries: readonly Entry[]): void {
    this.snapshotter.applied(entries);
  }

  /** What the log lacks has to come as a snapshot. */
  wanted(wanted: SnapshotWanted): void {
    this.fetcher.wanted(wanted);
  }

  /** Takes one now. */
  take(): Promise<SnapshotInfo> {
    return this.snapshotter.take();
  }

  /** The newest one in the store. */
  get info(): SnapshotInfo | undefined {
    return this.snapshotter.info;
  }

  get installStatus(): InstallStatus | null {
    return this.fetcher.status;
  }

  /** Bytes that came in from others, in this life. */
  get fetchedBytes(): number {
    return this.fetcher.receivedBytes;
  }

  get longestSliceMs(): number {
    return this.slices.longestMs;
  }

  close(): void {
    this.closed = true;
    this.snapshotter.close();
    this.fetcher.close();
    this.server.close();
  }

  /** Followers before the leader, as it has enough to do. */
  private sources(): readonly SnapshotHolder[] {
    const { kernel, links, replicaId } = this.ports;
    const { leader } = kernel.status;
    const { members } = kernel.configuration.configuration;
    const ids = members.map(({ id }) => id).filter((id) => id !== replicaId && id !== leader);
    return [...ids, leader].flatMap((id) => {
      const route = links.routeTo(id);
      return route === undefined ? [] : [{ id, address: route.address, name: route.name }];
    });
  }
}
