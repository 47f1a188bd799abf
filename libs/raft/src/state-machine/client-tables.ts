import type { CommandOutcome, SnapshotSource } from './contract';
import type { DecodedCommand } from './command-envelope';
import { captureClients, readClients } from './client-snapshot';
import { KeyTable } from './key-table';
import type { SessionOperation } from './session-entry';
import { SessionTable } from './session-table';
import { type StoredAnswer, storedAnswer } from './stored-answer';

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

  /** Half of what may be kept is: what comes together is then judged one by one. */
  get isNearBounds(): boolean {
    return this.sessions.isNearBounds || this.keys.isNearBounds;
  }

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

  /** @returns what the command is answered with instead of being run; undefined where it is to be run, and {@link record}ed */
  admit({ session, idempotencyKey, fingerprint }: DecodedCommand, nowMs: number): CommandOutcome | undefined {
    if (session !== undefined) return this.sessions.admit(session, nowMs);
    return this.keys.admit(idempotencyKey!, fingerprint!);
  }

  /**
   * Keeps the outcome of a command that was run, with its result.
   *
   * @param wanted whether somebody waits for the result
   */
  record(call: DecodedCommand, index: number, outcome: CommandOutcome, nowMs: number, wanted: boolean): CommandOutcome {
    if (outcome.status !== 'applied' && outcome.status !== 'rejected' && outcome.status !== 'failed') return outcome;
    const answer = storedAnswer(index, outcome);
    this.keep(call, answer, nowMs);
    if (outcome.status !== 'applied') return outcome;
    // What is kept is state: whoever waits gets bytes of their own.
    return wanted ? { status: 'applied', value: answer.bytes.slice() } : APPLIED;
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

  private keep({ session, idempotencyKey, fingerprint }: DecodedCommand, answer: StoredAnswer, nowMs: number): void {
    if (session !== undefined) {
      this.sessions.record(session.clientId, { ...answer, sequence: session.sequence });
      return;
    }
    this.keys.record(idempotencyKey!, fingerprint!, answer, nowMs);
    this.findDue();
  }

  private findDue(): void {
    this.dueMs = Math.min(this.sessions.dueMs, this.keys.dueMs);
  }
}
