import { RaftError } from '../../errors/raft-error';
import type { GroupId } from '../../core/base/types';
import type { Hello, RequestMessage, ResponseMessage } from '../../transport/contract';
import type { CallIds } from './call-ids';
import type { PeerLinks } from './peer-links';
import { asRaftError, decodeError, encodeError } from '../base/error-codec';
import type { Scheduler, TimerHandle } from '../base/scheduler';

/** Serves one kind of call. What it throws is the caller's answer. */
export type PeerCallHandler = (body: Uint8Array, caller: Hello, timeoutMs: number) => Promise<Uint8Array>;

interface Call {
  readonly address: string;
  readonly timer: TimerHandle;
  resolve(body: Uint8Array): void;
  reject(error: RaftError): void;
}

export interface PeerCallsPorts {
  readonly links: PeerLinks;
  readonly scheduler: Scheduler;
  readonly groupId: GroupId;
  readonly ids: CallIds;
  answer(peer: Hello, response: ResponseMessage): void;
}

/**
 * Calls between nodes that aren't commands or queries: chunks of snapshots, requests to join, administration. Each may be
 * lost or served twice, so what they ask for has to be harmless when it is repeated.
 */
export class PeerCalls {
  private readonly underWay = new Map<number, Call>();
  private readonly handlers = new Map<string, PeerCallHandler>();
  private closed = false;

  constructor(private readonly ports: PeerCallsPorts) {}

  /** Serves the calls of this name, from every admitted peer. */
  serve(method: string, handler: PeerCallHandler): void {
    this.handlers.set(method, handler);
  }

  /**
   * @param address a peer that is connected, or is being dialled
   * @param timeoutMs how long to wait for the answer
   * @returns the answer's bytes
   * @throws RaftError what the other node answered; `RAFT_TIMEOUT` where it didn't, or the connection is gone
   */
  call(address: string, method: string, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { links, scheduler, groupId, ids } = this.ports;
    if (this.closed) return Promise.reject(notAnswered(address, 'this node is being stopped'));
    const id = ids.next();
    return new Promise((resolve, reject) => {
      const timer = scheduler.setTimer(timeoutMs, () => this.fail(id, `within ${Math.round(timeoutMs)} ms`));
      this.underWay.set(id, { address, timer, resolve, reject });
      if (!links.send(address, { kind: 'request', groupId, id, method, timeoutMs, body }))
        this.fail(id, 'it is not connected');
    });
  }

  /** @returns false where no call of this kind is known here */
  receive(message: RequestMessage, sender: Hello): boolean {
    const handler = this.handlers.get(message.method);
    if (handler === undefined) return false;
    if (this.closed) return true;
    const { groupId, id } = message;
    handler(message.body, sender, message.timeoutMs).then(
      (body) => this.reply(sender, { kind: 'response', groupId, id, ok: true, body }),
      (error: unknown) =>
        this.reply(sender, { kind: 'response', groupId, id, ok: false, body: encodeError(asRaftError(error)) }),
    );
    return true;
  }

  /** @returns false where the response is to no call of this kind */
  answered(response: ResponseMessage): boolean {
    const call = this.taken(response.id);
    if (call === undefined) return false;
    if (response.ok) call.resolve(response.body);
    else call.reject(decodeError(response.body) ?? notAnswered(call.address, 'its answer is of an unknown kind'));
    return true;
  }

  connectionLost(address: string): void {
    for (const [id, call] of this.underWay) if (call.address === address) this.fail(id, 'the connection broke');
  }

  close(): void {
    this.closed = true;
    for (const id of [...this.underWay.keys()]) this.fail(id, 'this node is being stopped');
  }

  private reply(peer: Hello, response: ResponseMessage): void {
    if (!this.closed) this.ports.answer(peer, response);
  }

  private fail(id: number, why: string): void {
    const call = this.taken(id);
    call?.reject(notAnswered(call.address, why));
  }

  private taken(id: number): Call | undefined {
    const call = this.underWay.get(id);
    if (call === undefined) return undefined;
    this.underWay.delete(id);
    this.ports.scheduler.clearTimer(call.timer);
    return call;
  }
}

function notAnswered(address: string, why: string): RaftError {
  return new RaftError('RAFT_TIMEOUT', `The node at ${address} did not answer: ${why}.`, { retryAfterMs: 1000 });
}
