import type { ConfigurationInForce } from '../../core/base/configuration';
import type { KernelStatus } from '../../core/base/effects';
import { InvariantError } from '../../core/base/invariant';
import { RaftError, type RaftErrorCode } from '../../errors/raft-error';
import { NO_REPLICA } from '../../core/base/types';
import { type IntactGroup, isStoreCorrupt } from '../../storage/checked-load';
import type { GroupIdentity, StoreIdentity } from '../../storage/contract';
import type { Hello, PeerMessage } from '../../transport/contract';
import { withDeadline } from '../base/with-deadline';
import type { AdminNotices } from '../membership/admin-notices';
import { AddressHints } from '../peers/address-hints';
import { CallPaths } from './call-paths';
import { ClusterAdmin } from '../membership/cluster-admin';
import { errorMessage } from '../base/error-message';
import { EventReporter } from '../events/event-reporter';
import { Founding } from '../membership/founding';
import { Joining } from '../membership/joining';
import { createKernel } from '../options/kernel-factory';
import { LeaderlessReport } from './leaderless-report';
import { BootHistory, notesOfRepair } from '../store/boot-history';
import { MemberCare } from '../membership/member-care';
import { notStarted, shuttingDown } from '../base/node-errors';
import { damageOf, DamagedStoreError, openMachine, openStore, untrustworthyStore, whatToDo } from '../store/opening';
import { stopInOrder } from './orderly-stop';
import { PeerHost } from './peer-host';
import { PeerLinks } from '../peers/peer-links';
import { logSecurity, warnOfExposed } from '../options/peer-security';
import type { RaftNodeOptions } from '../options/raft-node-options';
import { askForRepair, beginAgain, labelOf, type QuarantinedNode, renewStore, type RepairResult } from './repairing';
import { Replica } from '../replica/replica';
import { asRaftError } from '../base/error-codec';
import { StoreOwnershipProof } from '../store/store-ownership-proof';
import { restoreAtStart, type RestoredGroup } from '../snapshots/snapshot-install';
import type { QueueLengths, RaftPhase, RaftStatus } from '../status/status';
import { StatusPublisher } from '../status/status-publisher';
import { statusOf } from './status-report';
import { TakeoverSilence } from '../store/takeover-silence';
import { Ticker } from '../base/ticker';
import { timingOf } from '../options/timing';

const NOTHING_WAITS = Object.freeze({ inLog: 0, reading: 0, persist: 0, apply: 0, uncommittedBytes: 0 });

/**
 * What one node goes through, from the store that it opens to the last answer at its end: founding, joining, running, removed,
 * in quarantine or failed.
 */
export class NodeLifecycle {
  readonly publisher: StatusPublisher;
  readonly paths: CallPaths;
  readonly admin: ClusterAdmin;

  private failure: RaftError | undefined;
  /** It was removed, and goes once the calls that it took in before are answered. */
  private removal: RaftError | undefined;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  private readonly bootNonce: string;
  private readonly links: PeerLinks;
  private readonly hints: AddressHints;
  private readonly proof: StoreOwnershipProof;
  private readonly silence: TakeoverSilence;
  private readonly report: LeaderlessReport;
  private readonly care: MemberCare;
  private readonly ticker: Ticker;
  private readonly reporter: EventReporter;

  private store: StoreIdentity | undefined;
  private group: GroupIdentity | undefined;
  private founding: Founding | Joining | undefined;
  private current: Replica | undefined;
  private boots: BootHistory | undefined;
  private refusedTerms = 0;
  /** Addresses of the members as the store had them at start. */
  private membersWere: readonly string[] = [];
  private machineIsOpen = false;
  /** That this store is in quarantine is being written down. */
  private condemned: Promise<void> | undefined;

