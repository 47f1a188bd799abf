import type { LeadershipHookOptions } from './leadership.interface';
import { ACQUIRED, leadershipHook, type LeadershipHookDecorator } from './leadership-hook.metadata';

/**
 * Calls a method of a provider or a controller each time this node has become leader and has committed an entry in its term:
 * from then on its state holds everything that any leader before it committed.
 *
 * The method gets the `Leadership`, and may run for as long as that lasts; it shall return soon after its `signal`
 * fires. Methods of one provider are called at the same time and never overlap those of another term: see
 * `@OnLeadershipLost()`. It is called once the node takes calls. What it throws is logged, and the method is called again as long as
 * the leadership lasts: after 500 ms, then after twice as long each time, up to 30 s. So what it does has to be harmless when it is
 * done again.
 *
 * @param options `group`, where it isn't the default one
 * @throws RaftError `RAFT_CONFIGURATION` where the group's name can't be one
 * @example
 * ```ts
 * @OnLeadershipAcquired()
 * async work({ token, signal }: Leadership): Promise<void> {
 *   while (!signal.aborted) {
 *     await this.sendNextMail(token);
 *   }
 * }
 * ```
 * @publicApi
 */
export function OnLeadershipAcquired(options: LeadershipHookOptions = {}): LeadershipHookDecorator {
  return leadershipHook(ACQUIRED, options);
}
