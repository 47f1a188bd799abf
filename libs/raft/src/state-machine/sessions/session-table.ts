/** The state machine’s side of each client session: the answers that its client hasn’t acknowledged yet. */

import {
  MAX_ANSWER_BYTES,
  MAX_ANSWERS,
  MAX_RESULT_BYTES,
  MAX_SESSION_ANSWERS,
  MAX_SESSION_BYTES,
  MAX_SESSIONS,
} from '../entries/client-limits';
import type { CommandSession } from '../entries/command-envelope';
import type { CommandOutcome } from '../contract';
import { answerSizeBytes, type FillAnswer, firstOutcome, type StoredAnswer, UNDECIDED } from './stored-answer';
import { encodeValue } from '../codec/value-codec';

/** The place of an answer, and which of the session's commands it is of. */
export interface SessionAnswer {
  readonly sequence: number;
  /** Undefined while the command waits to be applied with others; nothing is captured meanwhile. */
  answer: StoredAnswer | undefined;
}

/** A client that the cluster knows (thesis §6.3). */
export interface Session {
  readonly clientId: string;
  readonly ttlMs: number;
  /** The cluster time of its last entry. */
  activeMs: number;
  /** The client has the answers up to here; they are forgotten. */
  ackedThrough: number;
  bytes: number;
  /** Of the answers, those that are still to come. */
  unfilled: number;
  readonly answers: Map<number, SessionAnswer>;
}

const OPENED: CommandOutcome = Object.freeze({ status: 'applied', value: undefined });

/**
 * The sessions of a group and the answers that are kept for them. It is state: what it does depends on the log alone, and it
 * expires by the time that stands in entries, never by a clock of this machine.
 */
