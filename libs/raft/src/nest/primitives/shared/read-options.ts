import type { Replicated, ReplicatedQueries } from '../../../state-machine/calls/replicated';

/** How fresh an answer must be. @publicApi */
export interface RaftReadOptions {
  /**
   * `linearizable`: everything that was acknowledged before the call is in it. `lease`: the same, confirmed by the leader's lease
   * where lease reads are on. `stale`: this node's own copy. Default `linearizable`.
   */
  readonly consistency?: 'linearizable' | 'lease' | 'stale';
  /** With `stale`: how old the copy may be, in milliseconds; an older one is `RAFT_LAGGING`. Default: any age. */
  readonly maxLagMs?: number;
  /** This node's own copy, once it has applied this index (a `version` that a write returned). */
  readonly after?: number;
  /** How long to wait for the answer, in milliseconds. Default: the module's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** @returns the queries of `caller`, read as the options say */
export function readsOf<T>(caller: Replicated<T>, options: RaftReadOptions = {}): ReplicatedQueries<T> {
  const reads = consistent(caller, options);
  return options.timeoutMs === undefined ? reads : reads.$timeout(options.timeoutMs);
}

function consistent<T>(caller: Replicated<T>, { consistency, maxLagMs, after }: RaftReadOptions): ReplicatedQueries<T> {
  if (after !== undefined) return caller.$after(after);
  if (consistency === 'stale') return caller.$stale({ maxLagMs });
  if (consistency === 'lease') return caller.$lease();
  return caller;
}
