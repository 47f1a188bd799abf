import { Subscription, type Observable } from 'rxjs';
import type { RaftMachineEvent } from '../../state-machine/entries/machine-change';
import type { Leadership } from '../leadership/leadership.interface';
import type { JobWakeEvent } from './machine/job-record';
import { JobRunner } from './job-runner';
import type { RunnerParts } from './runner-parts';
import type { JobSchedule } from './schedule/job-schedule';
import type { LeaderJob } from './leader-job';
import { LeadershipScope } from './leadership-scope';

export interface LeaderJobsParts extends RunnerParts {
  readonly jobs: readonly LeaderJob[];
  /** What the machine tells on this node. */
  readonly events: Observable<RaftMachineEvent>;
  readonly leaderships: Observable<Leadership | null>;
}

const RETRY_MS = 500;

/** The jobs of one node's build: announced and run in each of its leaderships. */
export class LeaderJobs {
  private readonly runners: readonly JobRunner[];
  private readonly subscriptions = new Subscription();

  constructor(private readonly parts: LeaderJobsParts) {
    this.runners = parts.jobs.map((job) => new JobRunner(job, parts));
  }

  start(): void {
    // Who has none writes nothing.
    if (this.runners.length === 0) return;
    this.subscriptions.add(this.parts.events.subscribe((event) => this.onEvent(event)));
    this.subscriptions.add(
      this.parts.leaderships.subscribe((leadership) => {
        if (leadership !== null) void this.serve(leadership);
      }),
    );
  }

  /** Resolves when the runs of leaderships that have ended are recorded. */
  async finished(): Promise<void> {
    this.subscriptions.unsubscribe();
    await Promise.all(this.runners.map((runner) => runner.ended()));
  }

  scheduleOf(name: string): JobSchedule | undefined {
    return this.parts.jobs.find((job) => job.name === name)?.schedule;
  }

  private async serve(leadership: Leadership): Promise<void> {
    const scope = new LeadershipScope(leadership, this.parts.scheduler.nowMs(), this.parts.logger);
    await this.announce(scope);
    await Promise.all(this.runners.map((runner) => runner.serve(scope)));
  }

  /** Resolves when it has succeeded, or the leadership has ended. */
  private async announce(scope: LeadershipScope): Promise<void> {
    const { caller, scheduler, jobs } = this.parts;
    const { term, signal } = scope.leadership;
    const announced = jobs.map(({ name, schedule }) => ({ name, schedule: schedule.label }));
    while (!signal.aborted)
      try {
        await caller.announce({ term, nowMs: scheduler.wallMs() }, announced);
        return;
      } catch (error) {
        scope.warn(error, 'The jobs of this node could not be announced');
        await new Promise<void>((resolve) => void scheduler.setTimer(RETRY_MS, resolve));
      }
  }

  private onEvent(event: RaftMachineEvent): void {
    for (const runner of this.runners)
      if (event.kind === 'replaced' || isWakeOf(event.value, runner.name)) runner.wake();
  }
}

function isWakeOf(value: unknown, name: string): boolean {
  const { type, job } = (value ?? {}) as Partial<JobWakeEvent>;
  return type === 'wake' && job === name;
}
