import type { ConfigurationInForce } from '../core/configuration';
import type { KernelStatus } from '../core/effects';
import { RaftError, type RaftErrorCode } from '../core/raft-error';
import { NO_REPLICA } from '../core/types';
import type { CommandOutcome } from '../state-machine/contract';
import type { GroupIdentity, LoadedGroup, StoreIdentity } from '../storage/contract';
import type { Hello, PeerMessage } from '../transport/contract';
import { raced } from './bounded-wait';
import { CallDesk } from './call-desk';
import { CallIds } from './call-ids';
import { ClientServer } from './client-server';
import { sentenceOf } from './error-sentence';
import { EventReporter } from './event-reporter';
import { ClientSessions, type OpenSessionOptions, type RaftSession, type ResumeSessionOptions } from './client-session';
import { Forwarder } from './forwarder';
import { ClusterAdmin } from './cluster-admin';
import { Founding } from './founding';
import { Joining } from './joining';
import { createKernel } from './kernel-factory';
import { LeaderlessReport } from './leaderless-report';
import { MembershipInquiry } from './membership-inquiry';
import { notStarted, shuttingDown } from './node-errors';
import { NodeSession } from './node-session';
import type { NodeEvents } from './node-events';
import type { LifeBook } from './life-book';
import { openMachine, openStore, untrustworthyStore, whatToDo } from './opening';
import { type ChangeOptions, edited, type MembershipView, type MemberTarget } from './membership-view';
import { PeerCalls } from './peer-calls';
import { PeerHost } from './peer-host';
import { PeerLinks } from './peer-links';
import type {
  BarrierOptions,
  Ordered,
  ProposeOptions,
  QueryOptions,
  RaftNodeOptions,
  ReadConsistency,
} from './raft-node-options';
import { asRaftError } from './request-codec';
import type { PendingRequest } from './pending-request';
import { RequestLedger } from './request-ledger';
import { RequestRouter } from './request-router';
import { RequestServer } from './request-server';
import { Replica } from './replica';
import { SharedBarrier } from './shared-barrier';
import { SessionProof } from './session-proof';
import { restoreAtStart, type RestoredGroup } from './snapshot-install';
import type { SnapshotInfo } from './snapshot-options';
import type { QueueLengths, RaftPhase, RaftStatus } from './status';
import { StatusBoard } from './status-board';
import { leaderIn, statusOf } from './status-report';
import { TakeoverSilence } from './takeover-silence';
import { Ticker } from './ticker';
import { timingOf } from './timing';

/** The share of the shutdown time that calls under way get to be decided. */
const DRAIN_SHARE = 0.4;
/** And the share that a leader gets to hand over. */
const HAND_OVER_SHARE = 0.3;
const NOTHING = new Uint8Array(0);
const NOTHING_WAITS = Object.freeze({ inLog: 0, reading: 0, persist: 0, apply: 0, uncommittedBytes: 0 });

/**
 * One node of a cluster: it opens its store, finds its peers, drives one kernel, and answers calls, whoever leads. Its time
 * and chance come from the scheduler in its options, so that a simulator can run it in a time of its own.
 *
 * @publicApi
 */
export class RaftNode {
  private failure: RaftError | undefined;
  /** It was removed, and goes once the calls that it took in before are answered. */
  private removal: RaftError | undefined;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  private readonly bootNonce: string;
  private readonly board: StatusBoard;
  private readonly links: PeerLinks;
  private readonly calls: PeerCalls;
  private readonly admin: ClusterAdmin;
  private readonly session: NodeSession;
  private readonly clientSessions: ClientSessions;
  private readonly forwarder: Forwarder;
  private readonly ledger: RequestLedger;
  private readonly router: RequestRouter;
  private readonly desk: CallDesk;
  private readonly proof: SessionProof;
  private readonly silence: TakeoverSilence;
  private readonly report: LeaderlessReport;
  private readonly inquiry: MembershipInquiry;
  private readonly ticker: Ticker;
  private readonly reporter: EventReporter;

