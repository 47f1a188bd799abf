import { RaftError } from '../errors/raft-error';
import type { Ordered, ProposeOptions, QueryOptions } from '../runtime/base/call-options';
import { Ticker } from '../runtime/base/ticker';
import { withDeadline } from '../runtime/base/with-deadline';
import { CallIds } from '../runtime/peers/call-ids';
import type { OpenSessionOptions, RaftSession, ResumeSessionOptions } from '../runtime/requests/client-session';
import type { PendingRequest } from '../runtime/requests/pending-request';
import { RequestPaths } from '../runtime/requests/request-paths';
import type { ServingReplica } from '../runtime/requests/request-router';
import type { CommandOutcome } from '../state-machine/contract';
import type { RaftMachineEvent } from '../state-machine/entries/machine-change';
import { ClientConnections } from './client-connections';
import { ClientStatusPublisher } from './client-status-publisher';
import { MachineWatches } from './machine-watches';
import { NodeLinks } from './node-links';
import type { RaftClientOptions } from './raft-client-options';
import type { RaftClientStatus } from './raft-client-status';

const TICK_MS = 20;
/** A call must not outlive the session in which it is sent. */
const SHORTEST_SESSION_MS = 30_000;
const REQUESTS_OF_SESSION = 2;
/** No replica: a client is none. */
const NO_MEMBER = -1;

/**
 * A program that uses a cluster and is no member of it: it proposes, queries, opens sessions and watches, over connections of its own to the
 * nodes. It has no log, no vote and no copy of the state.
 *
 * Commands go in a session of this client, so that one whose connection broke is sent again, by way of another node, and applied once.
 *
 * @publicApi
 */
export class RaftClient {
  private phase: RaftClientStatus['phase'] = 'created';
  private stopping: Promise<void> | undefined;
  private readonly publisher: ClientStatusPublisher;
  private readonly links: NodeLinks;
  private readonly paths: RequestPaths;
  private readonly watches: MachineWatches;
  private readonly connections: ClientConnections;
  private readonly ticker: Ticker;

  /** @param options as `raftClientOptions()` fills them in */
  constructor(private readonly options: RaftClientOptions) {
    const { scheduler, transport, groupId, requestTimeoutMs, patienceMs, logger, peers } = options;
    const identity = { incarnation: scheduler.randomId(), bootNonce: scheduler.randomId() };
    const ids = new CallIds(scheduler.randomSeed());
    this.publisher = new ClientStatusPublisher(logger, () => this.status());
    this.links = new NodeLinks(transport, peers, scheduler.randomSeed(), () => scheduler.nowMs());
    const { links } = this;
    this.paths = new RequestPaths({
      options,
      ids,
      links,
      sessionTtlMs: Math.max(SHORTEST_SESSION_MS, REQUESTS_OF_SESSION * requestTimeoutMs),
      patienceMs,
      repeatsReads: true,
      reporter: { called: () => undefined },
      closed: () => this.closedBecause(),
      hintOf: () => links.leader ?? undefined,
      read: (request) => this.read(request),
      cameBack: (request) => this.retry(request),
      confirmedByLeader: (request, index) => this.paths.requests.succeed(request, { value: undefined, index }),
    });
    this.paths.router.replica = this.serving();
    this.watches = new MachineWatches({
      groupId,
      ids,
      logger,
      home: () => links.home(),
      send: (address, request) => links.send(address, request),
      later: (delayMs, task) => void scheduler.setTimer(delayMs, task),
    });
    const { paths, watches } = this;
    this.connections = new ClientConnections({
      options,
      identity,
      ids,
      links,
      paths,
      watches,
      settle: () => this.settle(),
    });
    this.ticker = new Ticker(scheduler, TICK_MS, (_ticks, nowMs) => this.tick(nowMs));
  }

  /** Dials the nodes. It waits for none: calls do, up to their deadline. Idempotent. */
  start(): void {
    if (this.phase !== 'created') return;
    this.phase = 'running';
    this.options.transport.start(this.connections);
    this.links.connect();
    this.ticker.start();
    this.publisher.changed();
  }

  /** Refuses new calls, waits a while for those under way, and hangs up. Idempotent; it answers every call that is left. */
  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  /**
   * Replicates one command, and resolves when it is applied.
   *
   * @param command as `encodeCommand()` makes it
   * @returns its outcome and its place in the log; a refusal by the state machine is an outcome
   * @throws RaftError as `RaftNode.propose`; `RAFT_FORBIDDEN` where every node turns this client away
   */
  propose(command: Uint8Array, options: ProposeOptions = {}): Promise<Ordered<CommandOutcome>> {
    return this.call('propose', command, options);
  }

