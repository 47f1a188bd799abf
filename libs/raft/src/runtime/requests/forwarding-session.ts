/** The forwarding session of a node numbers the commands that it sends on to the leader, so that it may repeat them. */

import type { OpenSession } from './relay-place';
import { isRaftError, RaftError, type RaftErrorCode } from '../../errors/raft-error';
import { relayedCommand } from '../../state-machine/entries/command-envelope';
import type { CommandOutcome } from '../../state-machine/contract';
import { encodeSessionOperation } from '../../state-machine/entries/session-entry';
import { decodeValue } from '../../state-machine/codec/value-codec';
import type { PendingRequest, RequestHolder, RequestResult } from './pending-request';
import type { Ordered } from '../base/call-options';
import type { RequestTable } from './request-table';
import type { Scheduler } from '../base/scheduler';
import { nodeNonce } from './session-nonce';
import { SessionSequences } from './session-sequences';

/** For how long commands go without a session where none can be had, before the next attempt. */
const WITHOUT_MS = 60_000;
const CROWDED_MS = 5000;

/** The cluster can't open one: an older leader, or a state machine that keeps none. */
const NEVER_OPENED: ReadonlySet<RaftErrorCode> = new Set<RaftErrorCode>(['RAFT_FORBIDDEN', 'RAFT_REJECTED']);

export interface ForwardingSessionPorts {
  readonly scheduler: Scheduler;
  readonly requests: RequestTable;
  /** How long a session lives without a command. */
  readonly ttlMs: number;
  /** Puts an operation on a session into the log, wherever the leader is. */
  operate(operation: Uint8Array): Promise<Ordered<CommandOutcome>>;
  dispatch(request: PendingRequest): void;
  retry(request: PendingRequest): void;
}

/**
 * The session in which this node sends on the commands of its callers (thesis §6.3): so one whose connection broke, or whose
 * answer is lost, may be sent again, to the present leader, and is applied once. It is opened with the first command that needs it,
 * and again when it has expired. Where none can be had, commands go without, and then they are never sent twice.
 */
export class ForwardingSession implements RequestHolder {
  private session: OpenSession | undefined;
  private isOpening = false;
  private withoutUntilMs = Number.NEGATIVE_INFINITY;
  private readonly waiting = new Set<PendingRequest>();

  constructor(private readonly ports: ForwardingSessionPorts) {}

  /**
   * Gives a command that is about to be sent on its place in the session.
   *
   * @returns false where it has to wait for the session; it comes back automatically
   */
  prepare(request: PendingRequest): boolean {
    if (request.mayBeSentAgain) return true;
    const nowMs = this.ports.scheduler.nowMs();
    if (nowMs < this.withoutUntilMs) return true;
    const session = this.current(nowMs);
    if (session !== undefined) {
      this.place(request, session, nowMs);
      return true;
    }
    request.park(this);
    this.waiting.add(request);
    this.open();
    return false;
  }

  /** What the state machine said of a write; of a command in this node's session, not everything is the caller's business. */
  decided(request: PendingRequest, result: RequestResult): void {
    const { relay } = request;
    switch (result.value?.status) {
      case 'sessionExpired':
        if (relay === undefined) break;
        if (this.session === relay.session) this.session = undefined;
        if (request.unresolvedSends > 0) this.ports.requests.fail(request, expiredInBetween());
        else {
          request.leaveRelay();
          this.ports.retry(request);
        }
        return;
      case 'busy':
        // Not applied by this entry, and perhaps by an earlier one. There is space once other answers have arrived.
        if (relay === undefined && request.unresolvedSends === 0) break;
        this.ports.retry(request);
        return;
      default:
    }
    this.ports.requests.succeed(request, result);
  }

  /** Keeps the session alive while something is on its way that may have to be sent again. */
  tick(nowMs: number): void {
    const { session } = this;
    if (session === undefined || session.sequences.open === 0) return;
    if (nowMs - session.usedAtMs < this.ports.ttlMs / 3) return;
    session.usedAtMs = nowMs;
    const { ackedThrough } = session.sequences;
    this.ports
      .operate(encodeSessionOperation({ kind: 'keepAlive', clientId: session.id, ackedThrough }))
      .catch(() => undefined);
  }

  forget(request: PendingRequest): void {
    this.waiting.delete(request);
  }

  private current(nowMs: number): OpenSession | undefined {
    const { session } = this;
    // One that was idle for so long may be gone; to find that out costs more than to open another.
    if (session !== undefined && nowMs - session.usedAtMs > this.ports.ttlMs * 0.8) this.session = undefined;
    return this.session;
  }

  private place(request: PendingRequest, session: OpenSession, nowMs: number): void {
    const { sequences, id } = session;
    const sequence = sequences.next();
    const command = relayedCommand(request.body, { clientId: id, sequence, ackedThrough: sequences.ackedThrough });
    if (command === undefined) {
      // No command at all, which the leader will say.
      sequences.end(sequence);
      return;
    }
    session.usedAtMs = nowMs;
    request.enterRelay({ session, sequence, command: request.body }, command);
  }

  private open(): void {
    if (this.isOpening) return;
    this.isOpening = true;
    const { scheduler, ttlMs } = this.ports;
    const askedMs = scheduler.nowMs();
    this.ports
      .operate(encodeSessionOperation({ kind: 'open', ttlMs, nonce: nodeNonce(scheduler.randomSeed()) }))
      .then(
        ({ value }) => this.opened(value, askedMs),
        (error: unknown) => {
          if (isRaftError(error) && NEVER_OPENED.has(error.code)) this.goWithout(WITHOUT_MS);
        },
      )
      // What can't be read is no session's id.
      .catch(() => this.goWithout(WITHOUT_MS))
      .finally(() => {
        this.isOpening = false;
        this.release();
      });
  }

  private opened(outcome: CommandOutcome, askedMs: number): void {
    if (outcome.status === 'applied' && outcome.value !== undefined) {
      const id = decodeValue(outcome.value) as string;
      this.session = { id, sequences: new SessionSequences(), usedAtMs: askedMs };
      return;
    }
    this.goWithout(outcome.status === 'busy' ? CROWDED_MS : WITHOUT_MS);
  }

  private goWithout(forMs: number): void {
    this.withoutUntilMs = this.ports.scheduler.nowMs() + forMs;
  }

  private release(): void {
    const { ports } = this;
    const isDecided = this.session !== undefined || ports.scheduler.nowMs() < this.withoutUntilMs;
    for (const request of [...this.waiting]) {
      this.waiting.delete(request);
      request.release();
      if (isDecided) ports.dispatch(request);
      else ports.retry(request);
    }
  }
}

function expiredInBetween(): RaftError {
  return new RaftError(
    'RAFT_INDETERMINATE',
    'The command was sent on more than once, and the session that tells its repetitions has expired in between: it may or may not be ' +
      'applied. Read the state before you send it again.',
  );
}