  private store: StoreIdentity | undefined;
  private group: GroupIdentity | undefined;
  private founding: Founding | Joining | undefined;
  private replica: Replica | undefined;
  private lives: LifeBook | undefined;
  /** That this store is in quarantine is being written down. */
  private condemned: Promise<void> | undefined;

  /** @param options as `raftNodeOptions()` fills them in */
  constructor(private readonly options: RaftNodeOptions) {
    const { scheduler, transport, nodeId, founders, groupId, logger } = options;
    const { tickMs, proofMs, nodeSessionMs } = timingOf(options);
    this.bootNonce = scheduler.randomId();
    this.board = new StatusBoard(logger, () => this.status());
    this.links = new PeerLinks(transport, nodeId, founders, () => scheduler.nowMs());
    this.ledger = new RequestLedger(scheduler);
    const ids = new CallIds(scheduler.randomSeed());
    this.calls = new PeerCalls({
      links: this.links,
      scheduler,
      groupId,
      ids,
      answer: (peer, message) => this.answer(peer, message),
    });
    this.admin = new ClusterAdmin({
      links: this.links,
      calls: this.calls,
      scheduler,
      electionTimeoutMs: options.electionTimeoutMs,
      replica: () => this.replica,
      closed: () => this.closedBecause(),
    });
    this.admin.serve();
    const operate = (body: Uint8Array, timeoutMs?: number): Promise<Ordered<CommandOutcome>> =>
      this.desk.call('session', body, timeoutMs === undefined ? {} : { timeoutMs }) as Promise<Ordered<CommandOutcome>>;
    this.session = new NodeSession({
      scheduler,
      ledger: this.ledger,
      ttlMs: nodeSessionMs,
      operate,
      dispatch: (request) => this.router.dispatch(request),
      retry: (request) => this.router.retry(request),
    });
    this.clientSessions = new ClientSessions({ scheduler, operate });
    this.forwarder = new Forwarder({
      session: this.session,
      patienceMs: 2 * options.electionTimeoutMs,
      ids,
      ledger: this.ledger,
      returns: { retry: (request) => this.router.retry(request) },
      links: this.links,
      scheduler,
      groupId,
      confirmedByLeader: (request, index) => this.replica?.readAt(request, index),
    });
    const hintOf = (leader: number) => leaderIn(leader, this.links) ?? undefined;
    const shared = (consistency: ReadConsistency): SharedBarrier =>
      new SharedBarrier({
        ledger: this.ledger,
        scheduler,
        barrier: async (timeoutMs) => (await this.desk.call('barrier', NOTHING, { timeoutMs, consistency })).index,
        confirmed: (request, index) => this.replica?.readAt(request, index),
      });
    const barriers = { linearizable: shared('linearizable'), lease: shared('lease') };
    const readHere = (request: PendingRequest): void =>
      barriers[request.consistency === 'lease' ? 'lease' : 'linearizable'].begin(request);
    this.router = new RequestRouter(this.ledger, this.forwarder, scheduler, hintOf, readHere);
    this.reporter = new EventReporter(options.events, scheduler);
    this.desk = new CallDesk(options, this.ledger, this.router, this.reporter, () => this.closedBecause());
    this.proof = new SessionProof(scheduler, proofMs);
    this.silence = new TakeoverSilence(scheduler, logger, 2 * proofMs);
    this.report = new LeaderlessReport(scheduler, logger, () => this.status());
    const { electionTimeoutMs } = options;
    this.inquiry = new MembershipInquiry({
      links: this.links,
      groupId,
      nodeId,
      electionTimeoutMs,
      incarnation: () => this.store?.incarnation ?? '',
    });
    this.ticker = new Ticker(scheduler, tickMs, (ticks, nowMs) => this.tick(ticks, nowMs));
  }

