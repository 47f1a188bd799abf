import type { Configuration, ConfigurationInForce } from '../../core/base/configuration';
import type { KernelStatus } from '../../core/base/effects';
import type { Entry } from '../../core/base/entry';
import { RolledBackStoreError } from '../../core/base/invariant';
import type {
  AddressUpdate,
  CancelResult,
  Kernel,
  KernelSnapshot,
  MembershipChange,
  MembershipResult,
  TransferResult,
} from '../../core/base/kernel-api';
import type { Message } from '../../core/base/messages';
import type { ReplicaId } from '../../core/base/types';
import type { CommandOutcome } from '../../state-machine/contract';
import { encodeClock } from '../../state-machine/entries/clock-entry';
import { Applier } from '../apply/applier';
import { ApplyWatchdog } from '../apply/apply-watchdog';
import { ClusterClock } from '../apply/cluster-clock';
import { Proposer } from '../requests/proposer';
import { ConsistencyChecker } from '../apply/consistency-checker';
import { EntryLoader } from '../store/entry-loader';
import { errorMessage } from '../base/error-message';
import { ExpiryClock } from '../apply/expiry-clock';
import { KernelDriver } from '../driver/kernel-driver';
import { removalOf } from '../status/membership-view';
import { undecided } from '../base/node-errors';
import type { ForwardingSession } from '../requests/forwarding-session';
import { KnownCommands } from '../apply/known-commands';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import type { PendingRequest } from '../requests/pending-request';
import { Persister } from '../store/persister';
import type { RaftNodeOptions } from '../options/raft-node-options';
import { Reads } from './reads';
import { ReplicaEvents } from './replica-events';
import { ReplicaSnapshots } from '../snapshots/replica-snapshots';
import { RoundTrips } from '../peers/round-trips';
import type { QueueLengths, ReadCounts } from '../status/status';
import type { RequestTable } from '../requests/request-table';
import type { RequestRouter, ServingReplica } from '../requests/request-router';
import { asFarAsProved, type StoreOwnershipProof } from '../store/store-ownership-proof';
import type { RestoredGroup } from '../snapshots/snapshot-install';
import type { SnapshotFetch } from '../snapshots/snapshot-fetcher';
import type { SnapshotInfo } from '../status/snapshot-status';
import { StorageWatchdog } from '../store/storage-watchdog';
import { TableSchemas } from '../apply/table-schemas';
import { timingOf } from '../options/timing';
import { TracedEntries } from '../requests/traced-entries';
import type { Degradation } from '../base/degradation';
import { Waiters } from '../requests/waiters';

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
  /** {@link Replica.degradation} is another now. */
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

/** One replica of the group at work: a kernel with its store, its state machine, and the calls that wait for them. */
export class Replica implements ServingReplica {
  readonly replicaId: ReplicaId;
  readonly clusterId: string;
  private readonly driver: KernelDriver;
  private readonly persister: Persister;
  private readonly applier: Applier;
  private readonly loader: EntryLoader;
  private readonly waiters: Waiters;
  private readonly traced = new TracedEntries();
  private readonly reads: Reads;
  private readonly clock: ClusterClock;
  private readonly expiry: ExpiryClock;
  private readonly watch: StorageWatchdog;
  readonly snapshots: ReplicaSnapshots;
  private readonly proposer: Proposer;
  private readonly roundTrips: RoundTrips;
  private readonly lastSent: ReplicaEvents;
  private readonly divergence: ConsistencyChecker;
  private readonly known: KnownCommands;
  private readonly schemas: TableSchemas;
  private readonly applyWatchdog: ApplyWatchdog;
  private closed = false;
  private appliedIndexHere: number;
  private appliedTerm = 0;

