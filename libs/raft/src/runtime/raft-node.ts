import type { KernelStatus } from '../core/effects';
import { RaftKernel } from '../core/kernel';
import type { Kernel } from '../core/kernel-api';
import { RaftError, type RaftErrorCode } from '../core/raft-error';
import { SeededRandom } from '../core/random';
import { NO_REPLICA } from '../core/types';
import type { CommandOutcome } from '../state-machine/contract';
import type { GroupIdentity, LoadedGroup, StoreIdentity } from '../storage/contract';
import { raced } from './bounded-wait';
import { sentenceOf } from './error-sentence';
import { Forwarder } from './forwarder';
import { Founding } from './founding';
import { PeerHost } from './peer-host';
import { PeerLinks } from './peer-links';
import { PendingRequest, type RequestKind, type RequestResult } from './pending-request';
import type { Ordered, ProposeOptions, QueryOptions, RaftNodeOptions } from './raft-node-options';
import { asRaftError } from './request-codec';
import { RequestLedger } from './request-ledger';
import { RequestRouter } from './request-router';
import { RequestServer } from './request-server';
import { Replica } from './replica';
import { SessionProof } from './session-proof';
import type { RaftPhase, RaftStatus } from './status';
import { describeMembers, leaderIn, statusOf } from './status-report';
import { Ticker } from './ticker';
import { type Timing, timingOf } from './timing';

const REPORT_EACH_MS = 5000;
/** The share of the shutdown time that calls under way get to be decided. */
const DRAIN_SHARE = 0.4;

/**
 * One node of a cluster: it opens its store, finds its peers, drives one kernel, and answers calls, whoever leads. Its time
 * and chance come from the scheduler in its options, so that a simulator can run it in a time of its own.
 *
 * @publicApi
 */
export class RaftNode {
  private phase: RaftPhase = 'created';
  private reason = '';
  private failure: RaftError | undefined;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  private readonly timing: Timing;
  private readonly bootNonce: string;
  private readonly links: PeerLinks;
  private readonly ledger: RequestLedger;
  private readonly forwarder: Forwarder;
  private readonly router: RequestRouter;
  private readonly proof: SessionProof;
  private readonly ticker: Ticker;
  private readonly listeners = new Set<(status: RaftStatus) => void>();

  private store: StoreIdentity | undefined;
  private group: GroupIdentity | undefined;
  private founding: Founding | undefined;
  private replica: Replica | undefined;
  private cancelSilence: (() => void) | undefined;
  private reportedMs = 0;

  /** @param options as `raftNodeOptions()` fills them in */
  constructor(private readonly options: RaftNodeOptions) {
    const { scheduler, transport, nodeId, founders, groupId } = options;
    this.timing = timingOf(options);
    this.bootNonce = scheduler.randomId();
    this.links = new PeerLinks(transport, nodeId, founders);
    this.ledger = new RequestLedger(scheduler);
    this.forwarder = new Forwarder({
      ledger: this.ledger,
      returns: { retry: (request) => this.router.retry(request) },
      links: this.links,
      scheduler,
      groupId,
      confirmedByLeader: (request, index) => this.replica?.readAt(request, index),
    });
    this.router = new RequestRouter(
      this.ledger,
      this.forwarder,
      scheduler,
      (leader) => leaderIn(leader, this.links) ?? undefined,
    );
    this.proof = new SessionProof(scheduler, this.timing.proofMs);
    this.ticker = new Ticker(scheduler, this.timing.tickMs, (ticks, nowMs) => this.tick(ticks, nowMs));
  }

  /**
   * Opens the store, listens, dials the peers and runs. It never waits for a quorum: calls do, up to their deadline.
   *
   * @throws RaftError `RAFT_STORAGE` the store can't be opened, `RAFT_CONFIGURATION` the options don't fit what is stored or
   *   the address can't be had, `RAFT_SHUTTING_DOWN` it was stopped meanwhile
   */
  start(): Promise<void> {
    if (this.starting === undefined) {
      if (this.phase !== 'created') return Promise.reject(shuttingDown());
      this.enter('starting');
      this.starting = this.open();
    }
    return this.starting;
  }

