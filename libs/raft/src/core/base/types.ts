/**
 * A number that the cluster gives to a replica through the log (at genesis, or when a member is added) and never again to
 * another. It starts at 1; 0 means "none". A replica id is bound to one store incarnation: a node that comes back with an
 * empty store is another replica.
 *
 * @publicApi
 */
export type ReplicaId = number;

/** No replica: no vote cast, no leader known. */
export const NO_REPLICA: ReplicaId = 0;

/**
 * The name of one Raft group, 1 to 63 characters of `[a-z0-9_-]`. Several groups share one socket and one store.
 *
 * @publicApi
 */
export type GroupId = string;

/** @publicApi */
export const DEFAULT_GROUP: GroupId = 'default';

/**
 * The identity of a log position. Two logs that hold an entry with the same log id are the same up to it (log matching,
 * thesis §3.5), which is why the two numbers travel as one value.
 *
 * @publicApi
 */
export interface LogId {
  readonly term: number;
  readonly index: number;
}

/**
 * No term is above this. A million elections a second take nine years to get there, so a higher one is a forgery or damage; it
 * would be the last one, as a term that can't be raised any further elects nobody.
 *
 * @publicApi
 */
export const MAX_TERM = 2 ** 48;

/** The position before the first entry. */
export const ORIGIN: LogId = Object.freeze({ term: 0, index: 0 });

/**
 * Compares as thesis §3.6.1 asks: by term, then by index.
 *
 * @returns a negative number, zero or a positive number, like a comparator for `sort`
 */
export function compareLogIds(left: LogId, right: LogId): number {
  return left.term - right.term || left.index - right.index;
}

export function sameLogId(left: LogId, right: LogId): boolean {
  return left.term === right.term && left.index === right.index;
}

/**
 * What a replica must never forget between two answers: one atomic record, because a vote without its term, or a term with
 * the vote of another, lets a node vote twice.
 *
 * @publicApi
 */
export interface HardState {
  readonly term: number;
  /** The replica that got this node's vote in {@link term}, or 0. */
  readonly votedFor: ReplicaId;
}

/**
 * One run of the run-length list that knows the term of every index of the log.
 *
 * @publicApi
 */
export interface TermRun {
  readonly firstIndex: number;
  readonly term: number;
}
