/** How fresh the answer to a query must be. @publicApi */
export type ReadConsistency = 'linearizable' | 'lease' | 'stale';

/** @publicApi */
export interface ProposeOptions {
  /** Overrides `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /** The version of the command's schema. Default 0. */
  readonly schemaVersion?: number;
  /** `false`: fail with `RAFT_NOT_LEADER` instead of forwarding to the leader. Default true. */
  readonly forward?: boolean;
  /** On whose behalf, in 1 to 255 bytes: bounds per caller count what it takes. Default: the application's, which has no such bounds. */
  readonly caller?: string | undefined;
}

/** @publicApi */
export interface QueryOptions {
  readonly timeoutMs?: number;
  /** Default `linearizable`. `lease` is served as linearizable where lease reads are off. */
  readonly consistency?: ReadConsistency;
  /** With `stale`: how old the state may be at most, in milliseconds; an older one is `RAFT_LAGGING`. Default: any age. */
  readonly maxLagMs?: number;
  /** With `stale`: waits until this log index is applied here, so that a caller sees what it has written itself (`Ordered.index`). */
  readonly after?: number;
  readonly forward?: boolean;
}

/** @publicApi */
export interface BarrierOptions {
  /** Overrides `requestTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Default `linearizable`. `lease` is served as linearizable where lease reads are off; `stale` asks nobody. */
  readonly consistency?: ReadConsistency;
  /** With `stale`: how old the state may be at most, in milliseconds; an older one is `RAFT_LAGGING`. Default: any age. */
  readonly maxLagMs?: number;
  /** With `stale`: waits until this log index is applied here. */
  readonly after?: number;
}

/** A result and the log index that it belongs to: of a command its own, of a query that up to which the state was applied. @publicApi */
export interface Ordered<T> {
  readonly value: T;
  readonly index: number;
}