  /**
   * Opens the store, listens, dials the peers and runs. It never waits for a quorum: calls do, up to their deadline.
   *
   * @throws RaftError `RAFT_STORAGE` the store can't be opened, `RAFT_CONFIGURATION` the options don't fit what is stored or
   *   the address can't be had, `RAFT_SHUTTING_DOWN` it was stopped meanwhile
   */
  start(): Promise<void> {
    if (this.starting === undefined) {
      if (this.board.phase !== 'created') return Promise.reject(shuttingDown());
      this.board.enter('starting');
      this.report.start();
      this.ticker.start();
      this.starting = this.open();
    }
    return this.starting;
  }

  /**
   * Refuses new calls, waits a while for those under way, then closes the connections and the store. Idempotent; it takes at
   * most `shutdownTimeoutMs`, and answers every call that is left.
   */
  stop(): Promise<void> {
    if (this.stopping === undefined) {
      const { scheduler, shutdownTimeoutMs } = this.options;
      const deadlineMs = scheduler.nowMs() + shutdownTimeoutMs;
      const wasStarted = this.board.phase !== 'created';
      this.stopping = Promise.resolve().then(() => this.shutDown(wasStarted, deadlineMs));
      this.board.enter('stopping');
    }
    return this.stopping;
  }

  /**
   * Replicates one command, and resolves when it is applied at the leader.
   *
   * @param command as `encodeCommand()` makes it; the bytes are neither changed nor kept
   * @returns its outcome and its place in the log; a refusal by the state machine is an outcome
   * @throws RaftError `RAFT_NOT_LEADER`, `RAFT_NO_LEADER`, `RAFT_BUSY`, `RAFT_STORAGE`, `RAFT_SHUTTING_DOWN`: certainly not
   *   applied. `RAFT_TIMEOUT`, `RAFT_INDETERMINATE`: it may be applied, now or later. `RAFT_REJECTED` (`COMMAND_TOO_LARGE`)
   */
  propose(command: Uint8Array, options: ProposeOptions = {}): Promise<Ordered<CommandOutcome>> {
    return this.desk.call('propose', command, options) as Promise<Ordered<CommandOutcome>>;
  }

  /**
   * Answers a query from the state machine: by default so that everything is in it that was acknowledged, on any node, before
   * the call (`linearizable`).
   *
   * @param query as `encodeQuery()` makes it
   * @returns the answer, and the index up to which the state was applied
   * @throws RaftError `RAFT_NOT_LEADER`, `RAFT_NO_LEADER`, `RAFT_BUSY`, `RAFT_TIMEOUT`, `RAFT_SHUTTING_DOWN`
   */
  query(query: Uint8Array, options: QueryOptions = {}): Promise<Ordered<CommandOutcome>> {
    return this.desk.call('query', query, options) as Promise<Ordered<CommandOutcome>>;
  }

  /**
   * Opens a client session: commands in it are applied once, however often they are sent, by whichever node.
   *
   * @throws RaftError `RAFT_BUSY` with the reason `TOO_MANY_SESSIONS`, `RAFT_CONFIGURATION` the state machine keeps none, and the
   *   codes of the way to the leader
   */
  openSession(options: OpenSessionOptions = {}): Promise<RaftSession> {
    return this.clientSessions.openSession(options);
  }

  /**
   * Goes on with a session that was opened before, in another process or on another node. Whether it is still there, its first
   * command says.
   */
  resumeSession(options: ResumeSessionOptions): RaftSession {
    return this.clientSessions.resumeSession(options);
  }

  /**
   * Waits until everything that was acknowledged anywhere before the call is applied here; with `stale`, until what this node
   * knew to be committed at its start is, and fails where that is older than was asked for.
   *
   * @returns the index up to which that is
   * @throws RaftError as `query`; with `maxLagMs`, `RAFT_LAGGING`
   */
  async barrier(options: BarrierOptions = {}): Promise<number> {
    return (await this.desk.call('barrier', NOTHING, options)).index;
  }

