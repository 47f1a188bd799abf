import type { LeaderRun } from './schedule/leader-job.interface';
import type { JobDefinition } from './decorators/leader-job.metadata';
import type { JobSchedule } from './schedule/job-schedule';

/** A job of this build. */
export interface LeaderJob extends Omit<JobDefinition, 'group' | 'timing'> {
  /** The method: `ReportService.daily`. */
  readonly where: string;
  readonly schedule: JobSchedule;
  call(run: LeaderRun): unknown;
}
