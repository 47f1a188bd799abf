/** Exactly once: a repeated command is recognized by its session or key, and gets the first result. */

import type { CommandOutcome, SnapshotSource } from '../contract';
import type { DecodedCommand } from '../entries/command-envelope';
import { captureClients, readClients } from './client-snapshot';
import { KeyTable } from './key-table';
import type { SessionOperation } from '../entries/session-entry';
import { SessionTable } from './session-table';
import { type FillAnswer, storedAnswer, type UNDECIDED } from './stored-answer';
import type { RunOutcome } from '../entries/run-outcome';

const APPLIED: CommandOutcome = Object.freeze({ status: 'applied', value: undefined });

/**
 * What the group knows of its clients' commands, so that none is applied twice: one for all machines of the group, and a
 * part of each snapshot.
 */
export class ClientTables {
  readonly sessions = new SessionTable();
  readonly keys = new KeyTable();
  /** Nothing in them ends before this cluster time. */
  dueMs = Number.POSITIVE_INFINITY;

  /** An entry of kind `session`. */
  change(index: number, operation: SessionOperation, nowMs: number): CommandOutcome {
    const { sessions } = this;
    switch (operation.kind) {
      case 'open': {
        const outcome = sessions.open(index, operation.ttlMs, operation.nonce, nowMs);
        this.findDue();
        return outcome;
      }
      case 'keepAlive':
        return sessions.keepAlive(operation.clientId, operation.ackedThrough, nowMs);
      case 'close':
        return sessions.close(operation.clientId);
    }
  }

  /**
   * @returns what the command is answered with instead of being run; undefined where it is to be run, with a place
   *   {@link reserve}d for its answer; UNDECIDED where that depends on commands that wait to be applied: ask again afterwards
   */
  admit(
    { session, idempotencyKey, fingerprint }: DecodedCommand,
    nowMs: number,
  ): CommandOutcome | typeof UNDECIDED | undefined {
    if (session !== undefined) return this.sessions.admit(session, nowMs);
    return this.keys.admit(idempotencyKey!, fingerprint!, nowMs);
  }

  /**
   * Keeps a place for the outcome of a command that is run now or together with later ones. Everything that is judged (when a key
   * ends, which answers there are) is judged by the command's own place in the log.
   *
   * @param wanted whether somebody waits for the result
   * @returns takes the outcome, with its result, and returns it as the waiting caller gets it
   */
  reserve(
    call: DecodedCommand,
    index: number,
    nowMs: number,
    wanted: boolean,
  ): (outcome: RunOutcome) => CommandOutcome {
    const fill = this.placeFor(call, nowMs);
    return (outcome) => {
      const answer = storedAnswer(index, outcome);
      fill(answer);
      // Its result is encoded on every node, whether somebody waits or not: where that fails, it is a failure like any other.
      if (outcome.status === 'failed') return { status: 'failed', message: outcome.message };
      if (outcome.status === 'rejected') return outcome;
      // What is kept is state: the waiting caller gets bytes of its own.
      return wanted ? { status: 'applied', value: answer.bytes.slice() } : APPLIED;
    };
  }

  expire(nowMs: number): void {
    if (nowMs >= this.sessions.dueMs) this.sessions.expire(nowMs);
    if (nowMs >= this.keys.dueMs) this.keys.expire(nowMs);
    this.findDue();
  }

  clear(): void {
    this.sessions.clear();
    this.keys.clear();
    this.findDue();
  }

  capture(): SnapshotSource {
    return captureClients(this.sessions, this.keys);
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.clear();
    await readClients(chunks, this.sessions, this.keys);
    this.findDue();
  }

  private placeFor({ session, idempotencyKey, fingerprint }: DecodedCommand, nowMs: number): FillAnswer {
    if (session !== undefined) return this.sessions.reserve(session.clientId, session.sequence);
    const fill = this.keys.reserve(idempotencyKey!, fingerprint!, nowMs);
    this.findDue();
    return fill;
  }

  private findDue(): void {
    this.dueMs = Math.min(this.sessions.dueMs, this.keys.dueMs);
  }
}
