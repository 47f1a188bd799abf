import { RaftError, type RaftErrorCode } from '../../errors/raft-error';
import type { GroupId, ReplicaId } from '../../core/base/types';
import type { Hello, ResponseMessage } from '../../transport/contract';
import type { CallIds } from '../peers/call-ids';
import type { PeerLinks } from '../peers/peer-links';
import { refusedOnceMore } from '../base/node-errors';
import type { ForwardingSession } from './forwarding-session';
import type { PendingRequest, RequestHolder, RequestReturn } from './pending-request';
import { decodeResult, encodeRequest } from './request-codec';
import { decodeError } from '../base/error-codec';
import type { RequestTable } from './request-table';
import type { Scheduler } from '../base/scheduler';

/** The other node says for certain that the command didn't enter a log by this: it may be sent to another. */
const ASK_ANOTHER: ReadonlySet<RaftErrorCode> = new Set<RaftErrorCode>([
  'RAFT_NOT_LEADER',
  'RAFT_NO_LEADER',
  'RAFT_SHUTTING_DOWN',
]);

/** The other node can't say what became of it. */
const UNDECIDED: ReadonlySet<RaftErrorCode> = new Set<RaftErrorCode>([
  'RAFT_INDETERMINATE',
  'RAFT_TIMEOUT',
  'RAFT_FATAL',
]);

/** Another attempt would be answered in the same way. */
const FINAL: ReadonlySet<RaftErrorCode> = new Set<RaftErrorCode>(['RAFT_REJECTED', 'RAFT_FORBIDDEN']);

export interface ForwarderPorts {
  readonly requests: RequestTable;
  readonly returns: RequestReturn;
  readonly links: Pick<PeerLinks, 'routeTo' | 'send'>;
  readonly scheduler: Scheduler;
  readonly groupId: GroupId;
  readonly ids: CallIds;
  readonly session: Pick<ForwardingSession, 'prepare' | 'decided'>;
  /** After how long without an answer a write is sent again, if it may be. */
  readonly patienceMs: number;
  /** Whether a read is sent again, too, as the node that has it may be cut off from the others. Default: a leader that is goes. */
  readonly repeatsReads?: boolean;
  /** The leader answered a barrier: its index must be applied here. */
  confirmedByLeader(request: PendingRequest, index: number): void;
}

/**
 * Sends calls on to the leader. A command that was handed over may have been taken into the log, even where its connection
 * broke or nobody answers: it is sent again only where the state machine tells its repetitions, in a session or by a key. A read
 * may always.
 */
