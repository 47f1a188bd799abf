import { RaftError } from '../../errors/raft-error';
import { MAX_SESSION_TTL_MS, MIN_SESSION_TTL_MS } from '../../state-machine/entries/client-limits';
import type { CommandSession } from '../../state-machine/entries/command-envelope';
import type { CommandOutcome } from '../../state-machine/contract';
import { outcomeValue } from '../../state-machine/codec/outcome-value';
import type { SessionCalls } from '../../state-machine/entries/session-calls';
import { encodeSessionOperation, type SessionOperation } from '../../state-machine/entries/session-entry';
import type { Ordered } from '../base/call-options';
import type { Scheduler, TimerHandle } from '../base/scheduler';
import { clientNonce } from './session-nonce';
import { SessionSequences } from './session-sequences';

const DEFAULT_TTL_MS = 60_000;

/** @publicApi */
export interface OpenSessionOptions {
  /** How long the session lasts without a command or a sign of life, in milliseconds; 1,000 to 604,800,000. Default 60,000. */
  readonly ttlMs?: number;
  /** Overrides `requestTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** A session that was opened before, perhaps in another process or on another node. @publicApi */
export interface ResumeSessionOptions {
  readonly id: string;
  /** The sequence number that its next command gets: `nextSequence` of the session, as it was kept. */
  readonly nextSequence: number;
  /** The answers of all commands up to this one have arrived. Default `nextSequence` − 1. */
  readonly ackedThrough?: number;
  /** As it was opened with; signs of life are sent by it. Default 60,000. */
  readonly ttlMs?: number;
}

export interface ClientSessionPorts {
  readonly scheduler: Scheduler;
  operate(operation: Uint8Array, timeoutMs?: number): Promise<Ordered<CommandOutcome>>;
}

/**
 * A client that the cluster knows, so that its commands are applied once, however often they are sent (thesis §6.3). Use it
 * with `$session(session)`; each call is then repeated automatically, to the present leader, up to its deadline. The session lives in
 * the log: on all nodes, over restarts, snapshots and changes of the leader. While this object is open, it keeps it alive.
 *
 * @publicApi
 */
export class RaftSession implements SessionCalls {
  private timer: TimerHandle | undefined;
  private usedAtMs: number;
  private ended = false;
  private expired = false;

  /** Use `RaftNode.openSession()` or `RaftService.openSession()`. */
  constructor(
    private readonly ports: ClientSessionPorts,
    readonly id: string,
    readonly ttlMs: number,
    private readonly sequences: SessionSequences,
    private readonly onEnd: (session: RaftSession) => void,
  ) {
    this.usedAtMs = ports.scheduler.nowMs();
    this.arm();
  }

  /** What to keep, with {@link id}, to go on with the session in another process. */
  get nextSequence(): number {
    return this.sequences.upcoming;
  }

  /** Whether the cluster said that the session is gone. Its commands fail with `RAFT_SESSION_EXPIRED`. */
  get isExpired(): boolean {
    return this.expired;
  }

  /**
   * A place for one command, which may be called again: by `$session(ticket)`, with the same command, until an answer comes. Each
   * call that finds the command applied gets the first answer. Until then the answers of later commands are kept as well.
   */
  reserve(): SessionTicket {
    return new SessionTicket(this, this.sequences.next());
  }

  /** For `$session()`. */
  begin(): CommandSession {
    return this.sessionFor(this.sequences.next());
  }

  /** For `$session()`: the call has ended, and isn't sent again. */
  end({ sequence }: CommandSession): void {
    this.sequences.end(sequence);
  }

  /** @internal */
  sessionFor(sequence: number): CommandSession {
    if (this.ended)
      throw new RaftError('RAFT_SESSION_EXPIRED', `The session ${this.id} was closed here: open a new one.`);
    this.usedAtMs = this.ports.scheduler.nowMs();
    return { clientId: this.id, sequence, ackedThrough: Math.min(this.sequences.ackedThrough, sequence - 1) };
  }

  /**
   * Ends the session in the cluster, which forgets its answers at once. Idempotent.
   *
   * @throws RaftError the codes of the way to the leader; the session then ends automatically after `ttlMs`
   */
  async close(): Promise<void> {
    if (this.ended) return;
    this.detach();
    if (!this.expired) await this.operate({ kind: 'close', clientId: this.id });
  }