  /**
   * Asks the state machine: by default so that everything is in the answer that was acknowledged, to anybody, before the call. With `stale` it is
   * the state of the node that this client has settled on.
   *
   * @param query as `encodeQuery()` makes it
   * @throws RaftError as `RaftNode.query`; `RAFT_FORBIDDEN` where every node turns this client away
   */
  query(query: Uint8Array, options: QueryOptions = {}): Promise<Ordered<CommandOutcome>> {
    const { toldThrough } = this.watches;
    const after = Math.max(options.after ?? 0, toldThrough);
    // What was watched must not be missing from what is read.
    return this.call('query', query, options.consistency === 'stale' && after > 0 ? { ...options, after } : options);
  }

  /** Opens a client session, as `RaftNode.openSession`. */
  openSession(options: OpenSessionOptions = {}): Promise<RaftSession> {
    return this.paths.clientSessions.openSession(options);
  }

  /** Goes on with a session that was opened before, in another process, on a node or by a client. */
  resumeSession(options: ResumeSessionOptions): RaftSession {
    return this.paths.clientSessions.resumeSession(options);
  }

  /**
   * Hears what the commands of a state machine tell, from one node, in the order of the log. Where another node takes over, or the
   * connection was lost, an event `replaced` says that changes up to its index may not have been told.
   *
   * @param machine the state machine's name
   * @param failed hears why the nodes tell nothing
   * @returns a function that ends it
   */
  watch(machine: string, listener: (event: RaftMachineEvent) => void, failed?: (error: RaftError) => void): () => void {
    return this.watches.add(machine, { event: listener, failed: (error) => failed?.(error) });
  }

  status(): RaftClientStatus {
    const { clientName, clusterName, groupId } = this.options;
    const { clusterId, term, leader } = this.links;
    const nodes = this.links.list();
    return {
      phase: this.phase,
      clientName,
      clusterName,
      group: groupId,
      clusterId,
      term,
      leader,
      nodes,
      pending: this.paths.requests.size,
    };
  }

  /** @param listener called with each change of phase, leader, term or connections @returns a function that ends it */
  onStatus(listener: (status: RaftClientStatus) => void): () => void {
    return this.publisher.subscribe(listener);
  }

  private call(
    kind: 'propose' | 'query',
    body: Uint8Array,
    options: ProposeOptions & QueryOptions,
  ): Promise<Ordered<CommandOutcome>> {
    return this.paths.admission.call(kind, body, { ...options, forward: true }) as Promise<Ordered<CommandOutcome>>;
  }

  /** What the router sees: somebody else leads, always. */
  private serving(): ServingReplica {
    const { links } = this;
    return {
      replicaId: NO_MEMBER,
      isLeading: false,
      get leader() {
        return links.target();
      },
      proposer: { propose: (request) => this.paths.router.park(request) },
      reads: { begin: (request) => this.paths.router.park(request), beginStale: (request) => this.read(request) },
    };
  }

  private read(request: PendingRequest): void {
    if (!this.paths.forwarder.forward(request, this.links.homeReplica())) this.paths.router.park(request);
  }

  private retry(request: PendingRequest): void {
    if (request.forwardedTo !== '') this.links.avoid(request.forwardedTo);
    this.paths.router.retry(request);
    if (this.phase === 'running') this.watches.settle();
  }

  /** Something changed with the nodes: what waits may have a way now. Watches come before the reads that rely on them. */
  private settle(): void {
    if (this.phase !== 'running') return;
    this.watches.settle();
    this.paths.router.wake();
    this.publisher.changed();
  }

  private tick(nowMs: number): void {
    this.paths.requests.expire(nowMs);
    this.paths.tick(nowMs);
  }

  private closedBecause(): RaftError | undefined {
    switch (this.phase) {
      case 'created':
        return new RaftError(
          'RAFT_NOT_STARTED',
          'The client has not started yet, and nothing was done: call start() first.',
        );
      case 'stopping':
      case 'stopped':
        return new RaftError('RAFT_SHUTTING_DOWN', 'This client is being stopped; nothing was applied.');
      case 'running':
        return this.connections.refusedByAll();
    }
  }

  private async shutDown(): Promise<void> {
    const { scheduler, shutdownTimeoutMs, transport } = this.options;
    const wasStarted = this.phase === 'running';
    this.phase = 'stopping';
    const closed = new RaftError('RAFT_SHUTTING_DOWN', 'This client was stopped; nothing was applied.');
    if (wasStarted) {
      this.paths.admission.refuseParked(closed);
      await withDeadline(scheduler, scheduler.nowMs() + shutdownTimeoutMs, this.paths.admission.drained());
      this.ticker.stop();
      this.paths.clientSessions.close();
      this.paths.admission.answerEverybody(closed, 'the client was stopped');
      await transport.stop();
    }
    this.phase = 'stopped';
    this.publisher.changed();
  }
}