  constructor(readonly options: RaftNodeOptions) {
    const { scheduler, transport, nodeId, founders, logger, electionTimeoutMs } = options;
    const { tickMs, proofMs } = timingOf(options);
    this.bootNonce = scheduler.randomId();
    this.publisher = new StatusPublisher(logger, () => this.status());
    this.hints = new AddressHints([...founders.map(({ peer }) => peer), ...options.join]);
    this.links = new PeerLinks({
      transport,
      nodeId,
      advertise: options.advertise,
      founders,
      hints: this.hints,
      nowMs: () => scheduler.nowMs(),
      counted: (hello) => this.boots?.remember(hello),
    });
    this.reporter = new EventReporter(options.events, scheduler);
    const replica = (): Replica | undefined => this.current;
    const closed = (): RaftError | undefined => this.closedBecause();
    this.paths = new CallPaths({
      options,
      links: this.links,
      reporter: this.reporter,
      bootNonce: this.bootNonce,
      clusterId: () => this.group?.clusterId ?? '',
      answer: (peer, message) => this.answer(peer, message),
      replica,
      closed,
      status: () => this.status(),
      onStatus: (listener) => this.publisher.subscribe(listener),
    });
    this.proof = new StoreOwnershipProof(scheduler, proofMs);
    this.care = new MemberCare({
      options,
      links: this.links,
      calls: this.paths.calls,
      proof: this.proof,
      replica,
      boots: () => this.boots,
      incarnation: () => this.store?.incarnation ?? '',
      accused: (sentence) => this.condemn(sentence),
    });
    this.care.serve();
    this.admin = new ClusterAdmin({
      rejoining: this.care.rejoining,
      links: this.links,
      calls: this.paths.calls,
      scheduler,
      electionTimeoutMs,
      nodeId,
      protection: transport.protection,
      replica,
      closed,
    });
    this.admin.serve();
    this.silence = new TakeoverSilence(scheduler, logger, 2 * proofMs);
    this.report = new LeaderlessReport(scheduler, logger, options.advertise, () => this.status());
    this.ticker = new Ticker(scheduler, tickMs, (ticks, nowMs) => this.tick(ticks, nowMs));
  }

  /** The replica of this node, once it is a member of the cluster. */
  get replica(): Replica | undefined {
    return this.current;
  }

  /** What administrators ask for is told to all members. */
  get notices(): AdminNotices {
    return this.care.notices;
  }

  /** See `RaftNode.start`. */
  start(): Promise<void> {
    if (this.starting === undefined) {
      if (this.publisher.phase !== 'created') return Promise.reject(shuttingDown());
      this.publisher.enter('starting');
      this.report.start();
      this.ticker.start();
      this.starting = this.open();
    }
    return this.starting;
  }

  /** See `RaftNode.stop`. */
  stop(): Promise<void> {
    if (this.stopping === undefined) {
      const { scheduler, shutdownTimeoutMs } = this.options;
      const deadlineMs = scheduler.nowMs() + shutdownTimeoutMs;
      const wasStarted = this.publisher.phase !== 'created';
      this.stopping = Promise.resolve().then(() => this.shutDown(wasStarted, deadlineMs));
      this.publisher.enter('stopping');
    }
    return this.stopping;
  }

  /**
   * Ends what is left of a node in quarantine, so that another life can begin in its place.
   *
   * @throws RaftError `RAFT_REJECTED` with the reason `NOT_IN_QUARANTINE`, or `STORAGE_KEEPS_NOTHING` its storage can't be set aside
   */
  async makeWay(): Promise<QuarantinedNode> {
    const { storage, transport, advertise } = this.options;
    if (this.publisher.phase !== 'quarantined')
      throw new RaftError(
        'RAFT_REJECTED',
        `This node is ${this.publisher.phase}, not in quarantine: there is nothing to repair.`,
        {
          reason: 'NOT_IN_QUARANTINE',
        },
      );
    if (storage.setAside === undefined)
      throw new RaftError(
        'RAFT_REJECTED',
        'The storage of this node has no setAside(): stop the node, move its data away, and start it with onEmptyStore: ' +
          "'rejoin'. Nothing was changed.",
        { reason: 'STORAGE_KEEPS_NOTHING' },
      );
    await this.closeParts();
    await transport.stop();
    const members = this.current?.kernel.configuration.configuration.members.map(({ peer }) => peer);
    const through = [...new Set([...(members ?? this.membersWere), ...this.hints.addresses])];
    return {
      through: through.filter((address) => address !== advertise),
      hasOpenedMachine: this.machineIsOpen,
      hasRun: this.current !== undefined,
    };
  }

