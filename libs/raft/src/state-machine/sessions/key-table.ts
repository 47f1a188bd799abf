/** For each idempotency key that is in use: which command it belongs to, and the answer. */

import { KEY_EXPIRY_STEP_MS, KEY_TTL_MS, MAX_KEY_BYTES, MAX_KEYS, MAX_RESULT_BYTES } from '../entries/client-limits';
import type { CommandOutcome } from '../contract';
import { busy } from './session-table';
import { answerSizeBytes, type FillAnswer, firstOutcome, type StoredAnswer, UNDECIDED } from './stored-answer';

/** What a key was used for. Once it has its answer it is never changed, so that a capture may hold it. */
export interface KeyRecord {
  readonly key: string;
  /** Which command it was, and with which arguments. */
  readonly fingerprint: string;
  readonly expiresMs: number;
  /** Undefined while the command waits to be applied with others; nothing is captured meanwhile. */
  answer: StoredAnswer | undefined;
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
  private unfilled = 0;
  /** No key ends before this cluster time. */
  dueMs = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.records.size;
  }

  /** @returns them as they are now, and stay for a later reader; nothing is copied */
  capture(): { readonly records: readonly KeyRecord[]; readonly from: number; readonly to: number } {
    return { records: this.order, from: this.head, to: this.order.length };
  }

  /** @returns what the command is answered with instead; undefined where it is to be run, with a place {@link reserve}d for its answer */
  admit(key: string, fingerprint: string, nowMs: number): CommandOutcome | typeof UNDECIDED | undefined {
    const known = this.records.get(key);
    if (known !== undefined) {
      if (known.fingerprint !== fingerprint) return otherCommand(key);
      return known.answer === undefined ? UNDECIDED : firstOutcome(known.answer);
    }
    const mostBytes = this.bytes + this.unfilled * MAX_RESULT_BYTES;
    if (this.unfilled > 0 && (this.records.size >= MAX_KEYS || mostBytes >= MAX_KEY_BYTES)) return UNDECIDED;
    if (this.records.size >= MAX_KEYS || this.bytes >= MAX_KEY_BYTES)
      return busy(
        'TOO_MANY_KEYS',
        `${this.records.size} idempotency keys (${this.bytes} bytes) of the last ${KEY_TTL_MS / 60_000} minutes are kept, and no more are. Use a session where there are so many calls.`,
        Math.max(1, this.dueMs - nowMs),
      );
    return undefined;
  }

  /** Keeps the key, and a place for its answer, where its command stands in the log. */
  reserve(key: string, fingerprint: string, nowMs: number): FillAnswer {
    const expiresMs = Math.ceil((nowMs + KEY_TTL_MS) / KEY_EXPIRY_STEP_MS) * KEY_EXPIRY_STEP_MS;
    const record: KeyRecord = { key, fingerprint, expiresMs, answer: undefined };
    this.add(record);
    this.unfilled++;
    return (answer) => {
      this.unfilled--;
      record.answer = answer;
      if (this.records.get(key) === record) this.bytes += answer.bytes.length;
    };
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
    this.unfilled = 0;
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
