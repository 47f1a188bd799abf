import type { LeadershipHookOptions } from './leadership.interface';
import { leadershipHook, LOST, type LeadershipHookDecorator } from './leadership-hook.metadata';

/**
 * Calls a method of a provider or a controller each time a leadership of this node has ended: because another node was elected,
 * because it can no longer reach a majority, or because it is being stopped.
 *
 * The leadership's `signal` fires at once. The method is called when the provider's own `@OnLeadershipAcquired()` methods have
 * returned, or half of `shutdownTimeoutMs` later where they haven't. The next leadership isn't given to this provider before
 * all of them have returned. What it throws is logged.
 *
 * @param options `group`, where it isn't the default one
 * @throws RaftError `RAFT_CONFIGURATION` where the group's name can't be one
 * @publicApi
 */
export function OnLeadershipLost(options: LeadershipHookOptions = {}): LeadershipHookDecorator {
  return leadershipHook(LOST, options);
}