  /**
   * Goes on in the place of a node in quarantine, as its own replacement: with a new store, and so as a new replica (SAFETY 31).
   *
   * @param granted called when the leader has allowed it; before, nothing is touched
   * @throws RaftError `RAFT_CONFLICT` the leader doesn't allow it, `RAFT_NO_LEADER` nobody could be asked; afterwards
   *   `RAFT_QUARANTINED`: the store could not be set aside, and the node stays where it was
   */
  async takePlaceOf(old: QuarantinedNode, timeoutMs: number, granted: () => void): Promise<RepairResult> {
    const { options, links, bootNonce, proof } = this;
    const { scheduler, transport, logger, nodeId } = options;
    const { calls } = this.paths;
    this.starting = Promise.resolve();
    this.publisher.enter('starting');
    this.ticker.start();
    const incarnation = scheduler.randomId();
    const identity = { incarnation, epoch: 1, previousBootNonce: null, takenOver: false, notes: '', moved: null };
    const unwritten = { saveNotes: () => Promise.resolve() };
    const ports = { logger, nowMs: () => scheduler.nowMs() };
    this.store = identity;
    this.boots = await BootHistory.open({ ...ports, storage: unwritten }, identity, bootNonce);
    let clusterId: string;
    try {
      await transport.start(this.peerHost(identity));
      links.connectTo(old.through);
      const isClosed = (): boolean => this.publisher.phase !== 'starting';
      const { through } = old;
      clusterId = await askForRepair({ options, links, calls, through, incarnation, isClosed }, timeoutMs);
      this.requireStarting();
    } catch (error) {
      await this.closeParts();
      await transport.stop();
      throw asRaftError(error);
    }
    granted();
    try {
      const repair = { clusterId, label: labelOf(incarnation), through: old.through };
      const keptAs = await renewStore(options, proof, { incarnation, bootNonce, repair });
      logger.warn(`The damaged store of '${nodeId}' is kept as ${keptAs}; the node comes back as its own replacement.`);
      const notes = notesOfRepair(repair);
      this.boots = await BootHistory.open({ ...ports, storage: options.storage }, { ...identity, notes }, bootNonce);
      if (!old.hasOpenedMachine) await openMachine(options.stateMachine);
      this.machineIsOpen = true;
      await beginAgain(options.stateMachine, clusterId, repair.label, old.hasRun);
      this.requireStarting();
      this.join(identity, 0, old.through, 'repair');
      return { keptAs, label: repair.label };
    } catch (error) {
      const sentence = `The repair of '${nodeId}' stopped: ${errorMessage(error)}. Mend the cause and start the node again: it goes on.`;
      const failure = new RaftError('RAFT_QUARANTINED', sentence, { cause: error });
      this.halt('quarantined', failure);
      throw failure;
    }
  }

  status(): RaftStatus {
    const { phase, reason } = this.publisher;
    const why = phase === 'bootstrapping' || phase === 'joining' ? (this.founding?.describe() ?? reason) : reason;
    return {
      ...statusOf(this.options, phase, why, this.current, this.links, this.queues()),
      refusedTerms: this.refusedTerms,
    };
  }

  private queues(): QueueLengths {
    const waiting = this.current?.queueLengths ?? NOTHING_WAITS;
    const { requests, router, forwarder } = this.paths;
    return { calls: requests.size, parked: router.size, forwarded: forwarder.size, ...waiting };
  }

  /** @returns why it takes no call; undefined where it does */
  closedBecause(): RaftError | undefined {
    if (this.failure !== undefined) return this.failure;
    if (this.removal !== undefined) return this.removal;
    const { phase } = this.publisher;
    if (phase === 'created') return notStarted();
    return phase === 'stopping' || phase === 'stopped' ? shuttingDown() : undefined;
  }

  /** Whether it still listens to its peers. */
  private get isOpen(): boolean {
    return this.failure === undefined && this.publisher.phase !== 'stopped';
  }

