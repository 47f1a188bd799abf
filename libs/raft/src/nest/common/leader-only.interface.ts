import type { GroupId } from '../../core/base/types';

/**
 * What a node that doesn't lead does with a call:
 * - `reject`: 503 with `Retry-After` and the leader's name and addresses;
 * - `redirect`: `Location` is the same path on the leader;
 * - `forward`: the call is sent on to the leader, and its answer comes back from here;
 * - `skip`: the method isn't called, and nobody is told. It is for what every node gets and nobody waits for: `@OnEvent()`, events
 *   that are broadcast to all nodes, methods that are called on each. Where an answer is owed, the start refuses it.
 *
 * @publicApi
 */
export type OnFollower = 'reject' | 'redirect' | 'forward' | 'skip';

/** @publicApi */
export interface LeaderOnlyPolicy {
  /** Default `reject`. */
  readonly onFollower?: OnFollower;
  /** With `redirect`. Default 307, which keeps method and body. */
  readonly status?: 302 | 307 | 308;
}

/** @publicApi */
export interface LeaderOnlyOptions extends LeaderOnlyPolicy {
  /** Whose leader. Default: the default group's. */
  readonly group?: GroupId;
}

export const ON_FOLLOWER: readonly OnFollower[] = ['reject', 'redirect', 'forward', 'skip'];
export const REDIRECT_STATUSES: readonly number[] = [302, 307, 308];
/** The metadata of a decorated method or class: its options. */
export const LEADER_ONLY = 'nestjs-raft:leader-only';