export class Forwarder implements RequestHolder {
  private readonly underWay = new Map<number, PendingRequest>();
  private lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly ports: ForwarderPorts) {}

  /** How many the leader has. */
  get size(): number {
    return this.underWay.size;
  }

  /** @returns false where it can't be sent now, and nobody holds it */
  forward(request: PendingRequest, leader: ReplicaId): boolean {
    const { links, groupId, scheduler } = this.ports;
    const route = links.routeTo(leader);
    if (route === undefined) return false;
    if (!this.ports.session.prepare(request)) return true;
    const id = this.ports.ids.next();
    const { schemaVersion, consistency } = request;
    const handedOver = links.send(route.address, {
      kind: 'request',
      groupId,
      id,
      method: request.kind === 'barrier' ? 'readIndex' : request.kind,
      timeoutMs: Math.max(0, request.deadlineMs - scheduler.nowMs()),
      body: encodeRequest({
        bootNonce: route.bootNonce,
        schemaVersion,
        consistency,
        carrier: request.trace?.carrier(),
        maxLagMs: request.maxLagMs,
        after: request.after,
        caller: request.caller,
        body: request.body,
      }),
    });
    if (!handedOver) return false;
    request.sendOn(id, route.address, scheduler.nowMs(), this);
    this.underWay.set(id, request);
    request.trace?.forwarded(route.name);
    return true;
  }

  answered(response: ResponseMessage, sender: Hello): void {
    const request = this.underWay.get(response.id);
    if (request === undefined || this.ports.links.routeTo(sender.replicaId)?.address !== request.forwardedTo) return;
    if (response.ok) this.accept(request, response.body);
    else this.refuse(request, decodeError(response.body), sender);
  }

  /** The connection is gone, and with it whatever was not answered. */
  connectionLost(address: string): void {
    for (const request of this.underWay.values()) {
      if (request.forwardedTo !== address) continue;
      if (request.mayBeSentAgain) this.takeBack(request);
      else this.ports.requests.fail(request, brokenConnection(address));
    }
  }

  /** What waits for a node that no longer leads goes to the new leader. */
  leaderChanged(leader: ReplicaId): void {
    if (this.underWay.size === 0) return;
    const address = this.ports.links.routeTo(leader)?.address;
    for (const request of this.underWay.values())
      if (request.mayBeSentAgain && request.forwardedTo !== address) this.takeBack(request);
  }

  /** An answer may be lost though the connection stands, as it comes over another one. */
  tick(nowMs: number): void {
    const { patienceMs, repeatsReads = false } = this.ports;
    if (this.underWay.size === 0 || nowMs - this.lookedAtMs < patienceMs / 8) return;
    this.lookedAtMs = nowMs;
    for (const request of this.underWay.values()) {
      // Twice as long each time: a leader that has too much to do isn't helped by more of it.
      const limitMs = patienceMs * 2 ** Math.min(request.unresolvedSends - 1, 10);
      const isPatient = !request.mayBeSentAgain || !(request.isWrite || repeatsReads);
      if (!isPatient && nowMs - request.forwardedAtMs >= limitMs) this.takeBack(request);
    }
  }

  forget(request: PendingRequest): void {
    this.underWay.delete(request.forwardId);
  }

  private accept(request: PendingRequest, body: Uint8Array): void {
    let result;
    try {
      result = decodeResult(body);
    } catch {
      this.ports.requests.fail(request, unreadableAnswer(request));
      return;
    }
    this.forget(request);
    request.release();
    request.resolveSend();
    if (request.kind === 'barrier') this.ports.confirmedByLeader(request, result.index);
    else this.ports.session.decided(request, result);
  }

  private refuse(request: PendingRequest, error: RaftError | undefined, sender: Hello): void {
    if (error === undefined) {
      this.ports.requests.fail(request, unreadableAnswer(request));
      return;
    }
    const { code } = error;
    const isUndecided = UNDECIDED.has(code);
    if (!isUndecided) request.resolveSend();
    const mayBeApplied = request.isWrite && request.unresolvedSends > 0;
    if (ASK_ANOTHER.has(code) || (mayBeApplied && request.mayBeSentAgain && !FINAL.has(code))) this.takeBack(request);
    else if (mayBeApplied && !isUndecided) this.ports.requests.fail(request, refusedOnceMore(error));
    else this.ports.requests.fail(request, atLeader(error, sender));
  }

  private takeBack(request: PendingRequest): void {
    this.forget(request);
    request.release();
    this.ports.returns.retry(request);
  }
}

/** The same error, and where it happened. */
function atLeader(error: RaftError, sender: Hello): RaftError {
  const { leader, reason, details, retryAfterMs } = error;
  return new RaftError(error.code, `${error.message} (answered by node '${sender.nodeName}')`, {
    leader,
    reason,
    details,
    retryAfterMs,
  });
}

function brokenConnection(address: string): RaftError {
  return new RaftError(
    'RAFT_INDETERMINATE',
    `The connection to the leader at ${address} broke after the command was handed over: it may or may not be applied. Read ` +
      'the state before you send it again.',
  );
}

function unreadableAnswer(request: PendingRequest): RaftError {
  return new RaftError(
    request.isWrite ? 'RAFT_INDETERMINATE' : 'RAFT_TIMEOUT',
    'The leader answered in a way that this version doesn’t understand. A command may or may not be applied: read the state ' +
      'before you send it again, and bring all nodes to one version.',
  );
}
