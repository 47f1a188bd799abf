import type { Replicated, ReplicatedQueries } from '../../../state-machine/replicated';

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
  // The types of callers are made of the machine's, which isn't known here.
  const untyped = caller as unknown as Replicated<object>;
  return timed(consistent(untyped, options), options.timeoutMs) as unknown as ReplicatedQueries<T>;
}

function consistent(caller: Replicated<object>, { consistency, maxLagMs, after }: RaftReadOptions): Reads {
  if (after !== undefined) return caller.$after(after);
  if (consistency === 'stale') return caller.$stale({ maxLagMs });
  return consistency === 'lease' ? caller.$lease() : caller;
}

type Reads = Replicated<object> | ReplicatedQueries<object>;

function timed(reads: Reads, timeoutMs: number | undefined): Reads {
  return timeoutMs === undefined ? reads : reads.$timeout(timeoutMs);
}
