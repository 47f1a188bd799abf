import { RaftError } from '../errors/raft-error';
import { NO_REPLICA } from '../core/base/types';
import { withDeadline } from '../runtime/base/with-deadline';
import { RequestAdmission } from '../runtime/requests/request-admission';
import { CallIds } from '../runtime/peers/call-ids';
import { CLIENT_STATUS, decodeClusterStatus } from '../runtime/clients/client-calls';
import {
  ClientSessions,
  type OpenSessionOptions,
  type RaftSession,
  type ResumeSessionOptions,
} from '../runtime/requests/client-session';
import { errorMessage } from '../runtime/base/error-message';
import { Forwarder } from '../runtime/requests/forwarder';
import { ForwardingSession } from '../runtime/requests/forwarding-session';
import type { PendingRequest } from '../runtime/requests/pending-request';
import type { Ordered, ProposeOptions, QueryOptions } from '../runtime/base/call-options';
import { RequestTable } from '../runtime/requests/request-table';
import { RequestRouter, type ServingReplica } from '../runtime/requests/request-router';
import { Ticker } from '../runtime/base/ticker';
import type { CommandOutcome } from '../state-machine/contract';
import type { RaftMachineEvent } from '../state-machine/entries/machine-change';
import {
  CLIENT_PROTOCOL_VERSIONS,
  type ClientTransportHost,
  type Hello,
  type ResponseMessage,
} from '../transport/contract';
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
  private readonly listeners = new Set<(status: RaftClientStatus) => void>();
  private readonly identity: Pick<Hello, 'incarnation' | 'bootNonce'>;
  private readonly ids: CallIds;
  private readonly links: NodeLinks;
  private readonly requests: RequestTable;
  private readonly session: ForwardingSession;
  private readonly sessions: ClientSessions;
  private readonly forwarder: Forwarder;
  private readonly router: RequestRouter;
  private readonly admission: RequestAdmission;
  private readonly watches: MachineWatches;
  private readonly ticker: Ticker;
  /** The calls by which nodes tell who leads, by address. */
  private readonly statusCalls = new Map<string, number>();
  private lastStatus = '';

  /** @param options as `raftClientOptions()` fills them in */
  constructor(private readonly options: RaftClientOptions) {
    const { scheduler, transport, groupId, requestTimeoutMs, patienceMs, logger, peers } = options;
    this.identity = { incarnation: scheduler.randomId(), bootNonce: scheduler.randomId() };
    this.ids = new CallIds(scheduler.randomSeed());
    this.links = new NodeLinks(transport, peers, scheduler.randomSeed(), () => scheduler.nowMs());
    this.requests = new RequestTable(scheduler);
    const operate = (body: Uint8Array, timeoutMs?: number): Promise<Ordered<CommandOutcome>> =>
      this.admission.call('session', body, timeoutMs === undefined ? {} : { timeoutMs }) as Promise<
        Ordered<CommandOutcome>
      >;
    this.session = new ForwardingSession({
      scheduler,
      requests: this.requests,
      ttlMs: Math.max(SHORTEST_SESSION_MS, REQUESTS_OF_SESSION * requestTimeoutMs),
      operate,
      dispatch: (request) => this.router.dispatch(request),
      retry: (request) => this.router.retry(request),
    });
    this.sessions = new ClientSessions({ scheduler, operate });
    this.forwarder = new Forwarder({
      session: this.session,
      patienceMs,
      repeatsReads: true,
      ids: this.ids,
      requests: this.requests,
      returns: { retry: (request) => this.retry(request) },
      links: this.links,
      scheduler,
      groupId,
      confirmedByLeader: (request, index) => this.requests.succeed(request, { value: undefined, index }),
    });
    this.router = new RequestRouter(
      this.requests,
      this.forwarder,
      scheduler,
      () => this.links.leader ?? undefined,
      (request) => this.read(request),
    );
    this.admission = new RequestAdmission(options, this.requests, this.router, { called: () => undefined }, () =>
      this.closedBecause(),
    );
    this.watches = new MachineWatches({
      groupId,
      ids: this.ids,
      logger,
      home: () => this.links.home(),
      send: (address, request) => this.links.send(address, request),
      later: (delayMs, task) => void scheduler.setTimer(delayMs, task),
    });
    this.router.replica = this.serving();
    this.ticker = new Ticker(scheduler, TICK_MS, (_ticks, nowMs) => this.tick(nowMs));
  }

  /** Dials the nodes. It waits for none: calls do, up to their deadline. Idempotent. */
  start(): void {
    if (this.phase !== 'created') return;
    this.phase = 'running';
    this.options.transport.start(this.transportHost());
    this.links.connect();
    this.ticker.start();
    this.changed();
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
    return this.sessions.openSession(options);
  }

  /** Goes on with a session that was opened before, in another process, on a node or by a client. */
  resumeSession(options: ResumeSessionOptions): RaftSession {
    return this.sessions.resumeSession(options);
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
      pending: this.requests.size,
    };
  }

  /** @param listener called with each change of phase, leader, term or connections @returns a function that ends it */
  onStatus(listener: (status: RaftClientStatus) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private call(
    kind: 'propose' | 'query',
    body: Uint8Array,
    options: ProposeOptions & QueryOptions,
  ): Promise<Ordered<CommandOutcome>> {
    return this.admission.call(kind, body, { ...options, forward: true }) as Promise<Ordered<CommandOutcome>>;
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
      proposer: { propose: (request) => this.router.park(request) },
      reads: { begin: (request) => this.router.park(request), beginStale: (request) => this.read(request) },
    };
  }

  private read(request: PendingRequest): void {
    if (!this.forwarder.forward(request, this.links.homeReplica())) this.router.park(request);
  }

  private retry(request: PendingRequest): void {
    if (request.forwardedTo !== '') this.links.avoid(request.forwardedTo);
    this.router.retry(request);
    if (this.phase === 'running') this.watches.settle();
  }

  private transportHost(): ClientTransportHost {
    return {
      hello: () => this.hello(),
      admit: (node, address) => this.admit(node, address),
      connected: (address) => this.connected(address),
      disconnected: (address, detail, turnedAway) => this.disconnected(address, detail, turnedAway),
      receive: (response, node, address) => this.receive(response, node, address),
    };
  }

  private hello(): Hello {
    const { clusterName, clientName } = this.options;
    return {
      protocol: CLIENT_PROTOCOL_VERSIONS,
      clusterName,
      clusterId: '',
      nodeName: clientName,
      replicaId: NO_REPLICA,
      ...this.identity,
      epoch: 1,
      earlierBoots: [],
      knownBoots: [],
      advertise: '',
      role: 'client',
    };
  }

  private admit(node: Hello, address: string): string | undefined {
    const { clusterName } = this.options;
    if (node.clusterName !== clusterName)
      return `Node '${node.nodeName}' belongs to the cluster '${node.clusterName}', and this client asks for '${clusterName}': check its addresses.`;
    this.links.said(address, node);
    // It has joined a cluster meanwhile.
    this.settle();
    return undefined;
  }

  private connected(address: string): void {
    this.links.opened(address);
    const id = this.ids.next();
    this.statusCalls.set(address, id);
    const { groupId } = this.options;
    this.links.send(address, {
      kind: 'request',
      groupId,
      id,
      method: CLIENT_STATUS,
      timeoutMs: 0,
      body: new Uint8Array(0),
    });
    this.settle();
  }

  private disconnected(address: string, detail: string, turnedAway: boolean): void {
    this.links.lost(address, detail, turnedAway);
    this.statusCalls.delete(address);
    this.watches.connectionLost(address);
    this.forwarder.connectionLost(address);
    this.settle();
    const refusal = this.links.refusedByAll();
    if (refusal !== undefined) this.admission.refuseParked(forbidden(refusal));
  }

  private receive(response: ResponseMessage, node: Hello, address: string): void {
    if (this.statusCalls.get(address) === response.id) this.receiveStatus(address, response);
    else if (!this.watches.answered(response)) this.forwarder.answered(response, node);
  }

  private receiveStatus(address: string, { ok, body }: ResponseMessage): void {
    if (!ok) return;
    this.links.statusReceived(address, decodeClusterStatus(body));
    this.settle();
  }

  /** Something changed with the nodes: what waits may have a way now. Watches come before the reads that rely on them. */
  private settle(): void {
    if (this.phase !== 'running') return;
    this.watches.settle();
    this.router.wake();
    this.changed();
  }

  private changed(): void {
    const status = this.status();
    const { phase, term, leader, clusterId, nodes } = status;
    const now = JSON.stringify([phase, term, leader, clusterId, nodes]);
    if (now === this.lastStatus) return;
    this.lastStatus = now;
    for (const listener of [...this.listeners])
      try {
        listener(status);
      } catch (error) {
        this.options.logger.error(`A status listener threw: ${errorMessage(error)}`);
      }
  }

  private tick(nowMs: number): void {
    this.requests.expire(nowMs);
    this.router.tick(nowMs);
    this.forwarder.tick(nowMs);
    this.session.tick(nowMs);
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
      case 'running': {
        const refusal = this.links.refusedByAll();
        return refusal === undefined ? undefined : forbidden(refusal);
      }
    }
  }

  private async shutDown(): Promise<void> {
    const { scheduler, shutdownTimeoutMs, transport } = this.options;
    const wasStarted = this.phase === 'running';
    this.phase = 'stopping';
    const closed = new RaftError('RAFT_SHUTTING_DOWN', 'This client was stopped; nothing was applied.');
    if (wasStarted) {
      this.admission.refuseParked(closed);
      await withDeadline(scheduler, scheduler.nowMs() + shutdownTimeoutMs, this.admission.drained());
      this.ticker.stop();
      this.sessions.close();
      this.admission.answerEverybody(closed, 'the client was stopped');
      await transport.stop();
    }
    this.phase = 'stopped';
    this.changed();
  }
}

function forbidden(refusal: string): RaftError {
  return new RaftError('RAFT_FORBIDDEN', `No node lets this client in, and nothing was done: ${refusal}.`);
}
