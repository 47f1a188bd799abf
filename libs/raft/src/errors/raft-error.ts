/**
 * The stable codes of every error that this library answers with. What each means, and what to do, is in `docs/errors.md`.
 *
 * @publicApi
 */
export type RaftErrorCode =
  | 'RAFT_NOT_STARTED'
  | 'RAFT_NOT_LEADER'
  | 'RAFT_NO_LEADER'
  | 'RAFT_BUSY'
  | 'RAFT_INDETERMINATE'
  | 'RAFT_TIMEOUT'
  | 'RAFT_LAGGING'
  | 'RAFT_REJECTED'
  | 'RAFT_CONFLICT'
  | 'RAFT_LOCKED'
  | 'RAFT_LOCK_LOST'
  | 'RAFT_COMPACTED'
  | 'RAFT_SESSION_EXPIRED'
  | 'RAFT_STORAGE'
  | 'RAFT_QUARANTINED'
  | 'RAFT_FORBIDDEN'
  | 'RAFT_SHUTTING_DOWN'
  /** A replicated table was to be written by something else than a command. */
  | 'RAFT_OUTSIDE_COMMAND'
  /** Options that can't work: found at start, before anything is opened. */
  | 'RAFT_CONFIGURATION'
  /** The node met something that must not be: an unknown entry kind, a conflict below the commit index. It has stopped. */
  | 'RAFT_FATAL';

/** Where a leader is, as far as the answering node knows. @publicApi */
export interface LeaderHint {
  readonly name: string;
  readonly peer: string;
  readonly http: string;
}

/** @publicApi */
export interface RaftErrorDetails {
  /** With `RAFT_NOT_LEADER`: whom to ask. */
  readonly leader?: LeaderHint;
  /** With `RAFT_REJECTED`: the reason that the state machine gave. */
  readonly reason?: string;
  /** With `RAFT_REJECTED`: what the state machine added; plain data. */
  readonly details?: unknown;
  /** How long a caller should wait before it tries again. */
  readonly retryAfterMs?: number;
}

/** Across copies of the package (two versions in one tree), the brand tells, not `instanceof`. */
const BRAND: unique symbol = Symbol.for('nestjs-raft.error') as never;

/** Codes after which the command is certainly not applied and never will be (by this call). */
const NOT_APPLIED: ReadonlySet<RaftErrorCode> = new Set<RaftErrorCode>([
  'RAFT_NOT_STARTED',
  'RAFT_NOT_LEADER',
  'RAFT_NO_LEADER',
  'RAFT_BUSY',
  'RAFT_LOCKED',
  'RAFT_STORAGE',
  'RAFT_SHUTTING_DOWN',
  'RAFT_FORBIDDEN',
  'RAFT_OUTSIDE_COMMAND',
]);

/**
 * Every failure that this library answers with.
 *
 * @publicApi
 */
export class RaftError extends Error {
  readonly code: RaftErrorCode;
  readonly leader: LeaderHint | undefined;
  readonly reason: string | undefined;
  readonly details: unknown;
  readonly retryAfterMs: number | undefined;
  readonly [BRAND] = true;

  /**
   * @param message what happened, what it means for the caller, and what to do
   */
  constructor(code: RaftErrorCode, message: string, details: RaftErrorDetails & { readonly cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'RaftError';
    this.code = code;
    this.leader = details.leader;
    this.reason = details.reason;
    this.details = details.details;
    this.retryAfterMs = details.retryAfterMs;
  }

  /** Whether the command is certainly not applied, so that a plain retry can't apply it twice. */
  get notApplied(): boolean {
    return NOT_APPLIED.has(this.code);
  }
}

/** @returns whether `value` is a {@link RaftError}, of whichever copy of this package */
export function isRaftError(value: unknown): value is RaftError {
  return typeof value === 'object' && value !== null && BRAND in value;
}