  constructor(
    private readonly ports: ReplicaPorts,
    readonly kernel: Kernel,
    { group, appliedIndex, snapshot }: RestoredGroup,
  ) {
    const { requests, router, session, proof } = ports;
    const { storage, groupId, scheduler, stateMachine, events } = ports.options;
    this.replicaId = group.identity.replicaId;
    this.clusterId = group.identity.clusterId;
    this.appliedIndexHere = appliedIndex;
    this.clock = new ClusterClock(scheduler);
    this.expiry = new ExpiryClock({
      nextExpiryMs: () => stateMachine.nextExpiryMs?.(),
      wantsDigest: () => stateMachine.wantsDigest?.() ?? false,
      clusterTimeMs: () => this.clock.read(),
      propose: (timeMs) => this.driver.propose({ kind: 'clock', schemaVersion: 0, data: encodeClock(timeMs) }),
    });
    this.waiters = new Waiters(
      requests,
      (request) => router.retry(request),
      (request, result) => session.decided(request, result),
    );
    this.persister = new Persister(
      storage,
      groupId,
      scheduler,
      proof,
      {
        landed: (batchNumber, write, tookMs) => {
          this.lastSent.persisted(write, tookMs);
          this.driver.persisted(batchNumber);
          this.traced.durable(kernel.durableIndex);
        },
        proved: () => this.reads.proved(),
        failed: (error) => this.watch.failed(error),
        recovered: () => this.watch.recovered(),
        lost: (sentence) => ports.failed('RAFT_STORAGE', sentence, undefined),
        damaged: (error) => ports.damaged(error),
      },
      group.lastBatch,
      timingOf(ports.options).storePatienceMs,
    );
    this.driver = new KernelDriver(
      kernel,
      scheduler,
      {
        send: (message) => this.send(message),
        persist: (batch) => this.persister.write(batch),
        apply: (entries) => {
          this.traced.committed(entries[entries.length - 1]!.index);
          this.applier.enqueue(entries);
        },
        load: (request) => this.loader.load(request),
        confirmed: (reads) => this.reads.confirmed(reads),
        refused: (reads) => this.reads.refused(reads),
        snapshotWanted: (wanted) => this.snapshots.wanted(wanted),
        statusChanged: (status) => {
          // First, so that nothing is sent on to the next leader by a node whose connections that one is about to close.
          this.leaveIfRemoved(kernel.configuration);
          ports.statusChanged(status);
        },
        configurationChanged: (configuration) => this.follow(configuration),
        fatal: (error) => {
          if (error instanceof RolledBackStoreError) ports.rolledBack(error.message);
          else ports.failed('RAFT_FATAL', `The node has stopped: ${errorMessage(error)}`, error);
        },
      },
      group.lastBatch,
    );
    this.watch = new StorageWatchdog({
      scheduler,
      logger: ports.options.logger,
      limitMs: ports.options.electionTimeoutMs / 2,
      writeAgeMs: (nowMs) => this.persister.writeAgeMs(nowMs),
      silenceMs: (nowMs) => this.persister.silenceMs(nowMs),
      transferIfStalled: (isLost) => (isLost ? this.driver.storageLost() : this.driver.storageStalled()),
      mayLeadAgain: () => this.driver.storageRecovered(),
      degradationChanged: () => ports.degradedChanged(),
    });
    this.applier = new Applier(stateMachine, scheduler, {
      isWanted: (index) => this.waiters.has(index),
      applied: (entries, outcomes, tookMs) => {
        this.lastSent.applied(entries, tookMs);
        this.applied(entries, outcomes);
      },
      failed: (error) =>
        ports.failed(
          'RAFT_FATAL',
          `The state machine failed behind entry ${this.appliedIndexHere}, which it can neither skip nor answer: ` +
            `${errorMessage(error)}. Mend the cause and start the node again; it goes on from there.`,
          error,
        ),
    });
    this.loader = new EntryLoader(storage, groupId, scheduler, {
      termAt: (index) => kernel.termAt(index),
      settledIndex: () => Math.min(kernel.commitIndex, kernel.durableIndex),
      appliedIndex: () => kernel.appliedIndex,
      loaded: (requestId, entries) => this.driver.entriesLoaded(requestId, entries),
      corrupt: (error) => ports.damaged(error),
      newer: (error) => ports.failed('RAFT_FATAL', `The log of this node can't be read: ${error.message}`, error),
      failed: (error) => ports.options.logger.warn(`Entries could not be read from the store: ${errorMessage(error)}`),
    });
    this.reads = new Reads(
      {
        requests,
        returns: router,
        machine: stateMachine,
        proof,
        renewProof: () => this.persister.probe(),
        requestRead: (context, lease) => this.driver.readIndex(context, lease),
        appliedIndex: () => this.appliedIndexHere,
        ageMs: () => this.ageMs,
      },
      group.commitIndex,
    );
    this.appliedTerm = appliedIndex === 0 ? 0 : (kernel.termAt(appliedIndex) ?? 0);
    this.snapshots = new ReplicaSnapshots(
      {
        options: ports.options,
        replicaId: this.replicaId,
        kernel,
        driver: this.driver,
        persister: this.persister,
        applier: this.applier,
        links: ports.links,
        calls: ports.calls,
        applied: () => ({ term: this.appliedTerm, index: this.appliedIndexHere }),
        installed: (installed, info, fetch) => this.installed(installed, info, fetch),
        failed: (error) =>
          ports.failed(
            'RAFT_FATAL',
            `The state machine can't be restored from a snapshot: ${errorMessage(error)}`,
            error,
          ),
        damaged: (error) => ports.damaged(error),
      },
      snapshot,
    );
    this.roundTrips = new RoundTrips(events, scheduler, (replica) => ports.links.memberOf(replica)?.name ?? '');
    this.lastSent = new ReplicaEvents(events, scheduler, ports.links);
    const among = {
      replicaId: this.replicaId,
      machine: stateMachine,
      links: ports.links,
      calls: ports.calls,
      callTimeoutMs: 2 * ports.options.electionTimeoutMs,
      isLeading: () => this.isLeading,
      configuration: () => kernel.configuration.configuration,
    };
    this.known = new KnownCommands(among);
    this.schemas = new TableSchemas(among);
    this.applyWatchdog = new ApplyWatchdog({
      ...among,
      scheduler,
      logger: ports.options.logger,
      electionTimeoutMs: ports.options.electionTimeoutMs,
      appliedIndex: () => this.appliedIndexHere,
      commitIndex: () => kernel.commitIndex,
      durableIndex: () => kernel.durableIndex,
      underWay: () => this.applier.underWay,
      isOccupied: () => this.applier.isOccupied || this.snapshots.installStatus !== null,
      waitsFor: () => stateMachine.waitsFor?.(),
      transferLeadership: (to) => void this.driver.transferLeadership(to),
      degradationChanged: () => ports.degradedChanged(),
    });
    this.proposer = new Proposer({
      kernel,
      driver: this.driver,
      machine: stateMachine,
      known: this.known,
      schemas: this.schemas,
      requests,
      router,
      waiters: this.waiters,
      traced: this.traced,
      limits: ports.options.limits,
      isStoreDegraded: () => this.persister.isDegraded,
      isStoreStalled: () => this.watch.isStalled,
      appliedTerm: () => this.appliedTerm,
      clusterTimeMs: () => this.clock.read(),
    });
    this.divergence = new ConsistencyChecker({
      ...among,
      scheduler,
      leader: () => this.leader,
      logger: ports.options.logger,
      stepDown: () => void this.driver.transferLeadership(undefined),
      diverged: (sentence) => ports.diverged(sentence),
    });
  }