  /**
   * Refuses new calls, waits a while for those under way, then closes the connections and the store. Idempotent; it takes at
   * most `shutdownTimeoutMs`, and answers every call that is left.
   */
  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  /**
   * Replicates one command, and resolves when it is applied here or at the leader.
   *
   * @param command as `encodeCommand()` makes it; the bytes aren't kept
   * @returns its outcome and its place in the log; a refusal by the state machine is an outcome
   * @throws RaftError `RAFT_NOT_LEADER`, `RAFT_NO_LEADER`, `RAFT_BUSY`, `RAFT_STORAGE`, `RAFT_SHUTTING_DOWN`: certainly not
   *   applied. `RAFT_TIMEOUT`, `RAFT_INDETERMINATE`: it may be applied, now or later. `RAFT_REJECTED` (`COMMAND_TOO_LARGE`)
   */
  propose(command: Uint8Array, options: ProposeOptions = {}): Promise<Ordered<CommandOutcome>> {
    return this.call('propose', command, options) as Promise<Ordered<CommandOutcome>>;
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
    return this.call('query', query, options) as Promise<Ordered<CommandOutcome>>;
  }

  /**
   * Waits until everything that was acknowledged anywhere before the call is applied here.
   *
   * @returns the index up to which that is
   * @throws RaftError as `query`
   */
  async barrier(options: { readonly timeoutMs?: number } = {}): Promise<number> {
    return (await this.call('barrier', new Uint8Array(0), options)).index;
  }

  status(): RaftStatus {
    const reason = this.phase === 'founding' ? (this.founding?.describe() ?? this.reason) : this.reason;
    return statusOf(this.options, this.phase, reason, this.replica, this.links);
  }

  /**
   * @param listener called with each change of phase, role, term, leader or members
   * @returns a function that ends it
   */
  onStatus(listener: (status: RaftStatus) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private call(kind: RequestKind, body: Uint8Array, options: ProposeOptions & QueryOptions): Promise<RequestResult> {
    const { timeoutMs = this.options.requestTimeoutMs, schemaVersion = 0, consistency = 'linearizable' } = options;
    const parameters = { kind, body, schemaVersion, consistency, mayForward: options.forward ?? true, timeoutMs };
    return new Promise((resolve, reject) => {
      this.submit(new PendingRequest(parameters, resolve, reject));
    });
  }

  private submit(request: PendingRequest): void {
    const refusal = this.refusalOf(request);
    if (refusal !== undefined) {
      request.failWith(refusal);
      return;
    }
    this.ledger.open(request);
    this.router.dispatch(request);
  }

  private refusalOf(request: PendingRequest): RaftError | undefined {
    const { limits } = this.options;
    if (this.failure !== undefined) return this.failure;
    if (this.phase === 'created') return notStarted();
    if (this.phase === 'stopping' || this.phase === 'stopped') return shuttingDown();
    if (!Number.isFinite(request.timeoutMs) || request.timeoutMs < 0)
      return new RaftError('RAFT_CONFIGURATION', `timeoutMs is ${request.timeoutMs}: write a number of milliseconds.`);
    if (request.body.length > limits.maxCommandBytes) return tooLarge(request, limits.maxCommandBytes);
    return this.ledger.size < limits.maxPendingRequests ? undefined : tooMany(limits.maxPendingRequests);
  }

  private async open(): Promise<void> {
    const { storage, stateMachine, groupId, transport, scheduler } = this.options;
    try {
      const group = await this.openStore();
      const applied = await stateMachine.applied();
      this.requireStarting();
      this.group = group?.identity;
      await transport.start(this.peerHost());
      this.requireStarting();
      if (group === undefined) this.links.connectFounders();
      else this.links.connectMembers(group.configuration.configuration, group.identity.replicaId);
      this.reportedMs = scheduler.nowMs();
      this.ticker.start();
      this.beginAfterSilence(() => {
        if (group === undefined) this.found(applied.last.index);
        else this.run(group, applied.last.index, false);
      });
    } catch (error) {
      await transport.stop().catch(() => undefined);
      await storage.close().catch(() => undefined);
      const failure = asRaftError(error);
      if (this.phase === 'starting') {
        this.failure = failure;
        this.enter('failed', `Group '${groupId}' could not start: ${failure.message}`);
      }
      throw failure;
    }
  }

  private async openStore(): Promise<LoadedGroup | undefined> {
    const { storage, scheduler, nodeId, groupId, founders } = this.options;
    const askedMs = scheduler.nowMs();
    let group: LoadedGroup | undefined;
    try {
      const boot = { nodeName: nodeId, newIncarnation: scheduler.randomId(), bootNonce: this.bootNonce };
      this.store = await storage.open(boot);
      this.proof.proved(askedMs);
      group = await storage.load(groupId);
    } catch (error) {
      throw new RaftError('RAFT_STORAGE', `The store could not be opened: ${sentenceOf(error)}`, { cause: error });
    }
    if (group === undefined && !founders.some(({ id }) => id === nodeId))
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `The store of '${nodeId}' is empty, and '${nodeId}' is none of the founders (${founders.map(({ id }) => id).join(', ')}): ` +
          'write its name into the members as all nodes have them, or correct nodeId.',
      );
    return group;
  }

