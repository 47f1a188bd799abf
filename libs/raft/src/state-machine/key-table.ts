import { KEY_EXPIRY_STEP_MS, KEY_TTL_MS, MAX_KEY_BYTES, MAX_KEYS } from './client-limits';
import type { CommandOutcome } from './contract';
import { busy } from './session-table';
import { answerSizeBytes, firstOutcome, type StoredAnswer } from './stored-answer';

/** What a key was used for. It is never changed, so that a capture may hold it. */
export interface KeyRecord {
  readonly key: string;
  /** Which command it was, and with which arguments. */
  readonly fingerprint: string;
  readonly expiresMs: number;
  readonly answer: StoredAnswer;
}

/** Keys by which callers tell repetitions of a command without a session. State, like {@link SessionTable}. */
export class KeyTable {
  /** Cluster time never goes back, so the order of insertion is that of expiry. */
  private readonly records = new Map<string, KeyRecord>();
  private bytes = 0;
  /** No key ends before this cluster time. */
  dueMs = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.records.size;
  }

  all(): Iterable<KeyRecord> {
    return this.records.values();
  }

  /** @returns what the command is answered with instead; undefined where it is to be run, and then {@link record}ed */
  admit(key: string, fingerprint: string): CommandOutcome | undefined {
    const known = this.records.get(key);
    if (known !== undefined) return known.fingerprint === fingerprint ? firstOutcome(known.answer) : otherCommand(key);
    if (this.records.size >= MAX_KEYS || this.bytes >= MAX_KEY_BYTES)
      return busy(
        'TOO_MANY_KEYS',
        `${this.records.size} idempotency keys (${this.bytes} bytes) of the last ${KEY_TTL_MS / 60_000} minutes are kept, and no more are. Use a session where there are so many calls.`,
      );
    return undefined;
  }

  record(key: string, fingerprint: string, answer: StoredAnswer, nowMs: number): void {
    const expiresMs = Math.ceil((nowMs + KEY_TTL_MS) / KEY_EXPIRY_STEP_MS) * KEY_EXPIRY_STEP_MS;
    this.add({ key, fingerprint, expiresMs, answer });
  }

  /** Of a snapshot. */
  add(record: KeyRecord): void {
    this.records.set(record.key, record);
    this.bytes += sizeBytes(record);
    this.dueMs = Math.min(this.dueMs, record.expiresMs);
  }

  clear(): void {
    this.records.clear();
    this.bytes = 0;
    this.dueMs = Number.POSITIVE_INFINITY;
  }

  expire(nowMs: number): void {
    this.dueMs = Number.POSITIVE_INFINITY;
    for (const record of this.records.values()) {
      if (record.expiresMs > nowMs) {
        this.dueMs = record.expiresMs;
        return;
      }
      this.records.delete(record.key);
      this.bytes -= sizeBytes(record);
    }
  }
}

function sizeBytes({ key, fingerprint, answer }: KeyRecord): number {
  return key.length + fingerprint.length + answerSizeBytes(answer);
}

function otherCommand(key: string): CommandOutcome {
  return {
    status: 'conflict',
    message: `The idempotency key '${key}' was used for another command, or for this one with other arguments; nothing was applied. Give each command a key of its own.`,
  };
}