  start(): void {
    this.clock.observe(this.ports.options.stateMachine.clusterTimeMs());
    this.follow(this.kernel.configuration);
    this.snapshots.serve();
    this.divergence.serve();
    this.known.serve();
    this.schemas.serve();
    this.applyWatchdog.serve();
    this.driver.start();
  }

  get isLeading(): boolean {
    return this.kernel.status.role === 'leader';
  }

  get leader(): ReplicaId {
    return this.kernel.status.leader;
  }

  /** What keeps this replica from doing its part for the time being. */
  get degradation(): Degradation | undefined {
    return this.watch.degradation ?? this.applyWatchdog.degradation;
  }

  get appliedIndex(): number {
    return this.appliedIndexHere;
  }

  /** How old the state here is at most; undefined where that isn't known. */
  get ageMs(): number | undefined {
    const { options, proof } = this.ports;
    const ageMs = this.kernel.freshness(options.scheduler.nowMs())?.ageMs;
    return ageMs === undefined || this.kernel.status.role !== 'leader' ? ageMs : Math.max(ageMs, proof.overdueMs());
  }

  /** A message came in from the replica that it names; who says so was judged before. */
  receive(message: Message): void {
    if (message.to !== this.replicaId || message.clusterId !== this.clusterId) return;
    this.roundTrips.received(message);
    this.driver.step(message);
  }

  tick(ticks: number, nowMs: number): void {
    this.persister.tick(nowMs);
    this.watch.tick(nowMs);
    this.snapshots.tick(nowMs);
    this.driver.tick(ticks, this.knowsClusterTime ? this.clock.read() : undefined);
    if (this.knowsClusterTime && !this.watch.isStalled) this.expiry.tick(nowMs);
    this.lastSent.tick(nowMs, this.kernel, this.ports.queues);
    this.divergence.tick(nowMs);
    this.known.tick(nowMs);
    this.schemas.tick(nowMs);
    this.applyWatchdog.tick(nowMs);
  }

  private get knowsClusterTime(): boolean {
    return this.isLeading && !this.closed && this.proposer.clockIsReady();
  }

  /** What the comparison of states found; null for nothing. */
  get divergenceAlarm(): string | null {
    return this.divergence.alarm;
  }

  peerReachable(replica: ReplicaId): void {
    this.driver.peerReachable(replica);
  }

  peerUnreachable(replica: ReplicaId): void {
    this.driver.peerUnreachable(replica);
  }

