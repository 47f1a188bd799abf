import type { GroupId } from '../../core/base/types';

/** @publicApi */
export interface LinearizableReadOptions {
  /** Whose state. Default: the default group's. */
  readonly group?: GroupId;
  /** How long the leader's confirmation may take. Default: `requestTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** @publicApi */
export interface StaleReadOptions {
  /** Whose state. Default: the default group's. */
  readonly group?: GroupId;
  /** How old this node's state may be at most, in milliseconds. Default: any age. */
  readonly maxLagMs?: number;
}