  private peerHost(): PeerHost {
    const { nodeId, clusterName, groupId, advertise } = this.options;
    const { incarnation, previousBootNonce } = this.store!;
    const server = new RequestServer({
      groupId,
      bootNonce: this.bootNonce,
      clusterId: () => this.group?.clusterId ?? '',
      submit: (request) => this.submit(request),
      answer: (peer, response) => this.links.answer(peer, response),
    });
    return new PeerHost(
      { nodeName: nodeId, clusterName, groupId, advertise, incarnation, bootNonce: this.bootNonce, previousBootNonce },
      {
        links: this.links,
        forwarder: this.forwarder,
        router: this.router,
        server,
        group: () => this.group,
        replica: () => this.replica,
        founding: () => this.founding,
        isOpen: () => this.isOpen,
        threw: (error) => this.fail('RAFT_FATAL', `A message could not be handled: ${sentenceOf(error)}`, error),
      },
    );
  }

  private get isOpen(): boolean {
    return this.phase !== 'failed' && this.phase !== 'quarantined' && this.phase !== 'stopped';
  }

  private requireStarting(): void {
    if (this.phase !== 'starting') throw shuttingDown();
  }

  /**
   * The owner of the store before this process may be alive and not know yet that it lost it. As long as a proof of its is
   * good, it may answer reads; so nothing that takes a place in the cluster happens here before twice that time.
   */
  private beginAfterSilence(begin: () => void): void {
    const { scheduler, logger } = this.options;
    if (!this.store!.takenOver) {
      begin();
      return;
    }
    const silenceMs = 2 * this.timing.proofMs;
    logger.log(`The owner of the store before this process did not release it: silent for ${silenceMs} ms.`);
    const timer = scheduler.setTimer(silenceMs, () => {
      this.cancelSilence = undefined;
      begin();
    });
    this.cancelSilence = () => scheduler.clearTimer(timer);
  }

  private found(appliedIndex: number): void {
    const { options, links, proof } = this;
    this.founding = new Founding({
      options,
      incarnation: this.store!.incarnation,
      links,
      proof,
      founded: (group) => this.run(group, appliedIndex, true),
      excluded: (sentence) => this.quarantine(sentence),
      storageLost: (sentence) => this.fail('RAFT_STORAGE', sentence, undefined),
    });
    this.enter('founding');
    this.founding.start();
  }