  /** @returns the membership as this node knows it @throws RaftError before the node is a member, and after its end */
  members(): MembershipView {
    return this.admin.members();
  }

  /**
   * Makes the membership what it shall be: new members are added as learners, waited for until they have caught up, and
   * promoted; those that aren't named are removed; votes change in one joint step (thesis §4.3). It works on any node, and goes
   * on by itself when the leader changes. A name keeps its replica for as long as its node keeps its store.
   *
   * @param target every member that shall be there
   * @returns the membership in the end
   * @throws RaftError `RAFT_CONFLICT` another change is under way, or the membership isn't that of `expectedIndex`;
   *   `RAFT_REJECTED` with the reason `INVALID_MEMBERSHIP` (no voter, among others), `QUORUM_AT_RISK`, `MEMBER_UNREACHABLE` or
   *   `NOT_CAUGHT_UP`; `RAFT_TIMEOUT` it goes on; the codes of the way to the leader
   */
  changeMembership(target: readonly MemberTarget[], options?: ChangeOptions): Promise<MembershipView> {
    return this.admin.change(target, options);
  }

  /** Adds one member, as a voter once it has caught up, or with `voter: false` as a learner. See {@link changeMembership}. */
  addMember(member: MemberTarget, options?: ChangeOptions): Promise<MembershipView> {
    return this.admin.edit((members) => [...members.filter(({ name }) => name !== member.name), member], options);
  }

  /** Gives a learner its vote, once it has caught up. See {@link changeMembership}. */
  promote(name: string, options?: ChangeOptions): Promise<MembershipView> {
    return this.admin.edit((members) => edited(members, name, (member) => ({ ...member, voter: true })), options);
  }

  /** Removes one member, this node or the leader included. See {@link changeMembership}. */
  remove(name: string, options?: ChangeOptions): Promise<MembershipView> {
    return this.admin.edit((members) => {
      edited(members, name, (member) => member);
      return members.filter((member) => member.name !== name);
    }, options);
  }

  /** Says where a member is reached from now on; it stays the replica that it is. See {@link changeMembership}. */
  updateAddress(
    name: string,
    address: { readonly peer?: string; readonly http?: string },
    options?: ChangeOptions,
  ): Promise<MembershipView> {
    return this.admin.edit((members) => edited(members, name, (member) => ({ ...member, ...address })), options);
  }

  /**
   * Hands the leadership over, without an election time-out in between; works on any node.
   *
   * @param name who shall lead. Default: the voter that is there and has most of the log
   * @returns who leads now
   * @throws RaftError `RAFT_REJECTED` with the reason `UNKNOWN_MEMBER` or `NO_TRANSFER_TARGET`; `RAFT_CONFLICT` it is being handed
   *   to another; `RAFT_TIMEOUT` nobody took over, and the leader leads on
   */
  transferLeadership(name?: string): Promise<{ readonly leader: string }> {
    return this.admin.transfer(name);
  }

  /**
   * Takes a snapshot of everything that is applied here now, and cuts the log behind it.
   *
   * @returns which entry it covers, and its size
   * @throws RaftError `RAFT_STORAGE` it can't be written, `RAFT_NOT_STARTED`, `RAFT_SHUTTING_DOWN`
   */
  async snapshot(): Promise<SnapshotInfo> {
    const closed = this.closedBecause();
    if (closed !== undefined) throw closed;
    if (this.replica === undefined) throw notStarted();
    return this.replica.snapshots.take();
  }

  /** What this node tells of its work, while it is at it. */
  get events(): NodeEvents {
    return this.options.events;
  }

  status(): RaftStatus {
    const { phase, reason } = this.board;
    const why = phase === 'founding' || phase === 'joining' ? (this.founding?.describe() ?? reason) : reason;
    return statusOf(this.options, phase, why, this.replica, this.links, this.queues());
  }

  /**
   * @param listener called with each change of phase, role, term, leader or members
   * @returns a function that ends it
   */
  onStatus(listener: (status: RaftStatus) => void): () => void {
    return this.board.subscribe(listener);
  }

