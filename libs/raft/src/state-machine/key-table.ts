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
  private readonly records = new Map<string, KeyRecord>();
  /**
   * The same from `head` on, in the order in which they end: cluster time never goes back, so that it is that of their first use.
   * It only grows, and another takes its place when it is cut, so that a capture may hold it.
   */
  private order: KeyRecord[] = [];
  private head = 0;
  private bytes = 0;
  /** No key ends before this cluster time. */
  dueMs = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.records.size;
  }

  get isNearBounds(): boolean {
    return this.records.size > MAX_KEYS / 2 || this.bytes > MAX_KEY_BYTES / 2;
  }

  /** @returns them as they are now, and stay for whoever reads them later; nothing is copied */
  capture(): { readonly records: readonly KeyRecord[]; readonly from: number; readonly to: number } {
    return { records: this.order, from: this.head, to: this.order.length };
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
    this.order.push(record);
    this.bytes += sizeBytes(record);
    this.dueMs = Math.min(this.dueMs, record.expiresMs);
  }

  clear(): void {
    this.records.clear();
    this.order = [];
    this.head = 0;
    this.bytes = 0;
    this.dueMs = Number.POSITIVE_INFINITY;
  }

  expire(nowMs: number): void {
    const { order } = this;
    for (; this.head < order.length && order[this.head]!.expiresMs <= nowMs; this.head++) {
      const record = order[this.head]!;
      this.records.delete(record.key);
      this.bytes -= sizeBytes(record);
    }
    this.dueMs = order[this.head]?.expiresMs ?? Number.POSITIVE_INFINITY;
    if (this.head * 2 < order.length) return;
    this.order = order.slice(this.head);
    this.head = 0;
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