  /** Puts a command, or an operation on a session, into the log of this leader. */
  propose(request: PendingRequest): void {
    this.proposer.take(request);
  }

  /** Reads that this node confirmed or served, and the rounds that were sent for them. */
  get readCounts(): ReadCounts {
    return { ...this.reads.counts, rounds: this.kernel.readRounds };
  }

  /** What waits in this replica. */
  get queueLengths(): Pick<QueueLengths, 'inLog' | 'reading' | 'persist' | 'apply' | 'uncommittedBytes'> {
    const { lastIndex, durableIndex, uncommittedBytes } = this.kernel;
    return {
      inLog: this.waiters.size,
      reading: this.reads.size,
      persist: Math.max(0, lastIndex - durableIndex),
      apply: this.applier.size,
      uncommittedBytes,
    };
  }

  readHere(request: PendingRequest): void {
    this.reads.begin(request);
  }

  readStale(request: PendingRequest): void {
    this.reads.beginStale(request);
  }

  /** The leader confirmed `index` for a call of this node. */
  readAt(request: PendingRequest, index: number): void {
    this.reads.awaitApplied(request, index);
  }

  /** Nothing is taken in and nothing is carried out any more. @returns when what was under way has settled */
  async close(): Promise<void> {
    this.closed = true;
    this.ports.options.stateMachine.stopWaiting?.();
    this.snapshots.close();
    this.divergence.close();
    this.driver.close();
    this.loader.close();
    await Promise.all([this.persister.close(), this.applier.close()]);
  }

  private installed(snapshot: KernelSnapshot, info: SnapshotInfo, fetch: SnapshotFetch | undefined): void {
    const { last } = snapshot;
    this.appliedIndexHere = last.index;
    this.appliedTerm = last.term;
    this.clock.observe(this.ports.options.stateMachine.clusterTimeMs());
    this.lastSent.installed(info, fetch);
    this.driver.snapshotInstalled(snapshot);
    this.waiters.passedOver(last.index, () => undecided('a snapshot took the place of the log'));
    this.reads.applied(last.index);
    this.ports.options.logger.log(`The snapshot of entry ${last.index} is installed; the log goes on from there.`);
  }

  private send(message: Message): void {
    // A lost session is a lost lock: another process may speak for this replica now.
    if (this.persister.isDegraded) return;
    this.roundTrips.sent(message);
    const isOnItsWay = this.ports.links.sendToReplica(asFarAsProved(message, this.ports.proof));
    // Appends to a peer that doesn't keep up stop here, before they fill the memory.
    if (!isOnItsWay && message.kind === 'appendEntries') this.driver.peerUnreachable(message.to);
  }

  private applied(entries: readonly Entry[], outcomes: readonly CommandOutcome[]): void {
    const last = entries[entries.length - 1]!;
    const isNewTerm = last.term !== this.appliedTerm;
    this.appliedIndexHere = last.index;
    this.appliedTerm = last.term;
    this.clock.observe(this.ports.options.stateMachine.clusterTimeMs());
    if (this.waiters.size > 0) entries.forEach((entry, at) => this.waiters.decide(entry, outcomes[at]!));
    this.reads.applied(last.index);
    this.driver.applied(last.index);
    this.snapshots.applied(entries);
    if (isNewTerm && this.isLeading) this.ports.router.wake();
  }

  changeMembership(change: MembershipChange): MembershipResult | undefined {
    return this.driver.changeMembership(change);
  }

  changeAddresses(updates: readonly AddressUpdate[]): MembershipResult | undefined {
    return this.driver.changeAddresses(updates);
  }

  cancelMembershipChange(waitMs: number): CancelResult | undefined {
    return this.driver.cancelMembershipChange(waitMs);
  }

  transferLeadership(target: ReplicaId | undefined): TransferResult | undefined {
    return this.driver.transferLeadership(target);
  }

  /** Another member's word of the membership: ids are never given out again, so a removal is for good. */
  onMessageFrom(configuration: Configuration): void {
    this.ports.links.hint(configuration.members.map(({ peer }) => peer));
    this.leaveIfRemoved({ index: 0, configuration });
  }

  /** A leader that was removed leads until the others know. */
  private leaveIfRemoved(configuration: ConfigurationInForce): void {
    if (this.isLeading || this.closed) return;
    const sentence = removalOf(configuration, this.replicaId, this.ports.options.nodeId);
    if (sentence !== undefined) this.ports.removed(sentence);
  }

  private follow(configuration: ConfigurationInForce): void {
    this.ports.links.connectMembers(configuration.configuration, this.replicaId);
    this.ports.configurationChanged(configuration);
    this.leaveIfRemoved(configuration);
  }
}
