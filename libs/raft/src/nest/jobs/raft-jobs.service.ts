import { Injectable } from '@nestjs/common';
import { isRaftError } from '../../errors/raft-error';
import type { Scheduler } from '../../runtime/base/scheduler';
import type { Replicated } from '../../state-machine/calls/replicated';
import { checkedCount, checkedKey } from '../primitives/shared/checked';
import { type RaftReadOptions, readsOf } from '../primitives/shared/read-options';
import { refusing, type Refusals } from '../primitives/shared/refusals';
import type { JobMachine } from './machine/job.machine';
import { HISTORY_LENGTH, type JobRecord, runOf } from './machine/job-record';
import type { JobSchedule } from './schedule/job-schedule';
import type { RaftJob, RaftJobRun } from './schedule/leader-job.interface';

/** Options of {@link RaftJobsService.history}. @publicApi */
export interface RaftJobHistoryOptions extends RaftReadOptions {
  /** How many runs at most, 1 to 100. Default 100. */
  readonly limit?: number;
}

const ASK_AGAIN_MS = 50;

const REFUSALS: Refusals = {
  UNKNOWN_JOB: [
    'RAFT_REJECTED',
    (details) =>
      `No leader has announced a job with the name '${(details as { readonly name: string }).name}'. Nothing was done. RaftJobsService.list() has the names; a new build's jobs are there once one of its nodes has led.`,
  ],
};

/**
 * The leader jobs of a group, as the log has them: what was run, by whom, and how it ended. It can be asked on any node. Inject it
 * by its class, or with `@InjectRaftJobs('group')`; the root module provides it.
 *
 * @publicApi
 */
@Injectable()
export class RaftJobsService {
  constructor(
    private readonly caller: Replicated<JobMachine>,
    private readonly scheduleOf: (name: string) => JobSchedule | undefined,
    private readonly scheduler: Pick<Scheduler, 'wallMs' | 'nowMs' | 'setTimer'>,
    private readonly announcedWithinMs: number,
  ) {}

  /**
   * Every job that any leader has announced so far, by name; linearizable unless the options say otherwise.
   *
   * @throws RaftError
   */
  async list(options: RaftReadOptions = {}): Promise<readonly RaftJob[]> {
    const records = await readsOf(this.caller, options).list();
    return records.map((record) => this.jobOf(record));
  }

  /**
   * The last 100 runs of a job, skipped ones included, the newest first; linearizable unless the options say otherwise.
   *
   * @throws RaftError `RAFT_REJECTED` with the reason `UNKNOWN_JOB`
   * @example
   * ```ts
   * const failed = (await this.jobs.history('daily-report')).filter(({ outcome }) => outcome !== 'completed');
   * ```
   */
  async history(name: string, options: RaftJobHistoryOptions = {}): Promise<readonly RaftJobRun[]> {
    const { limit = HISTORY_LENGTH, ...reads } = options;
    checkedCount(`limit of the history of '${name}'`, limit, 1, HISTORY_LENGTH);
    const runs = await this.onceAnnounced(name, (job) => readsOf(this.caller, reads).history(job, limit));
    return runs.map(runOf);
  }

  /**
   * Has a job run once beside its schedule, on the leader, as soon as no other run of it goes on; also while it is paused. Where
   * such a run waits already, it is that one.
   *
   * @returns when it was asked for: the `scheduledAt` of the run. It resolves before the run begins; {@link history} has its end
   * @throws RaftError `RAFT_REJECTED` with the reason `UNKNOWN_JOB`: for a job of this build, when no leader has announced it within
   *   `requestTimeoutMs`; each code of a command
   */
  async runNow(name: string): Promise<Date> {
    return new Date(await this.onceAnnounced(name, (job) => this.caller.request(job, this.scheduler.wallMs())));
  }

  /**
   * Has a job not run by its schedule until {@link resume}, under every leader. A run that goes on isn't ended.
   *
   * @throws RaftError `RAFT_REJECTED` with the reason `UNKNOWN_JOB`: for a job of this build, when no leader has announced it within
   *   `requestTimeoutMs`; each code of a command
   */
  async pause(name: string): Promise<void> {
    await this.onceAnnounced(name, (job) => this.caller.pause(job));
  }

  /**
   * Has a paused job run by its schedule again. What was due meanwhile isn't caught up.
   *
   * Where a leader with a wrong clock has run the job more than an hour ahead of this node's clock, it goes on from this node's
   * clock: due times in between may be run a second time.
   *
   * @throws RaftError `RAFT_REJECTED` with the reason `UNKNOWN_JOB`: for a job of this build, when no leader has announced it within
   *   `requestTimeoutMs`; each code of a command
   */
  async resume(name: string): Promise<void> {
    await this.onceAnnounced(name, (job) => this.caller.resume(job, this.scheduler.wallMs()));
  }

  /** A job of this build that no leader has announced is about to be: a leader does that before anything else. */
  private async onceAnnounced<T>(name: string, call: (job: string) => Promise<T>): Promise<T> {
    const { scheduler } = this;
    const job = checkedName(name);
    const isOfThisBuild = this.scheduleOf(job) !== undefined;
    const deadlineMs = scheduler.nowMs() + this.announcedWithinMs;
    for (;;) {
      try {
        return await refusing(REFUSALS, call(job));
      } catch (error) {
        if (!isOfThisBuild || !isUnknownJob(error) || scheduler.nowMs() >= deadlineMs) throw error;
      }
      await new Promise<void>((resolve) => void scheduler.setTimer(ASK_AGAIN_MS, resolve));
    }
  }

  private jobOf({ name, schedule, decidedMs, paused, runs }: JobRecord): RaftJob {
    const known = this.scheduleOf(name);
    const nextMs = paused || known?.label !== schedule ? null : known.next(decidedMs);
    const ended = runs.find(({ outcome }) => outcome !== 'running');
    const running = runs.find(({ outcome }) => outcome === 'running');
    return {
      name,
      schedule,
      paused,
      running: running === undefined ? null : runOf(running),
      last: ended === undefined ? null : runOf(ended),
      nextAt: nextMs === null ? null : new Date(nextMs),
    };
  }
}

function isUnknownJob(error: unknown): boolean {
  return isRaftError(error) && error.reason === 'UNKNOWN_JOB';
}

function checkedName(name: string): string {
  return checkedKey('The name of a job', name);
}
