import { checkedCount, checkedMs } from '../shared/checked';

/** How a lock or a permit is held and waited for. @publicApi */
export interface RaftLeaseOptions {
  /**
   * How long it is held after the last confirmed renewal, in milliseconds. It is renewed automatically, every third of it. Too low:
   * it is lost in an election or in a pause of the process; too high: so long others wait for a holder that crashed. Default 30,000.
   */
  readonly ttlMs?: number;
  /** How long to wait for it, in milliseconds; 0: not at all. Default 10,000. */
  readonly waitMs?: number;
  /** Ends the wait: the call then fails with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How many may wait for one key; above it the call fails with `RAFT_BUSY`. Default 1,000. */
  readonly maxWaiters?: number;
}

export interface CheckedLeaseOptions {
  readonly ttlMs: number;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  readonly maxWaiters: number;
}

const SHORTEST_TTL_MS = 50;

/** @throws RaftError `RAFT_CONFIGURATION` */
export function checkedLeaseOptions(what: string, options: RaftLeaseOptions): CheckedLeaseOptions {
  return {
    ttlMs: checkedMs(`ttlMs of ${what}`, options.ttlMs ?? 30_000, SHORTEST_TTL_MS),
    waitMs: checkedMs(`waitMs of ${what}`, options.waitMs ?? 10_000, 0),
    signal: options.signal,
    maxWaiters: checkedCount(`maxWaiters of ${what}`, options.maxWaiters ?? 1_000, 0, 10_000),
  };
}