  private queues(): QueueLengths {
    const waiting = this.replica?.queueLengths ?? NOTHING_WAITS;
    return { calls: this.ledger.size, parked: this.router.size, forwarded: this.forwarder.size, ...waiting };
  }

  private closedBecause(): RaftError | undefined {
    if (this.failure !== undefined) return this.failure;
    if (this.removal !== undefined) return this.removal;
    const { phase } = this.board;
    if (phase === 'created') return notStarted();
    return phase === 'stopping' || phase === 'stopped' ? shuttingDown() : undefined;
  }

  /** Whether it still listens to its peers. */
  private get isOpen(): boolean {
    return this.failure === undefined && this.board.phase !== 'stopped';
  }

  private async open(): Promise<void> {
    const { storage, stateMachine, transport } = this.options;
    try {
      const opened = await openStore(this.options, this.bootNonce, this.proof);
      const { identity, group, lives } = opened;
      this.lives = lives;
      const untrustworthy = untrustworthyStore(opened, this.options.logger);
      if (untrustworthy !== undefined && this.board.phase === 'starting') {
        this.halt('quarantined', new RaftError('RAFT_QUARANTINED', untrustworthy));
        return;
      }
      const applied = await openMachine(stateMachine);
      const restored = await this.restored(group, applied.last.index);
      this.requireStarting();
      this.store = identity;
      this.group = group?.identity;
      await transport.start(this.peerHost(identity, lives));
      this.requireStarting();
      if (restored !== undefined)
        this.links.connectMembers(restored.group.configuration.configuration, restored.group.identity.replicaId);
      else if (this.options.join.length > 0) this.links.connectTo(this.options.join);
      else this.links.connectFounders();
      this.silence.keep(identity, () => {
        if (this.board.phase !== 'starting') return;
        if (group === undefined && this.options.join.length > 0) this.join(identity, applied.last.index);
        else if (group === undefined) this.found(identity, applied.last.index);
        else this.run(identity, restored!, false);
      });
    } catch (error) {
      const failure = asRaftError(error);
      if (this.board.phase === 'starting') this.halt('failed', failure);
      await transport.stop().catch(() => undefined);
      await stateMachine.close?.().catch(() => undefined);
      await storage.close().catch(() => undefined);
      throw failure;
    }
  }

  private async restored(group: LoadedGroup | undefined, appliedIndex: number): Promise<RestoredGroup | undefined> {
    if (group === undefined) return undefined;
    const { storage, groupId, stateMachine } = this.options;
    stateMachine.belongsTo?.(group.identity.clusterId);
    try {
      return await restoreAtStart(storage, groupId, stateMachine, group, appliedIndex);
    } catch (error) {
      throw new RaftError('RAFT_STORAGE', `The snapshot in the store can't be used: ${sentenceOf(error)}`, {
        cause: error,
      });
    }
  }

  private requireStarting(): void {
    if (this.board.phase !== 'starting') throw shuttingDown();
  }

  private peerHost({ incarnation }: StoreIdentity, lives: LifeBook): PeerHost {
    const { nodeId: nodeName, clusterName, groupId, advertise } = this.options;
    const { bootNonce, links, calls, forwarder, router } = this;
    const answer = (peer: Hello, message: PeerMessage): void => this.answer(peer, message);
    const server = new RequestServer({
      groupId,
      bootNonce,
      clusterId: () => this.group?.clusterId ?? '',
      submit: (request) => this.desk.submit(request),
      answer,
    });
    return new PeerHost(
      { nodeName, clusterName, groupId, advertise, incarnation },
      {
        links,
        calls,
        forwarder,
        router,
        server,
        lives,
        clients: this.clientServer(),
        answer,
        connectionChanged: (address, isConnected, detail) =>
          this.reporter.connectionChanged(address, isConnected, links.nameAt(address), detail),
        rolledBack: (sentence) => this.rolledBack(sentence),
        group: () => this.group,
        replica: () => this.replica,
        founding: () => (this.founding instanceof Founding ? this.founding : undefined),
        nowMs: () => this.options.scheduler.nowMs(),
        isOpen: () => this.isOpen,
        threw: (error) => this.fail('RAFT_FATAL', `A message could not be handled: ${sentenceOf(error)}`, error),
      },
    );
  }

