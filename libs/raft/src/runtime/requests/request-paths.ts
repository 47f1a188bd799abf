import type { GroupId, ReplicaId } from '../../core/base/types';
import type { LeaderHint, RaftError } from '../../errors/raft-error';
import type { CommandOutcome } from '../../state-machine/contract';
import type { Ordered } from '../base/call-options';
import type { Scheduler } from '../base/scheduler';
import type { CallIds } from '../peers/call-ids';
import { ClientSessions } from './client-session';
import { Forwarder, type ForwarderPorts } from './forwarder';
import { ForwardingSession } from './forwarding-session';
import type { PendingRequest } from './pending-request';
import { type CallReporter, RequestAdmission, type RequestAdmissionOptions } from './request-admission';
import { RequestRouter } from './request-router';
import { RequestTable } from './request-table';

export interface RequestPathsPorts {
  readonly options: RequestAdmissionOptions & { readonly scheduler: Scheduler; readonly groupId: GroupId };
  readonly ids: CallIds;
  readonly links: ForwarderPorts['links'];
  /** How long the session lives without a command in which commands are sent on. */
  readonly sessionTtlMs: number;
  /** After how long without an answer a write is sent again, if it may be. */
  readonly patienceMs: number;
  /** See `ForwarderPorts`. */
  readonly repeatsReads?: boolean;
  readonly reporter: CallReporter;
  /** Why no call is accepted; undefined where calls are. */
  closed(): RaftError | undefined;
  /** Which node leads, for a caller that asks it itself. */
  hintOf(leader: ReplicaId): LeaderHint | undefined;
  /** Answers a read that may not be answered by the state here alone. */
  read(request: PendingRequest): void;
  /** A request that was sent on comes back: it is certainly not applied, or may be sent again. */
  cameBack(request: PendingRequest): void;
  /** The leader answered a barrier. */
  confirmedByLeader(request: PendingRequest, index: number): void;
}

/** The way of a request through this process, a node or a client: it is admitted, finds the leader, is sent on, and is answered. */
export class RequestPaths {
  readonly requests: RequestTable;
  readonly admission: RequestAdmission;
  readonly router: RequestRouter;
  readonly forwarder: Forwarder;
  /** The session in which this process sends on what its callers gave it. */
  readonly session: ForwardingSession;
  readonly clientSessions: ClientSessions;

  constructor(ports: RequestPathsPorts) {
    const { options, ids, links, patienceMs, repeatsReads = false } = ports;
    const { scheduler, groupId } = options;
    this.requests = new RequestTable(scheduler);
    const operate = (body: Uint8Array, timeoutMs?: number): Promise<Ordered<CommandOutcome>> =>
      this.admission.call('session', body, timeoutMs === undefined ? {} : { timeoutMs }) as Promise<
        Ordered<CommandOutcome>
      >;
    this.session = new ForwardingSession({
      scheduler,
      requests: this.requests,
      ttlMs: ports.sessionTtlMs,
      operate,
      dispatch: (request) => this.router.dispatch(request),
      retry: (request) => this.router.retry(request),
    });
    this.clientSessions = new ClientSessions({ scheduler, operate });
    this.forwarder = new Forwarder({
      session: this.session,
      patienceMs,
      repeatsReads,
      ids,
      requests: this.requests,
      returns: { retry: (request) => ports.cameBack(request) },
      links,
      scheduler,
      groupId,
      confirmedByLeader: (request, index) => ports.confirmedByLeader(request, index),
    });
    this.router = new RequestRouter(
      this.requests,
      this.forwarder,
      scheduler,
      (leader) => ports.hintOf(leader),
      (request) => ports.read(request),
    );
    this.admission = new RequestAdmission(options, this.requests, this.router, ports.reporter, () => ports.closed());
  }

  /** Deadlines are the table's: `requests.expire`. */
  tick(nowMs: number): void {
    this.router.tick(nowMs);
    this.forwarder.tick(nowMs);
    this.session.tick(nowMs);
  }
}
