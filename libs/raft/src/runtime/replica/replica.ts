import type { Configuration, ConfigurationInForce } from '../../core/base/configuration';
import type { KernelStatus } from '../../core/base/effects';
import type { Entry } from '../../core/base/entry';
import type { Kernel, KernelSnapshot } from '../../core/base/kernel-api';
import type { Message } from '../../core/base/messages';
import type { ReplicaId } from '../../core/base/types';
import type { CommandOutcome } from '../../state-machine/contract';
import type { Degradation } from '../base/degradation';
import { undecided } from '../base/node-errors';
import type { KernelDriver } from '../driver/kernel-driver';
import type { Proposer } from '../requests/proposer';
import type { ServingReplica } from '../requests/request-router';
import type { ReplicaSnapshots } from '../snapshots/replica-snapshots';
import type { SnapshotFetch } from '../snapshots/snapshot-fetcher';
import type { RestoredGroup } from '../snapshots/snapshot-install';
import { removalOf } from '../status/membership-view';
import type { SnapshotInfo } from '../status/snapshot-status';
import type { QueueLengths } from '../status/status';
import { asFarAsProved } from '../store/store-ownership-proof';
import type { Reads } from './reads';
import { replicaParts } from './replica-parts';
import type { ReplicaBehaviour, ReplicaParts, ReplicaPorts } from './replica-wiring';

/** One replica of the group at work: a kernel with its store, its state machine, and the calls that wait for them. */
export class Replica implements ServingReplica, ReplicaBehaviour {
  readonly replicaId: ReplicaId;
  readonly clusterId: string;
  readonly driver: KernelDriver;
  readonly proposer: Proposer;
  readonly reads: Reads;
  readonly snapshots: ReplicaSnapshots;
  private readonly parts: ReplicaParts;
  private closed = false;

  constructor(
    private readonly ports: ReplicaPorts,
    readonly kernel: Kernel,
    restored: RestoredGroup,
  ) {
    this.replicaId = restored.group.identity.replicaId;
    this.clusterId = restored.group.identity.clusterId;
    this.parts = replicaParts({
      ports,
      kernel,
      restored,
      replica: this,
    });
    ({ driver: this.driver, proposer: this.proposer, reads: this.reads, snapshots: this.snapshots } = this.parts);
  }

  start(): void {
    const { clock, consistency, known, schemas, applyWatchdog } = this.parts;
    clock.observe(this.ports.options.stateMachine.clusterTimeMs());
    this.configurationChanged(this.kernel.configuration);
    this.snapshots.serve();
    consistency.serve();
    known.serve();
    schemas.serve();
    applyWatchdog.serve();
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
    return this.parts.storageWatchdog.degradation ?? this.parts.applyWatchdog.degradation;
  }

  get appliedIndex(): number {
    return this.parts.position.index;
  }

  /** How old the state here is at most; undefined where that isn't known. */
  get ageMs(): number | undefined {
    const { options, proof } = this.ports;
    const ageMs = this.kernel.freshness(options.scheduler.nowMs())?.ageMs;
    return ageMs === undefined || !this.isLeading ? ageMs : Math.max(ageMs, proof.overdueMs());
  }

  /** What waits in this replica. */
  get queueLengths(): Pick<QueueLengths, 'inLog' | 'reading' | 'persist' | 'apply' | 'uncommittedBytes'> {
    const { lastIndex, durableIndex, uncommittedBytes } = this.kernel;
    return {
      inLog: this.parts.waiters.size,
      reading: this.reads.size,
      persist: Math.max(0, lastIndex - durableIndex),
      apply: this.parts.applier.size,
      uncommittedBytes,
    };
  }

  /** A message arrived from the replica that it names; who says so was judged before. */
  receive(message: Message): void {
    if (message.to !== this.replicaId || message.clusterId !== this.clusterId) return;
    this.parts.roundTrips.received(message);
    this.driver.step(message);
  }