export class SessionTable {
  private readonly sessions = new Map<string, Session>();
  private answers = 0;
  private bytes = 0;
  private unfilled = 0;
  /** No session ends before this cluster time. */
  dueMs = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.sessions.size;
  }

  all(): Iterable<Session> {
    return this.sessions.values();
  }

  /** @returns the id of the new session, encoded: made of the entry's index, so that none is ever given out twice */
  open(index: number, ttlMs: number, nonce: number, nowMs: number): CommandOutcome {
    if (this.sessions.size >= MAX_SESSIONS)
      return busy(
        'TOO_MANY_SESSIONS',
        `${MAX_SESSIONS} sessions are open, and the cluster keeps no more. Close those that aren't used, or give them shorter times to live.`,
        // Renewals don't move it, so it may be too early, and never too late.
        Math.max(1, this.dueMs - nowMs),
      );
    const clientId = `${index}.${nonce.toString(16)}`;
    this.add({ clientId, ttlMs, activeMs: nowMs, ackedThrough: 0, bytes: 0, unfilled: 0, answers: new Map() });
    return { status: 'applied', value: encodeValue(clientId) };
  }

  keepAlive(clientId: string, ackedThrough: number, nowMs: number): CommandOutcome {
    const session = this.sessions.get(clientId);
    if (session === undefined) return unknownSession(clientId);
    session.activeMs = nowMs;
    this.forget(session, ackedThrough);
    return OPENED;
  }

  close(clientId: string): CommandOutcome {
    const session = this.sessions.get(clientId);
    if (session !== undefined) this.remove(session);
    return OPENED;
  }

  /**
   * A command of a session is about to be run.
   *
   * @returns what it is answered with instead; undefined where it is to be run, with a place {@link reserve}d for its answer
   */
  admit(
    { clientId, sequence, ackedThrough }: CommandSession,
    nowMs: number,
  ): CommandOutcome | typeof UNDECIDED | undefined {
    const session = this.sessions.get(clientId);
    if (session === undefined) return unknownSession(clientId);
    session.activeMs = nowMs;
    this.forget(session, ackedThrough);
    if (sequence <= session.ackedThrough) return forgottenAnswer(session, sequence);
    const known = session.answers.get(sequence);
    if (known !== undefined) return known.answer === undefined ? UNDECIDED : firstOutcome(known.answer);
    if (this.mayBeCrowded(session)) return UNDECIDED;
    if (isFull(session.answers.size, session.bytes))
      return busy(
        'TOO_MANY_ANSWERS',
        `The session ${clientId} has ${session.answers.size} answers (${session.bytes} bytes) that its client hasn't acknowledged, and no more are kept. Wait for the answers that are under way.`,
      );
    if (this.answers >= MAX_ANSWERS || this.bytes >= MAX_ANSWER_BYTES)
      return busy(
        'TOO_MANY_ANSWERS',
        `${this.answers} answers (${this.bytes} bytes) are kept for all sessions together, and no more are. Acknowledge answers, or close sessions.`,
      );
    return undefined;
  }

  /** Whether the answers that are still to come may fill what is left of the bounds. */
  private mayBeCrowded(session: Session): boolean {
    if (session.unfilled > 0 && isFull(session.answers.size, session.bytes + session.unfilled * MAX_RESULT_BYTES))
      return true;
    return (
      this.unfilled > 0 &&
      (this.answers >= MAX_ANSWERS || this.bytes + this.unfilled * MAX_RESULT_BYTES >= MAX_ANSWER_BYTES)
    );
  }

  /**
   * Keeps a place for an answer, where its command stands in the log: what comes after it there (the end of the session, an
   * acknowledgement, the bounds) finds it, whenever the answer itself comes.
   */
  reserve(clientId: string, sequence: number): FillAnswer {
    const session = this.sessions.get(clientId)!;
    const place: SessionAnswer = { sequence, answer: undefined };
    session.answers.set(sequence, place);
    this.count(session, 1, answerSizeBytes(undefined));
    session.unfilled++;
    this.unfilled++;
    return (answer) => {
      session.unfilled--;
      this.unfilled--;
      place.answer = answer;
      if (session.answers.get(sequence) === place) this.count(session, 0, answer.bytes.length);
    };
  }

  record(clientId: string, sequence: number, answer: StoredAnswer): void {
    const session = this.sessions.get(clientId)!;
    session.answers.set(sequence, { sequence, answer });
    this.count(session, 1, answerSizeBytes(answer));
  }

  /** Of a snapshot. */
  add(session: Session): void {
    this.sessions.set(session.clientId, session);
    this.dueMs = Math.min(this.dueMs, session.activeMs + session.ttlMs);
  }

  clear(): void {
    this.sessions.clear();
    this.answers = 0;
    this.bytes = 0;
    this.unfilled = 0;
    this.dueMs = Number.POSITIVE_INFINITY;
  }

  /** Ends the sessions that had no entry for as long as they live. Renewals don't move `dueMs`, so it may find none. */
  expire(nowMs: number): void {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const session of this.sessions.values()) {
      const endMs = session.activeMs + session.ttlMs;
      if (endMs <= nowMs) this.remove(session);
      else dueMs = Math.min(dueMs, endMs);
    }
    this.dueMs = dueMs;
  }

  private remove(session: Session): void {
    this.sessions.delete(session.clientId);
    this.answers -= session.answers.size;
    this.bytes -= session.bytes;
    // An answer that is still to come finds its place gone.
    session.answers.clear();
  }

  private forget(session: Session, ackedThrough: number): void {
    const from = session.ackedThrough;
    if (ackedThrough <= from) return;
    session.ackedThrough = ackedThrough;
    // A client may jump: what is counted through is never more than what is there.
    if (ackedThrough - from <= session.answers.size)
      for (let sequence = from + 1; sequence <= ackedThrough; sequence++) this.drop(session, sequence);
    else for (const sequence of session.answers.keys()) if (sequence <= ackedThrough) this.drop(session, sequence);
  }

  private drop(session: Session, sequence: number): void {
    const place = session.answers.get(sequence);
    if (place === undefined) return;
    session.answers.delete(sequence);
    this.count(session, -1, -answerSizeBytes(place.answer));
  }

  private count(session: Session, answers: number, bytes: number): void {
    session.bytes += bytes;
    this.answers += answers;
    this.bytes += bytes;
  }
}

function isFull(answers: number, bytes: number): boolean {
  return answers >= MAX_SESSION_ANSWERS || bytes >= MAX_SESSION_BYTES;
}

/** @param retryAfterMs when a place may be free; undefined where nobody knows */
export function busy(reason: string, message: string, retryAfterMs?: number): CommandOutcome {
  return { status: 'busy', reason, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

function unknownSession(clientId: string): CommandOutcome {
  return {
    status: 'sessionExpired',
    message: `The session ${clientId} isn't open: it expired, or was closed. Open a new one.`,
  };
}

function forgottenAnswer({ clientId, ackedThrough }: Session, sequence: number): CommandOutcome {
  return {
    status: 'sessionExpired',
    message: `Of the session ${clientId} the answers up to ${ackedThrough} are gone, as its client said that it has them; so nobody can say what became of command ${sequence}.`,
  };
}
