import type { LeaderCronOptions } from '../schedule/leader-job.interface';
import { leaderJob, type LeaderJobDecorator } from './leader-job.metadata';

/**
 * Runs a method of a provider or a controller when a cron expression says so, once for the whole cluster: on the node that
 * leads. Each run is claimed in the log before it begins, and its end is recorded there: no scheduled time is run by two
 * leaders, whatever their clocks say, and no run of a job begins while another of it goes on.
 *
 * Due times are those of the leader's wall clock, so keep the nodes' clocks right (NTP). The expression is read by the package `cron`, as `@nestjs/schedule` reads it; it
 * must be installed. What the method throws is logged and recorded, and is no reason to run it again.
 *
 * A process that was paused, or that ignores its `signal`, may go on while the next leader runs the job: what guards a side
 * effect is the run's `token`.
 *
 * @param expression five fields, or six with seconds
 * @param options default: one run at most, what was missed is skipped, UTC; times in milliseconds
 * @throws RaftError `RAFT_CONFIGURATION` an option can't be one; when the application starts: the expression or the time zone
 *   can't be read, `cron` isn't installed, or two jobs have one name
 * @example
 * ```ts
 * @LeaderCron('30 3 * * *', { name: 'daily-report', timeZone: 'Europe/Vienna' })
 * async report({ scheduledAt, token, signal }: LeaderRun): Promise<void> {
 *   const report = await this.render(scheduledAt, { signal });
 *   await this.reports.save(report, token);
 * }
 * ```
 * @publicApi
 */
export function LeaderCron(expression: string, options: LeaderCronOptions = {}): LeaderJobDecorator {
  const { timeZone = 'UTC', ...others } = options;
  return leaderJob(`@LeaderCron('${expression}')`, { kind: 'cron', expression, timeZone }, others);
}