  private async open(): Promise<void> {
    const { storage, stateMachine, transport } = this.options;
    try {
      const opened = await openStore(this.options, this.bootNonce, this.proof);
      const { identity, stored, boots } = opened;
      const group = stored?.group;
      this.boots = boots;
      for (const address of boots.knownPlaces) this.hints.add(address);
      this.membersWere = (group?.configuration.configuration.members ?? []).map(({ peer }) => peer);
      const untrustworthy = untrustworthyStore(opened, this.options.logger);
      if (untrustworthy !== undefined && this.publisher.phase === 'starting') {
        this.halt('quarantined', new RaftError('RAFT_QUARANTINED', untrustworthy));
        return;
      }
      const applied = await openMachine(stateMachine);
      this.machineIsOpen = true;
      const restored = await this.restored(stored, applied.last.index);
      this.requireStarting();
      this.store = identity;
      this.group = group?.identity;
      const listening = await transport.start(this.peerHost(identity));
      logSecurity(this.options.logger, transport.protection, listening);
      this.requireStarting();
      if (restored !== undefined)
        this.links.connectMembers(restored.group.configuration.configuration, restored.group.identity.replicaId);
      else if (this.options.join.length > 0) this.links.connectTo(this.options.join);
      else this.links.connectFounders();
      const { repair } = boots;
      if (group === undefined && repair !== undefined) {
        await beginAgain(stateMachine, repair.clusterId, repair.label, false);
        this.requireStarting();
        this.join(identity, 0, repair.through, 'repair');
        return;
      }
      this.silence.keep(identity, () => {
        if (this.publisher.phase !== 'starting') return;
        if (group === undefined && this.options.join.length > 0)
          this.join(identity, applied.last.index, this.options.join, 'join');
        else if (group === undefined) this.found(identity, applied.last.index);
        else this.run(identity, restored!, false);
      });
    } catch (error) {
      // It stays up and says so: a process that ends and is started again finds the same damage.
      if (error instanceof DamagedStoreError && this.publisher.phase === 'starting') {
        this.halt('quarantined', new RaftError('RAFT_QUARANTINED', error.message, { cause: error }));
        return;
      }
      const failure = asRaftError(error);
      if (this.publisher.phase === 'starting') this.halt('failed', failure);
      await transport.stop().catch(() => undefined);
      await stateMachine.close?.().catch(() => undefined);
      await storage.close().catch(() => undefined);
      throw failure;
    }
  }

