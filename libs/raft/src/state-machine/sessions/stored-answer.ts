import type { RunOutcome } from '../entries/run-outcome';
import { ANSWER_OVERHEAD_BYTES } from '../entries/client-limits';
import { MalformedBytesError } from '../codec/codec-errors';
import type { CommandOutcome } from '../contract';
import { decodeValue, encodeValue } from '../codec/value-codec';

/** What became of a command, kept for a repetition. It is never changed, so that a capture may hold it. */
export interface StoredAnswer {
  readonly index: number;
  readonly status: RunOutcome['status'];
  /** Of a result its encoding; else what the outcome has beside its status, encoded as an array. */
  readonly bytes: Uint8Array;
}

/** @param outcome of the command that was applied at `index`; its result has to be encoded */
export function storedAnswer(index: number, outcome: RunOutcome): StoredAnswer {
  switch (outcome.status) {
    case 'applied':
      return { index, status: 'applied', bytes: outcome.value! };
    case 'rejected': {
      const { reason, message, details } = outcome;
      return { index, status: 'rejected', bytes: encodeValue([asText(reason), asText(message), details]) };
    }
    case 'failed':
      return { index, status: 'failed', bytes: encodeValue([asText(outcome.message)]) };
  }
}

/** @returns the outcome as it was, which shares no memory with what is kept, and where it was applied */
export function firstOutcome(answer: StoredAnswer): CommandOutcome {
  return { ...outcomeOfAnswer(answer), firstIndex: answer.index };
}

/** @returns the outcome as it was when the command was applied */
export function outcomeOfAnswer({ status, bytes }: StoredAnswer): RunOutcome {
  switch (status) {
    case 'applied':
      return { status, value: bytes.slice() };
    case 'rejected': {
      const [reason, message, details] = decodeValue(bytes) as [string, string, unknown];
      return { status, reason, message, details };
    }
    case 'failed': {
      const [message] = decodeValue(bytes) as [string];
      return { status, message };
    }
  }
}

/** @param answer undefined where it is still to come */
export function answerSizeBytes(answer: StoredAnswer | undefined): number {
  return ANSWER_OVERHEAD_BYTES + (answer?.bytes.length ?? 0);
}

/**
 * What can't be said before commands that wait are applied: it depends on what they answer, or on how many bytes that takes.
 */
export const UNDECIDED = Symbol('undecided');

/** Puts the answer into the place that was kept for it; where that is gone meanwhile, nothing happens. */
export type FillAnswer = (answer: StoredAnswer) => void;

const STATUSES: readonly RunOutcome['status'][] = ['applied', 'rejected', 'failed'];

/** An answer in a snapshot: its index, its status by number, its bytes. */
export function answerRow({ index, status, bytes }: StoredAnswer): readonly unknown[] {
  return [index, STATUSES.indexOf(status), bytes];
}

/** @throws MalformedBytesError */
export function answerOfRow([index, status, bytes]: readonly unknown[]): StoredAnswer {
  const known = STATUSES[status as number];
  if (typeof index !== 'number' || known === undefined || !(bytes instanceof Uint8Array))
    throw new MalformedBytesError('A snapshot is malformed: an answer that it keeps is none');
  return { index, status: known, bytes };
}

/** Half of a surrogate pair, which a thrown text may have, has no encoding. */
function asText(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