  tick(ticks: number, nowMs: number): void {
    const { persister, storageWatchdog, clock, expiry, events, consistency, known, schemas } = this.parts;
    persister.tick(nowMs);
    storageWatchdog.tick(nowMs);
    this.snapshots.tick(nowMs);
    this.driver.tick(ticks, this.knowsClusterTime ? clock.read() : undefined);
    if (this.knowsClusterTime && !storageWatchdog.isStalled) expiry.tick(nowMs);
    events.tick(nowMs, this.kernel, this.ports.queues);
    consistency.tick(nowMs);
    known.tick(nowMs);
    schemas.tick(nowMs);
    this.parts.applyWatchdog.tick(nowMs);
  }

  /** Another member's word of the membership: ids are never given out again, so a removal is for good. */
  onMessageFrom(configuration: Configuration): void {
    this.ports.links.hint(configuration.members.map(({ peer }) => peer));
    this.leaveIfRemoved({ index: 0, configuration });
  }

  /** Nothing is accepted and nothing is carried out from now on. @returns when what was under way has settled */
  async close(): Promise<void> {
    const { consistency, loader, persister, applier } = this.parts;
    this.closed = true;
    this.ports.options.stateMachine.stopWaiting?.();
    this.snapshots.close();
    consistency.close();
    this.driver.close();
    loader.close();
    await Promise.all([persister.close(), applier.close()]);
  }

  send(message: Message): void {
    const { persister, roundTrips } = this.parts;
    // A lost session is a lost lock: another process may speak for this replica now.
    if (persister.isDegraded) return;
    roundTrips.sent(message);
    const isOnItsWay = this.ports.links.sendToReplica(asFarAsProved(message, this.ports.proof));
    // Appends to a peer that doesn't keep up stop here, before they fill the memory.
    if (!isOnItsWay && message.kind === 'appendEntries') this.driver.peerUnreachable(message.to);
  }

  applied(entries: readonly Entry[], outcomes: readonly CommandOutcome[], tookMs: number): void {
    const { position, clock, waiters, events } = this.parts;
    events.applied(entries, tookMs);
    const last = entries[entries.length - 1]!;
    const isNewTerm = last.term !== position.term;
    position.moveTo(last);
    clock.observe(this.ports.options.stateMachine.clusterTimeMs());
    if (waiters.size > 0) for (let at = 0; at < entries.length; at++) waiters.decide(entries[at]!, outcomes[at]!);
    this.reads.applied(last.index);
    this.driver.applied(last.index);
    this.snapshots.applied(entries);
    if (isNewTerm && this.isLeading) this.ports.router.wake();
  }

  installed(snapshot: KernelSnapshot, info: SnapshotInfo, fetch: SnapshotFetch | undefined): void {
    const { position, clock, events, waiters } = this.parts;
    const { last } = snapshot;
    position.moveTo(last);
    clock.observe(this.ports.options.stateMachine.clusterTimeMs());
    events.installed(info, fetch);
    this.driver.snapshotInstalled(snapshot);
    waiters.passedOver(last.index, () => undecided('a snapshot took the place of the log'));
    this.reads.applied(last.index);
    this.ports.options.logger.log(`The snapshot of entry ${last.index} is installed; the log goes on from there.`);
  }

  statusChanged(status: KernelStatus): void {
    // First, so that nothing is sent on to the next leader by a node whose connections that one is about to close.
    this.leaveIfRemoved(this.kernel.configuration);
    this.ports.statusChanged(status);
  }

  configurationChanged(configuration: ConfigurationInForce): void {
    this.ports.links.connectMembers(configuration.configuration, this.replicaId);
    this.ports.configurationChanged(configuration);
    this.leaveIfRemoved(configuration);
  }

  private get knowsClusterTime(): boolean {
    return this.isLeading && !this.closed && this.proposer.clockIsReady();
  }

  /** A leader that was removed leads until the others know. */
  private leaveIfRemoved(configuration: ConfigurationInForce): void {
    if (this.isLeading || this.closed) return;
    const sentence = removalOf(configuration, this.replicaId, this.ports.options.nodeId);
    if (sentence !== undefined) this.ports.removed(sentence);
  }
}