  private run(group: LoadedGroup, appliedIndex: number, newStore: boolean): void {
    const { options, links, ledger, router, proof } = this;
    const { incarnation } = this.store!;
    this.founding = undefined;
    this.group = group.identity;
    const member = group.configuration.configuration.members.find(({ id }) => id === group.identity.replicaId);
    if (member !== undefined && member.incarnation !== incarnation) {
      this.quarantine(
        `The configuration binds replica ${member.id} ('${member.name}') to another store than this one: the log was copied ` +
          'into it. Give the node its own store back, or remove it from the members and add it with an empty store.',
      );
      return;
    }
    try {
      const kernel = this.createKernel(group, appliedIndex, newStore);
      this.replica = new Replica(
        {
          options,
          incarnation,
          links,
          ledger,
          router,
          proof,
          statusChanged: (status) => this.kernelStatusChanged(status),
          configurationChanged: () => this.tellListeners(),
          failed: (code, sentence, cause) => this.fail(code, sentence, cause),
        },
        kernel,
        group,
        appliedIndex,
      );
    } catch (error) {
      this.fail('RAFT_FATAL', `The node can't start from its store: ${sentenceOf(error)}`, error);
      return;
    }
    router.replica = this.replica;
    this.reason = '';
    this.enter(this.phase === 'stopping' ? 'stopping' : 'running');
    this.replica.start();
    options.transport.announce();
    router.wake();
  }

  private createKernel(group: LoadedGroup, appliedIndex: number, newStore: boolean): Kernel {
    const { groupId, scheduler, leaseReads, limits } = this.options;
    const { tickMs, heartbeatTicks, electionTicks, leaseMs } = this.timing;
    return new RaftKernel({
      groupId,
      clusterId: group.identity.clusterId,
      replicaId: group.identity.replicaId,
      incarnation: this.store!.incarnation,
      tickMs,
      heartbeatTicks,
      electionTicks,
      fastFailover: leaseReads === null,
      leaseMs,
      newStore,
      maxAppendBytes: limits.maxAppendBytes,
      maxInflightMessages: limits.maxInflightMessages,
      maxInflightBytes: limits.maxInflightBytes,
      maxUncommittedBytes: limits.maxUncommittedBytes,
      maxUnappliedBytes: limits.maxUnappliedBytes,
      logWindowBytes: limits.logWindowBytes,
      maxPersistBytes: limits.maxPersistBytes,
      random: new SeededRandom(scheduler.randomSeed()),
      durable: group,
      appliedIndex,
      nowMs: scheduler.nowMs(),
    });
  }

  private tick(ticks: number, nowMs: number): void {
    this.ledger.expire(nowMs);
    this.founding?.tick(nowMs);
    this.replica?.tick(ticks, nowMs);
    this.router.tick(nowMs);
    this.reportWithoutLeader(nowMs);
  }

  private reportWithoutLeader(nowMs: number): void {
    if (this.replica !== undefined && this.replica.leader !== NO_REPLICA) this.reportedMs = nowMs;
    if (nowMs - this.reportedMs < REPORT_EACH_MS || this.phase === 'starting') return;
    this.reportedMs = nowMs;
    const { reason, members, term } = this.status();
    this.options.logger.log(
      this.phase === 'founding' ? reason : `No leader in term ${term}: ${describeMembers(members)}.`,
    );
  }

  private kernelStatusChanged({ role, term, leader, committedInTerm }: KernelStatus): void {
    const name = this.links.memberOf(leader)?.name;
    if (role === 'leader' && !committedInTerm) this.options.logger.log(`This node leads in term ${term}.`);
    else if (role !== 'leader' && name !== undefined) this.options.logger.log(`'${name}' leads in term ${term}.`);
    if (leader !== NO_REPLICA) this.forwarder.leaderChanged(leader);
    this.router.wake();
    this.tellListeners();
  }

  private enter(phase: RaftPhase, reason = this.reason): void {
    this.phase = phase;
    this.reason = reason;
    this.tellListeners();
  }

  private tellListeners(): void {
    if (this.listeners.size === 0) return;
    const status = this.status();
    for (const listener of [...this.listeners]) {
      try {
        listener(status);
      } catch (error) {
        this.options.logger.error(`A status listener threw: ${sentenceOf(error)}`);
      }
    }
  }

