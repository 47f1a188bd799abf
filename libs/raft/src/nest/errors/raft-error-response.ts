import type { LeaderHint, RaftError, RaftErrorCode } from '../../errors/raft-error';
import { RAFT_ERRORS, type RaftErrorDescription } from './raft-error.table';

/** What a caller is told of a {@link RaftError}, in every protocol. @publicApi */
export interface RaftErrorPayload {
  readonly code: RaftErrorCode;
  readonly message: string;
  readonly leader?: LeaderHint;
  readonly reason?: string;
  readonly details?: unknown;
}

/** The body of an HTTP answer. @publicApi */
export interface RaftErrorBody extends RaftErrorPayload {
  readonly statusCode: number;
}

const DEFAULT_RETRY_AFTER_MS = 1_000;

/** Codes whose message is about the inside of the application: callers get the table's sentence, the log gets the message. */
const INTERNAL: ReadonlySet<RaftErrorCode> = new Set<RaftErrorCode>([
  'RAFT_OUTSIDE_COMMAND',
  'RAFT_CONFIGURATION',
  'RAFT_FATAL',
]);

/** Another copy of the package may know a code that this one doesn't. */
const UNKNOWN_CODE_STATUS = 500;

export function raftErrorPayload(error: RaftError): RaftErrorPayload {
  return {
    code: error.code,
    message: INTERNAL.has(error.code) ? RAFT_ERRORS[error.code].meaning : error.message,
    ...(error.leader === undefined ? {} : { leader: error.leader }),
    ...(error.reason === undefined ? {} : { reason: error.reason }),
    ...(error.details === undefined ? {} : { details: toJsonValue(error.details) }),
  };
}

export function raftErrorStatus(error: RaftError): number {
  return RAFT_ERRORS[error.code]?.httpStatus ?? UNKNOWN_CODE_STATUS;
}

export function raftErrorBody(error: RaftError, statusCode = raftErrorStatus(error)): RaftErrorBody {
  return { statusCode, ...raftErrorPayload(error) };
}

/** @returns whole seconds for the header `Retry-After`, or undefined where a plain retry isn't the remedy */
export function retryAfterSeconds(error: RaftError): number | undefined {
  const described: RaftErrorDescription | undefined = RAFT_ERRORS[error.code];
  if (described === undefined || !described.retryAfter) return undefined;
  return Math.max(1, Math.ceil((error.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS) / 1_000));
}

/** A state machine's details may hold what JSON can't: an answer that fails to serialise would hide the refusal behind a 500. */
function toJsonValue(details: unknown): unknown {
  const text = JSON.stringify(details, (_key, value: unknown): unknown => {
    if (typeof value === 'bigint') return value.toString();
    if (value instanceof Map || value instanceof Set) return Array.from(value as Iterable<unknown>);
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
    return value;
  });
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}
