import { checkedMs } from '../../primitives/shared/checked';
import type { LeaderJobOptions } from '../schedule/leader-job.interface';
import { leaderJob, type LeaderJobDecorator } from './leader-job.metadata';

/**
 * Runs a method of a provider or a controller at each multiple of an interval since 1970, once for the whole cluster. It is else as `@LeaderCron()`, and needs no package.
 *
 * @param intervalMs milliseconds, up to 24 days
 * @param options default: one run at most, what was missed is skipped; times in milliseconds
 * @throws RaftError `RAFT_CONFIGURATION` the interval or an option can't be one; when the application starts: two jobs have one
 *   name
 * @example
 * ```ts
 * @LeaderInterval(60_000, { name: 'expire-carts' })
 * async expire({ signal }: LeaderRun): Promise<void> {
 *   await this.carts.expire({ signal });
 * }
 * ```
 * @publicApi
 */
export function LeaderInterval(intervalMs: number, options: LeaderJobOptions = {}): LeaderJobDecorator {
  const what = `@LeaderInterval(${intervalMs})`;
  return leaderJob(
    what,
    { kind: 'interval', intervalMs: checkedMs(`The interval of ${what}`, intervalMs, 1) },
    options,
  );
}