  private clientServer(): ClientServer {
    const { options } = this;
    return new ClientServer({
      nodeName: options.nodeId,
      clusterName: options.clusterName,
      groupId: options.groupId,
      bootNonce: this.bootNonce,
      logger: options.logger,
      machineEvents: options.machineEvents,
      submit: (request) => this.desk.submit(request),
      closed: () => this.closedBecause(),
      status: () => this.status(),
      onStatus: (listener) => this.onStatus(listener),
    });
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
      excluded: (sentence) => this.halt('quarantined', new RaftError('RAFT_QUARANTINED', sentence)),
      storageLost: (sentence) => this.fail('RAFT_STORAGE', sentence),
    });
    this.board.enter('founding');
    this.founding.start();
  }

  private join({ incarnation }: StoreIdentity, appliedIndex: number): void {
    const { options, links, calls, proof } = this;
    const joining = new Joining({
      options,
      incarnation,
      links,
      calls,
      proof,
      joined: (group) => this.run(this.store!, { group, appliedIndex, snapshot: undefined }, true),
      storageLost: (sentence) => this.fail('RAFT_STORAGE', sentence),
    });
    this.founding = joining;
    this.board.enter('joining');
    joining.start();
  }

  private run({ incarnation }: StoreIdentity, restored: RestoredGroup, newStore: boolean): void {
    if (this.board.phase === 'stopping') return;
    const { group, appliedIndex } = restored;
    const { options, links, ledger, router, session, calls, proof } = this;
    this.founding = undefined;
    this.group = group.identity;
    options.stateMachine.belongsTo?.(group.identity.clusterId);
    try {
      const kernel = createKernel(options, { group, incarnation, appliedIndex, newStore });
      const ports = {
        options,
        links,
        ledger,
        router,
        session,
        calls,
        proof,
        statusChanged: (status: KernelStatus) => this.kernelStatusChanged(status),
        configurationChanged: (configuration: ConfigurationInForce) => {
          this.reporter.configurationChanged(configuration);
          this.board.changed();
        },
        queues: () => this.queues(),
        removed: (sentence: string) => this.leave(new RaftError('RAFT_QUARANTINED', sentence)),
        diverged: (sentence: string) => this.condemn(sentence),
        degradedChanged: () => this.board.changed(),
        rolledBack: (sentence: string) => this.rolledBack(sentence),
        failed: (code: RaftErrorCode, sentence: string, cause: unknown) => this.fail(code, sentence, cause),
      };
      this.replica = new Replica(ports, kernel, restored);
    } catch (error) {
      this.fail('RAFT_FATAL', `The node can't start from its store: ${sentenceOf(error)}`, error);
      return;
    }
    router.replica = this.replica;
    this.board.enter('running');
    this.replica.start();
    options.transport.announce();
    router.wake();
  }

  private tick(ticks: number, nowMs: number): void {
    this.ledger.expire(nowMs);
    this.lives?.tick(nowMs);
    this.founding?.tick(nowMs);
    this.replica?.tick(ticks, nowMs);
    this.router.tick(nowMs);
    this.forwarder.tick(nowMs);
    this.session.tick(nowMs);
    this.links.dismissGuests(nowMs);
    this.inquiry.tick(nowMs, this.replica);
    const hasLeader = this.replica !== undefined && this.replica.leader !== NO_REPLICA;
    if (this.board.phase !== 'starting') this.report.tick(nowMs, hasLeader);
  }

  private kernelStatusChanged(status: KernelStatus): void {
    const { role, term, leader, committedInTerm } = status;
    const name = this.links.memberOf(leader)?.name;
    this.reporter.statusChanged(status, name ?? null);
    if (role === 'leader' && !committedInTerm) this.options.logger.log(`This node leads in term ${term}.`);
    else if (role !== 'leader' && name !== undefined) this.options.logger.log(`'${name}' leads in term ${term}.`);
    if (leader !== NO_REPLICA) this.forwarder.leaderChanged(leader);
    this.router.wake();
    this.board.changed();
  }

  /** The store has less than this replica promised: that stands in the store from now on, so that no restart forgets it. */
  private rolledBack(what: string): void {
    if (!this.isOpen) return;
    this.condemn(`${what} ${whatToDo(this.options.nodeId)}`);
  }

  private condemn(sentence: string): void {
    if (!this.isOpen) return;
    this.condemned = this.lives?.condemn(sentence);
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
    this.board.enter(this.board.phase === 'stopping' ? 'stopping' : phase, failure.message);
    void this.closeParts();
    this.desk.answerEverybody(failure, failure.message);
    this.options.transport.stop().catch((error: unknown) => this.options.logger.warn(sentenceOf(error)));
  }

  /** What was taken in before this node was removed is decided and applied here, and its callers hear of it first. */
  private leave(removal: RaftError): void {
    if (this.removal !== undefined) return;
    this.removal = removal;
    this.desk.refuseParked(removal);
    const { scheduler, electionTimeoutMs } = this.options;
    void raced(scheduler, scheduler.nowMs() + electionTimeoutMs, this.desk.drained()).then(() =>
      this.halt('removed', removal),
    );
  }

  /** No timer and no input any more. @returns when writes and applies that were under way have settled */
  private async closeParts(): Promise<void> {
    this.silence.cancel();
    this.ticker.stop();
    this.calls.close();
    this.lives?.close();
    this.clientSessions.close();
    await Promise.all([this.condemned, this.founding?.close(), this.replica?.close()]);
  }

  /** A leader that goes in order hands over first, so that nobody has to wait for an election. */
  private async giveWay(deadlineMs: number): Promise<void> {
    const { scheduler, shutdownTimeoutMs, electionTimeoutMs, logger } = this.options;
    if (this.replica?.isLeading !== true || this.failure !== undefined) return;
    const leftMs = Math.min(electionTimeoutMs, shutdownTimeoutMs * HAND_OVER_SHARE, deadlineMs - scheduler.nowMs());
    try {
      await raced(scheduler, scheduler.nowMs() + leftMs, this.admin.giveAway(this.replica, leftMs));
    } catch (error) {
      logger.debug(`The leadership was not handed over: ${sentenceOf(error)}`);
    }
  }

  private async shutDown(wasStarted: boolean, deadlineMs: number): Promise<void> {
    const { scheduler, shutdownTimeoutMs, transport, storage, stateMachine, logger } = this.options;
    if (wasStarted) {
      await raced(
        scheduler,
        deadlineMs,
        this.starting?.catch(() => undefined),
      );
      await this.giveWay(deadlineMs);
      this.desk.refuseParked(shuttingDown());
      const drainedMs = Math.min(deadlineMs, scheduler.nowMs() + shutdownTimeoutMs * DRAIN_SHARE);
      await raced(scheduler, drainedMs, this.desk.drained());
      const closed = this.closeParts();
      this.desk.answerEverybody(shuttingDown(), 'it was shut down');
      await raced(scheduler, deadlineMs, closed);
      await raced(
        scheduler,
        deadlineMs,
        transport.stop().catch(() => undefined),
      );
      await raced(
        scheduler,
        deadlineMs,
        stateMachine.close?.().catch(() => undefined),
      );
      const isClosed = await raced(
        scheduler,
        deadlineMs,
        storage.close().catch(() => undefined),
      );
      if (!isClosed) logger.warn(`The store could not be closed within ${shutdownTimeoutMs} ms.`);
    }
    this.board.enter('stopped');
  }
}