  private async restored(stored: IntactGroup | undefined, appliedIndex: number): Promise<RestoredGroup | undefined> {
    if (stored === undefined) return undefined;
    const { storage, groupId, stateMachine, nodeId } = this.options;
    stateMachine.belongsTo?.(stored.group.identity.clusterId);
    try {
      return await restoreAtStart(storage, groupId, stateMachine, stored, appliedIndex);
    } catch (error) {
      if (isStoreCorrupt(error)) throw new DamagedStoreError(damageOf(nodeId, error), { cause: error });
      throw new RaftError('RAFT_STORAGE', `The snapshot in the store can't be used: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }

  private requireStarting(): void {
    if (this.publisher.phase !== 'starting') throw shuttingDown();
  }

  private peerHost({ incarnation }: StoreIdentity): PeerHost {
    const { nodeId: nodeName, clusterName, groupId, advertise } = this.options;
    const { links } = this;
    const { calls, forwarder, router, server, clients } = this.paths;
    return new PeerHost(
      { nodeName, clusterName, groupId, advertise, incarnation },
      {
        links,
        calls,
        forwarder,
        router,
        server,
        boots: () => this.boots!,
        clients,
        answer: (peer, message) => this.answer(peer, message),
        connectionChanged: (address, isConnected, detail) =>
          this.reporter.connectionChanged(address, isConnected, links.nameAt(address), detail),
        metCluster: (peer) => this.metCluster(peer),
        turnedAway: (address, sentence) => {
          if (this.founding instanceof Joining) this.founding.turnedAway(address, sentence);
        },
        rolledBack: (sentence) => this.rolledBack(sentence),
        termRefused: () => {
          this.refusedTerms++;
          this.publisher.changed();
        },
        turnAway: (sender, sentence) => this.turnAway(sender, sentence),
        group: () => this.group,
        replica: () => this.current,
        founding: () => (this.founding instanceof Founding ? this.founding : undefined),
        nowMs: () => this.options.scheduler.nowMs(),
        isOpen: () => this.isOpen,
        threw: (error) => this.fail('RAFT_FATAL', `A message could not be handled: ${errorMessage(error)}`, error),
      },
    );
  }

  /** A store that is empty while another founder has a cluster has lost what it held: it founds none, not even later on. */
  private metCluster({ nodeName, clusterId }: Hello): void {
    const { founders } = this.options;
    if (clusterId !== '' && founders.some(({ id }) => id === nodeName)) this.boots?.meetCluster(clusterId);
  }

  private turnAway(sender: Hello, sentence: string): void {
    const { logger, transport } = this.options;
    logger.error(sentence);
    transport.turnAway?.(sender, sentence);
  }

  private answer(peer: Hello, message: PeerMessage): void {
    this.links.answer(peer, message, this.options.scheduler.nowMs());
  }

  private found({ incarnation }: StoreIdentity, appliedIndex: number): void {
    const { options, links, proof } = this;
    this.founding = new Founding({
      options,
      incarnation,
      links,
      proof,
      founded: (group) => this.run(this.store!, { group, appliedIndex, snapshot: undefined }, true),
      excluded: (sentence) => {
        if (options.onEmptyStore === 'rejoin') this.rejoin(appliedIndex);
        else this.halt('quarantined', new RaftError('RAFT_QUARANTINED', sentence));
      },
      metCluster: () => this.boots?.metCluster,
      storageLost: (sentence) => this.fail('RAFT_STORAGE', sentence),
    });
    this.publisher.enter('bootstrapping');
    this.founding.start();
  }

  /** The founder that this node was has lost its store: it asks the others for the place of its old replica. */
  private rejoin(appliedIndex: number): void {
    const { founders, nodeId, logger } = this.options;
    logger.warn(
      `The store of '${nodeId}' is empty, and its cluster exists: it comes back in place of its old replica, as onEmptyStore says.`,
    );
    void this.founding?.close();
    const others = founders.filter(({ id }) => id !== nodeId).map(({ peer }) => peer);
    this.join(this.store!, appliedIndex, others, 'rejoin');
  }

  private join(
    { incarnation }: StoreIdentity,
    appliedIndex: number,
    through: readonly string[],
    way: 'join' | 'rejoin' | 'repair',
  ): void {
    const { options, links, proof } = this;
    const { calls } = this.paths;
    const joining = new Joining({
      options,
      incarnation,
      links,
      calls,
      proof,
      through,
      rejoins: way !== 'join',
      repairs: way === 'repair',
      refused: (sentence) => this.halt('quarantined', new RaftError('RAFT_QUARANTINED', sentence)),
      forbidden: (sentence) => this.fail('RAFT_FORBIDDEN', sentence),
      joined: (group) => this.run(this.store!, { group, appliedIndex, snapshot: undefined }, true),
      storageLost: (sentence) => this.fail('RAFT_STORAGE', sentence),
    });
    this.founding = joining;
    this.publisher.enter('joining');
    joining.start();
  }

  private run({ incarnation }: StoreIdentity, restored: RestoredGroup, newStore: boolean): void {
    if (this.publisher.phase === 'stopping') return;
    const { group, appliedIndex } = restored;
    const { options, links, proof } = this;
    const { transport } = options;
    const { requests, router, session, calls } = this.paths;
    this.founding = undefined;
    this.group = group.identity;
    options.stateMachine.belongsTo?.(group.identity.clusterId);
    try {
      const kernel = createKernel(options, { group, incarnation, appliedIndex, newStore });
      const ports = {
        options,
        links,
        requests,
        router,
        session,
        calls,
        proof,
        statusChanged: (status: KernelStatus) => this.kernelStatusChanged(status),
        configurationChanged: (configuration: ConfigurationInForce) => {
          this.reporter.configurationChanged(configuration);
          this.care.configurationChanged(configuration, group.identity.replicaId);
          warnOfExposed(options.logger, transport.protection, configuration.configuration);
          this.publisher.changed();
        },
        queues: () => this.queues(),
        removed: (sentence: string) => this.leave(new RaftError('RAFT_QUARANTINED', sentence)),
        diverged: (sentence: string) => this.condemn(sentence),
        damaged: (error: Error) => this.condemn(damageOf(options.nodeId, error)),
        degradedChanged: () => this.publisher.changed(),
        rolledBack: (sentence: string) => this.rolledBack(sentence),
        failed: (code: RaftErrorCode, sentence: string, cause: unknown) => this.fail(code, sentence, cause),
      };
      this.current = new Replica(ports, kernel, restored);
    } catch (error) {
      if (error instanceof InvariantError)
        this.halt('quarantined', new RaftError('RAFT_QUARANTINED', damageOf(options.nodeId, error), { cause: error }));
      else this.fail('RAFT_FATAL', `The node can't start from its store: ${errorMessage(error)}`, error);
      return;
    }
    router.replica = this.current;
    this.publisher.enter('running');
    this.current.start();
    options.transport.announce();
    router.wake();
  }

  private tick(ticks: number, nowMs: number): void {
    this.paths.requests.expire(nowMs);
    this.boots?.tick(nowMs);
    this.founding?.tick(nowMs);
    this.current?.tick(ticks, nowMs);
    this.paths.tick(nowMs);
    this.links.tick(nowMs);
    this.care.tick(nowMs);
    const hasLeader = this.current !== undefined && this.current.leader !== NO_REPLICA;
    if (this.publisher.phase !== 'starting') this.report.tick(nowMs, hasLeader);
  }

  private kernelStatusChanged(status: KernelStatus): void {
    const { role, term, leader, committedInTerm } = status;
    const name = this.links.memberOf(leader)?.name;
    this.reporter.statusChanged(status, name ?? null);
    if (role === 'leader' && !committedInTerm) this.options.logger.log(`This node leads in term ${term}.`);
    else if (role !== 'leader' && name !== undefined) this.options.logger.log(`'${name}' leads in term ${term}.`);
    if (leader !== NO_REPLICA) this.paths.forwarder.leaderChanged(leader);
    this.paths.router.wake();
    this.publisher.changed();
  }

  /** The store has less than this replica promised: that stands in the store from now on, so that no restart forgets it. */
  private rolledBack(what: string): void {
    if (!this.isOpen) return;
    this.condemn(`${what} ${whatToDo(this.options.nodeId)}`);
  }

  private condemn(sentence: string): void {
    if (!this.isOpen) return;
    this.condemned = this.boots?.condemn(sentence);
    this.halt('quarantined', new RaftError('RAFT_QUARANTINED', sentence));
  }

  private fail(code: RaftErrorCode, sentence: string, cause?: unknown): void {
    this.halt('failed', new RaftError(code, sentence, { cause }));
  }

  /** It takes no part any more: nothing is sent, and every call is answered. The store stays locked until `stop`. */
  private halt(phase: RaftPhase & ('removed' | 'quarantined' | 'failed'), failure: RaftError): void {
    if (!this.isOpen) return;
    this.failure = failure;
    this.options.logger.error(failure.message);
    this.publisher.enter(this.publisher.phase === 'stopping' ? 'stopping' : phase, failure.message);
    void this.closeParts();
    this.paths.admission.answerEverybody(failure, failure.message);
    this.options.transport.stop().catch((error: unknown) => this.options.logger.warn(errorMessage(error)));
  }

  /** What was taken in before this node was removed is decided and applied here, and its callers hear of it first. */
  private leave(removal: RaftError): void {
    if (this.removal !== undefined) return;
    this.removal = removal;
    this.paths.admission.refuseParked(removal);
    const { scheduler, electionTimeoutMs } = this.options;
    void withDeadline(scheduler, scheduler.nowMs() + electionTimeoutMs, this.paths.admission.drained()).then(() =>
      this.halt('removed', removal),
    );
  }

  /** No timer and no input any more. @returns when writes and applies that were under way have settled */
  private async closeParts(): Promise<void> {
    this.silence.cancel();
    this.ticker.stop();
    this.paths.calls.close();
    this.boots?.close();
    this.paths.clientSessions.close();
    await Promise.all([this.condemned, this.founding?.close(), this.current?.close()]);
  }

  private async shutDown(wasStarted: boolean, deadlineMs: number): Promise<void> {
    if (wasStarted)
      await stopInOrder(
        {
          options: this.options,
          admission: this.paths.admission,
          leadership: this.admin.leadership,
          starting: this.starting,
          workingReplica: () => (this.failure === undefined ? this.current : undefined),
          closeParts: () => this.closeParts(),
        },
        deadlineMs,
      );
    this.publisher.enter('stopped');
  }
}