  private quarantine(sentence: string): void {
    this.halt('quarantined', 'RAFT_QUARANTINED', sentence, undefined);
  }

  private fail(code: RaftErrorCode, sentence: string, cause: unknown): void {
    this.halt('failed', code, sentence, cause);
  }

  /** It takes no part any more: nothing is sent, and every call is answered. The store stays locked until `stop`. */
  private halt(phase: 'quarantined' | 'failed', code: RaftErrorCode, sentence: string, cause: unknown): void {
    if (this.failure !== undefined || !this.isOpen) return;
    this.failure = new RaftError(code, sentence, { cause });
    this.options.logger.error(sentence);
    this.enter(this.phase === 'stopping' ? 'stopping' : phase, sentence);
    void this.closeParts();
    this.answerEverybody(this.failure);
    this.options.transport.stop().catch((error: unknown) => this.options.logger.warn(sentenceOf(error)));
  }

  private answerEverybody(notTakenIn: RaftError): void {
    this.ledger.failEach((request) =>
      request.isIndeterminate
        ? new RaftError(
            'RAFT_INDETERMINATE',
            `This node stopped before the command was decided: it may or may not be applied. (${notTakenIn.message})`,
          )
        : notTakenIn,
    );
  }

  private async closeParts(): Promise<void> {
    this.cancelSilence?.();
    this.ticker.stop();
    await Promise.all([this.founding?.close(), this.replica?.close()]);
  }

  private async shutDown(): Promise<void> {
    const { scheduler, shutdownTimeoutMs, transport, storage } = this.options;
    const deadlineMs = scheduler.nowMs() + shutdownTimeoutMs;
    const wasStarted = this.phase !== 'created';
    this.enter('stopping');
    if (wasStarted) {
      await raced(
        scheduler,
        deadlineMs,
        this.starting?.catch(() => undefined),
      );
      this.ledger.failEach((request) => (request.stage === 'parked' ? shuttingDown() : undefined));
      const drained = new Promise<void>((resolve) => this.ledger.whenIdle(resolve));
      await raced(scheduler, Math.min(deadlineMs, scheduler.nowMs() + shutdownTimeoutMs * DRAIN_SHARE), drained);
      const closed = this.closeParts();
      this.answerEverybody(shuttingDown());
      await raced(scheduler, deadlineMs, closed);
      await raced(
        scheduler,
        deadlineMs,
        transport.stop().catch(() => undefined),
      );
      const isClosed = await raced(
        scheduler,
        deadlineMs,
        storage.close().catch(() => undefined),
      );
      if (!isClosed) this.options.logger.warn(`The store could not be closed within ${shutdownTimeoutMs} ms.`);
    }
    this.enter('stopped');
  }
}

function notStarted(): RaftError {
  return new RaftError(
    'RAFT_NOT_STARTED',
    'The node has not started yet; it starts in onApplicationBootstrap. Call it from there on, not in a constructor or in ' +
      'onModuleInit.',
    { retryAfterMs: 1000 },
  );
}

function shuttingDown(): RaftError {
  return new RaftError('RAFT_SHUTTING_DOWN', 'This node is shutting down; nothing was applied. Ask another node.', {
    retryAfterMs: 1000,
  });
}

function tooMany(limit: number): RaftError {
  return new RaftError(
    'RAFT_BUSY',
    `${limit} calls wait in this node already (limits.maxPendingRequests); nothing was applied. Slow down and try again.`,
    { retryAfterMs: 200 },
  );
}

function tooLarge(request: PendingRequest, limit: number): RaftError {
  const what = request.kind === 'propose' ? 'command' : 'query';
  return new RaftError(
    'RAFT_REJECTED',
    `The ${what} has ${request.body.length} bytes, at most ${limit} are taken (limits.maxCommandBytes). Split it, or keep large ` +
      'data elsewhere and replicate a reference to it.',
    { reason: `${what.toUpperCase()}_TOO_LARGE` },
  );
}
