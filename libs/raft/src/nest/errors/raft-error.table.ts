import type { RaftErrorCode } from '../../errors/raft-error';

/** What one code says. `docs/errors.md` repeats it, and a test holds the two together. @publicApi */
export interface RaftErrorDescription {
  /** What happened. */
  readonly meaning: string;
  /** What it means for the caller: above all, whether the command may have been applied. */
  readonly consequence: string;
  /** What to do. */
  readonly remedy: string;
  /** The status with which the exception filter answers. */
  readonly httpStatus: number;
  /** Whether the answer carries `Retry-After`: a plain retry is safe and likely to help. */
  readonly retryAfter: boolean;
}

/**
 * Every stable code of this library. A code is never renamed and never changes its meaning.
 *
 * @publicApi
 */
export const RAFT_ERRORS: Readonly<Record<RaftErrorCode, RaftErrorDescription>> = Object.freeze({
  RAFT_NOT_STARTED: {
    meaning: 'The node was called before it has started.',
    consequence: 'Not applied.',
    remedy:
      'The node starts in onApplicationBootstrap: move the call from the constructor or onModuleInit to onApplicationBootstrap or later.',
    httpStatus: 503,
    retryAfter: true,
  },
  RAFT_NOT_LEADER: {
    meaning: 'This node does not lead, and was asked not to forward.',
    consequence: 'Not applied.',
    remedy: 'Ask the leader: its name and addresses are in `leader` where they are known.',
    httpStatus: 503,
    retryAfter: true,
  },
  RAFT_NO_LEADER: {
    meaning: 'An election is under way, the leader cannot be reached, or there is no quorum.',
    consequence: 'Not applied.',
    remedy:
      'Try again. Where it lasts, a majority of the members is down or cannot be reached: the log of each node says which.',
    httpStatus: 503,
    retryAfter: true,
  },
  RAFT_BUSY: {
    meaning: 'The queues are full: more is asked for than the cluster commits or applies.',
    consequence: 'Not applied.',
    remedy: 'Try again later, with fewer calls at once.',
    httpStatus: 429,
    retryAfter: true,
  },
  RAFT_INDETERMINATE: {
    meaning: 'The leadership or the connection was lost while the command was on its way.',
    consequence: 'It may have been applied, or may be yet.',
    remedy: 'Read the state before trying again, or make the command one that may be applied twice.',
    httpStatus: 504,
    retryAfter: false,
  },
  RAFT_TIMEOUT: {
    meaning: 'No answer came within the time that the caller gave.',
    consequence: 'It may have been applied, or may be yet.',
    remedy:
      'Read the state before trying again; where time-outs are frequent, raise requestTimeoutMs or look for a slow store.',
    httpStatus: 504,
    retryAfter: false,
  },
  RAFT_LAGGING: {
    meaning: 'The local copy is older than the read allows.',
    consequence: 'Nothing was read.',
    remedy: 'Allow a greater lag, read linearizably, or ask another node.',
    httpStatus: 503,
    retryAfter: true,
  },
  RAFT_REJECTED: {
    meaning: 'The state machine refused the command or the query, or failed at it.',
    consequence: 'The answer is final and the same on every node: asking again as before gives it again.',
    remedy:
      'The reason and the details are those that the state machine gave; COMMAND_FAILED and QUERY_FAILED are bugs of it.',
    httpStatus: 422,
    retryAfter: false,
  },
  RAFT_CONFLICT: {
    meaning: 'The expected version did not hold.',
    consequence: 'Not applied.',
    remedy: 'Read the present version and decide again.',
    httpStatus: 409,
    retryAfter: false,
  },
  RAFT_LOCKED: {
    meaning: 'Others hold the lock, or all permits of the semaphore, and the wait for it has ended.',
    consequence: 'Nothing was acquired, and the work under it was not begun.',
    remedy: 'Try again later, or wait longer (waitMs).',
    httpStatus: 423,
    retryAfter: true,
  },
  RAFT_LOCK_LOST: {
    meaning: 'The lock was lost while it was held: its ttl ended before a renewal was confirmed.',
    consequence:
      "The work under it may have gone on beside the next holder's; what a storage checked against the fencing token is safe.",
    remedy:
      'Stop such work when the signal aborts, pass the token to every write, and raise ttlMs where pauses are long.',
    httpStatus: 409,
    retryAfter: false,
  },
  RAFT_COMPACTED: {
    meaning: 'The history before this index is no longer kept.',
    consequence: 'Nothing was delivered, since changes would be missing.',
    remedy: 'Read the present state, and watch from the index after the one that the read returned.',
    httpStatus: 410,
    retryAfter: false,
  },
  RAFT_SESSION_EXPIRED: {
    meaning: 'The session, or the answer of this sequence number, is gone.',
    consequence: 'A command that was sent earlier in this session may have been applied.',
    remedy: 'Open a new session, and read the state before repeating a command of the old one.',
    httpStatus: 410,
    retryAfter: false,
  },
  RAFT_STORAGE: {
    meaning: "This node's store failed, stalls or cannot be reached.",
    consequence: 'Not applied.',
    remedy: 'Try again, on another node if need be; look at the database of this node.',
    httpStatus: 503,
    retryAfter: true,
  },
  RAFT_QUARANTINED: {
    meaning: 'This node must not take part: its store is damaged, was wiped or rolled back, or has diverged.',
    consequence: 'Not applied by this call on this node.',
    remedy: "Ask another node. The node's status and log say what to do with it; mostly: repair it.",
    httpStatus: 503,
    retryAfter: true,
  },
  RAFT_FORBIDDEN: {
    meaning: 'The peer or the caller does not have the right.',
    consequence: 'Not applied.',
    remedy: 'Use credentials that have it.',
    httpStatus: 403,
    retryAfter: false,
  },
  RAFT_SHUTTING_DOWN: {
    meaning: 'This node is being stopped.',
    consequence: 'Not applied.',
    remedy: 'Try again on another node.',
    httpStatus: 503,
    retryAfter: true,
  },
  RAFT_OUTSIDE_COMMAND: {
    meaning: 'A replicated table was to be written by something else than a command: a repository, or SQL.',
    consequence: 'Nothing was written.',
    remedy:
      'Write it in a method with @RaftCommand(), through context.manager, and call that; a migration uses withReplicatedTablesWritable().',
    httpStatus: 500,
    retryAfter: false,
  },
  RAFT_CONFIGURATION: {
    meaning: 'The options cannot work.',
    consequence: 'The application does not start; nothing was opened.',
    remedy: 'The message names the option, its value and what to write instead.',
    httpStatus: 500,
    retryAfter: false,
  },
  RAFT_FATAL: {
    meaning:
      'The node met something that must never be, such as an unknown kind of entry or a conflict below the commit index, and has stopped.',
    consequence: 'It may have been applied, or may be yet.',
    remedy: "Ask another node, and keep this node's log and database for a report.",
    httpStatus: 500,
    retryAfter: false,
  },
});
