import type { GroupId } from '../../core/base/types';

/**
 * One node's leadership of one group in one term: what `@OnLeadershipAcquired()` methods get, and what `RaftService.fence()`
 * answers.
 *
 * @publicApi
 */
export interface Leadership {
  readonly group: GroupId;
  readonly clusterId: string;
  /** This node. */
  readonly nodeId: string;
  /** The term. No other node ever leads this group in it. */
  readonly term: number;
  /**
   * The fencing token: a safe integer, greater than that of every leader before, in the same cluster and group. What refuses
   * a token below the greatest that it has seen is safe from a leader that doesn't know yet that it was replaced.
   */
  readonly token: number;
  /**
   * Fires when this node learns that it leads no more, or is being stopped; its reason is a `RaftError` `RAFT_NOT_LEADER` or
   * `RAFT_SHUTTING_DOWN`. Another node may have been elected a moment before.
   */
  readonly signal: AbortSignal;
}

/** @publicApi */
export interface LeadershipHookOptions {
  /** Whose leadership. Default: the default group's. */
  readonly group?: GroupId;
}