  /** Sends no more signs of life; the session goes on, and may be resumed elsewhere within `ttlMs`. */
  detach(): void {
    if (this.ended) return;
    this.ended = true;
    if (this.timer !== undefined) this.ports.scheduler.clearTimer(this.timer);
    this.onEnd(this);
  }

  private arm(): void {
    const { scheduler } = this.ports;
    const dueInMs = Math.max(1, this.usedAtMs + this.ttlMs / 3 - scheduler.nowMs());
    this.timer = scheduler.setTimer(dueInMs, () => this.keepAlive());
  }

  private keepAlive(): void {
    const { scheduler } = this.ports;
    if (scheduler.nowMs() - this.usedAtMs < this.ttlMs / 3) {
      this.arm();
      return;
    }
    const { ackedThrough } = this.sequences;
    this.operate({ kind: 'keepAlive', clientId: this.id, ackedThrough }).then(
      ({ value }) => {
        this.expired = value.status === 'sessionExpired';
        this.usedAtMs = scheduler.nowMs();
        if (!this.ended && !this.expired) this.arm();
      },
      () => {
        if (!this.ended) this.timer = scheduler.setTimer(this.ttlMs / 6, () => this.keepAlive());
      },
    );
  }

  private operate(operation: SessionOperation): Promise<Ordered<CommandOutcome>> {
    return this.ports.operate(encodeSessionOperation(operation), this.ttlMs / 3);
  }
}

/** One command's place in a session. @publicApi */
export class SessionTicket implements SessionCalls {
  /** Use `RaftSession.reserve()`. */
  constructor(
    private readonly session: RaftSession,
    readonly sequence: number,
  ) {}

  begin(): CommandSession {
    return this.session.sessionFor(this.sequence);
  }

  end(place: CommandSession, answered: boolean): void {
    if (answered) this.session.end(place);
  }

  /** The command isn't sent again, whatever became of it. */
  release(): void {
    this.session.end({ clientId: this.session.id, sequence: this.sequence, ackedThrough: 0 });
  }
}

/** The sessions that were opened on this node, and end with it here. */
export class ClientSessions {
  private readonly open = new Set<RaftSession>();

  constructor(private readonly ports: ClientSessionPorts) {}

  async openSession({ ttlMs = DEFAULT_TTL_MS, timeoutMs }: OpenSessionOptions): Promise<RaftSession> {
    checkTtl(ttlMs);
    const nonce = clientNonce(this.ports.scheduler.randomSeed());
    const opening = encodeSessionOperation({ kind: 'open', ttlMs, nonce });
    const { value } = await this.ports.operate(opening, timeoutMs);
    const id = outcomeValue(value, 'the opening of a session', 'COMMAND_FAILED');
    if (typeof id !== 'string')
      throw new RaftError(
        'RAFT_CONFIGURATION',
        "The group's state machine keeps no sessions: it answered the opening of one without an id. StateMachineHost keeps them.",
      );
    return this.add(id, ttlMs, new SessionSequences());
  }

  resumeSession({ id, nextSequence, ackedThrough, ttlMs = DEFAULT_TTL_MS }: ResumeSessionOptions): RaftSession {
    checkTtl(ttlMs);
    const last = checkCount('nextSequence', nextSequence, 1) - 1;
    return this.add(
      id,
      ttlMs,
      new SessionSequences(last, Math.min(last, checkCount('ackedThrough', ackedThrough ?? last, 0))),
    );
  }

  close(): void {
    for (const session of [...this.open]) session.detach();
  }

  private add(id: string, ttlMs: number, sequences: SessionSequences): RaftSession {
    const session = new RaftSession(this.ports, id, ttlMs, sequences, (ended) => this.open.delete(ended));
    this.open.add(session);
    return session;
  }
}

function checkTtl(ttlMs: number): void {
  if (!Number.isSafeInteger(ttlMs) || ttlMs < MIN_SESSION_TTL_MS || ttlMs > MAX_SESSION_TTL_MS)
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `The option ttlMs of a session is ${ttlMs}: write whole milliseconds, ${MIN_SESSION_TTL_MS} to ${MAX_SESSION_TTL_MS}.`,
    );
}

function checkCount(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `The option ${name} of a session is ${value}: write a whole number from ${least} on.`,
  );
}
