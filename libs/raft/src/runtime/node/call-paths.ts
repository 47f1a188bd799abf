import type { RaftError } from '../../errors/raft-error';
import type { ReplicaId } from '../../core/base/types';
import type { CommandOutcome } from '../../state-machine/contract';
import type { Hello, PeerMessage } from '../../transport/contract';
import { RequestAdmission } from '../requests/request-admission';
import { CallIds } from '../peers/call-ids';
import { ClientServer } from '../clients/client-server';
import { ClientSessions } from '../requests/client-session';
import type { EventReporter } from '../events/event-reporter';
import { Forwarder } from '../requests/forwarder';
import { ForwardingSession } from '../requests/forwarding-session';
import { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import type { PendingRequest } from '../requests/pending-request';
import type { RaftNodeOptions } from '../options/raft-node-options';
import type { Ordered, ReadConsistency } from '../base/call-options';
import type { Replica } from '../replica/replica';
import { RequestTable } from '../requests/request-table';
import { RequestRouter } from '../requests/request-router';
import { RequestServer } from '../requests/request-server';
import { SharedBarrier } from '../requests/shared-barrier';
import type { RaftStatus } from '../status/status';
import { leaderIn } from './status-report';
import { timingOf } from '../options/timing';

const NOTHING = new Uint8Array(0);

export interface CallPathsPorts {
  readonly options: RaftNodeOptions;
  readonly links: PeerLinks;
  readonly reporter: EventReporter;
  readonly bootNonce: string;
  /** Empty before genesis. */
  clusterId(): string;
  answer(peer: Hello, message: PeerMessage): void;
  replica(): Replica | undefined;
  /** Why no call is taken in; undefined where calls are. */
  closed(): RaftError | undefined;
  status(): RaftStatus;
  onStatus(listener: (status: RaftStatus) => void): () => void;
}

/** The ways of a call through one node: in at the desk, by the router to the replica here or to the leader, and back. */
export class CallPaths {
  readonly admission: RequestAdmission;
  readonly router: RequestRouter;
  readonly requests: RequestTable;
  readonly forwarder: Forwarder;
  /** The session in which this node sends on what others gave it. */
  readonly session: ForwardingSession;
  readonly clientSessions: ClientSessions;
  /** Calls among the nodes themselves. */
  readonly calls: PeerCalls;
  /** Takes in what other nodes send on. */
  readonly server: RequestServer;
  /** Takes in what clients ask, which aren't members. */
  readonly clients: ClientServer;

  constructor(private readonly ports: CallPathsPorts) {
    const { options, links } = ports;
    const { scheduler, groupId, electionTimeoutMs } = options;
    const ids = new CallIds(scheduler.randomSeed());
    this.requests = new RequestTable(scheduler);
    this.calls = new PeerCalls({
      links,
      scheduler,
      groupId,
      ids,
      answer: (peer, message) => ports.answer(peer, message),
    });
    const operate = (body: Uint8Array, timeoutMs?: number): Promise<Ordered<CommandOutcome>> =>
      this.admission.call('session', body, timeoutMs === undefined ? {} : { timeoutMs }) as Promise<
        Ordered<CommandOutcome>
      >;
    this.session = new ForwardingSession({
      scheduler,
      requests: this.requests,
      ttlMs: timingOf(options).nodeSessionMs,
      operate,
      dispatch: (request) => this.router.dispatch(request),
      retry: (request) => this.router.retry(request),
    });
    this.clientSessions = new ClientSessions({ scheduler, operate });
    this.forwarder = new Forwarder({
      session: this.session,
      patienceMs: 2 * electionTimeoutMs,
      ids,
      requests: this.requests,
      returns: { retry: (request) => this.router.retry(request) },
      links,
      scheduler,
      groupId,
      confirmedByLeader: (request, index) => ports.replica()?.reads.awaitApplied(request, index),
    });
    const barriers = { linearizable: this.sharedBarrier('linearizable'), lease: this.sharedBarrier('lease') };
    this.router = new RequestRouter(
      this.requests,
      this.forwarder,
      scheduler,
      (leader: ReplicaId) => leaderIn(leader, links) ?? undefined,
      (request: PendingRequest) => barriers[request.consistency === 'lease' ? 'lease' : 'linearizable'].begin(request),
    );
    this.admission = new RequestAdmission(options, this.requests, this.router, ports.reporter, () => ports.closed());
    const submit = (request: PendingRequest): void => this.admission.submit(request);
    this.server = new RequestServer({
      groupId,
      bootNonce: ports.bootNonce,
      clusterId: () => ports.clusterId(),
      submit,
      answer: (peer, message) => ports.answer(peer, message),
    });
    this.clients = new ClientServer({
      nodeName: options.nodeId,
      clusterName: options.clusterName,
      groupId,
      bootNonce: ports.bootNonce,
      logger: options.logger,
      scheduler: options.scheduler,
      machineEvents: options.machineEvents,
      submit,
      closed: () => ports.closed(),
      status: () => ports.status(),
      onStatus: (listener) => ports.onStatus(listener),
    });
  }

  private sharedBarrier(consistency: ReadConsistency): SharedBarrier {
    return new SharedBarrier({
      requests: this.requests,
      scheduler: this.ports.options.scheduler,
      barrier: async (timeoutMs) => (await this.admission.call('barrier', NOTHING, { timeoutMs, consistency })).index,
      confirmed: (request, index) => this.ports.replica()?.reads.awaitApplied(request, index),
    });
  }

  tick(nowMs: number): void {
    this.router.tick(nowMs);
    this.forwarder.tick(nowMs);
    this.session.tick(nowMs);
  }
}
