import type { CommandContext, QueryContext } from '../../../state-machine/declare/command-context';
import type { SnapshotSource } from '../../../state-machine/contract';
import {
  RaftCommand,
  RaftQuery,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
} from '../../../state-machine/declare/decorators';
import { RaftRejection } from '../../../state-machine/declare/raft-rejection';
import { SnapshotMap } from '../../../state-machine/snapshot/snapshot-map';
import {
  type Claim,
  claimedRun,
  type JobRecord,
  type JobWakeEvent,
  MAX_ERROR_LENGTH,
  type RunRecord,
  skippedRun,
  withRun,
} from './job-record';
import type { Skipped } from '../schedule/due-runs';

/** What the leader of `term` asks of a job. */
export interface JobAsk {
  readonly name: string;
  readonly term: number;
  /** Its wall clock, in milliseconds. Due times are those of clocks on the wall, which the cluster's time may be far from. */
  readonly nowMs: number;
}

export interface ClaimAsk extends JobAsk {
  readonly node: string;
  readonly scheduledMs: number;
  readonly atLeastOnce: boolean;
  /** What is skipped on the way to `scheduledMs`. */
  readonly skipped: readonly Skipped[];
}

export interface RunEnd {
  readonly outcome: 'completed' | 'failed' | 'aborted';
  readonly durationMs: number;
  readonly error: string | null;
}

/** So far no two clocks of a cluster differ that are right. */
const ASTRAY_MS = 3_600_000;

/**
 * The jobs of a group, each by its name: who has claimed which run. A scheduled time is claimed by one leader, once: claims
 * come from the leader of the term that the log has them in, and a job's scheduled times only go forward. One run of a job
 * is claimed at a time.
 */
@RaftStateMachine('raft.jobs')
export class JobMachine {
  private readonly jobs = new SnapshotMap<string, JobRecord>();

  /** Said by each leader of what its build has. A job is due from its first announcement on. */
  @RaftCommand()
  announce(
    context: CommandContext,
    { term, nowMs }: Omit<JobAsk, 'name'>,
    jobs: readonly { readonly name: string; readonly schedule: string }[],
  ): void {
    checkTerm(context, term);
    for (const { name, schedule } of jobs) {
      const job = this.jobs.get(name);
      if (job === undefined) {
        const fresh = { decidedMs: nowMs, paused: false, running: null, waiting: [], runs: [] };
        this.jobs.set(name, { name, schedule, ...fresh });
      } else if (job.schedule !== schedule)
        // What the new schedule would have had before now was never missed.
        this.jobs.set(name, { ...job, schedule, decidedMs: Math.max(job.decidedMs, nowMs) });
    }
  }

  /** @returns null where it may not be run: another run goes on, it is decided already, or the job is paused */
  @RaftCommand()
  claim(context: CommandContext, ask: ClaimAsk): Claim | null {
    checkTerm(context, ask.term);
    const job = this.jobOf(ask.name);
    if (job.running !== null) return null;
    const { node, term, atLeastOnce, scheduledMs, nowMs } = ask;
    const own = { token: context.index, node, term, atLeastOnce };
    const [waiting, ...others] = job.waiting;
    if (waiting?.scheduledMs === scheduledMs) {
      const claim = { ...waiting, ...own };
      this.jobs.set(job.name, { ...claimed(job, claim, nowMs), waiting: others });
      return claim;
    }
    if (job.paused || scheduledMs <= job.decidedMs) return null;
    const claim: Claim = { scheduledMs, attempt: 1, trigger: 'schedule', ...own };
    const skipped = skipping(job, ask.skipped, nowMs);
    this.jobs.set(job.name, { ...claimed(skipped, claim, nowMs), decidedMs: scheduledMs });
    return claim;
  }

  /** Due times that are not run. */
  @RaftCommand()
  skip(context: CommandContext, ask: JobAsk & { readonly skipped: readonly Skipped[] }): void {
    checkTerm(context, ask.term);
    const job = this.jobOf(ask.name);
    this.jobs.set(job.name, skipping(job, ask.skipped, ask.nowMs));
  }

  /** Ends a run that the leader of an earlier term has left. @returns whether it was so */
  @RaftCommand()
  takeOver(context: CommandContext, ask: JobAsk & { readonly token: number }): boolean {
    checkTerm(context, ask.term);
    const job = this.jobOf(ask.name);
    const { running } = job;
    if (running === null || running.token !== ask.token || running.term >= ask.term) return false;
    this.end(job, running, { outcome: 'lost', durationMs: null, error: null });
    return true;
  }

  /**
   * Said by the node that ran it, leader or not. What comes behind a take-over is the better knowledge of how it ended, and changes
   * nothing else.
   *
   * @returns whether the run was still claimed under that token
   */
  @RaftCommand()
  finish(context: CommandContext, name: string, token: number, end: RunEnd): boolean {
    const job = this.jobOf(name);
    const ended = { ...end, error: end.error?.slice(0, MAX_ERROR_LENGTH) ?? null };
    const { running } = job;
    if (running?.token !== token) {
      this.jobs.set(name, { ...job, runs: withEnd(job.runs, token, ended) });
      return false;
    }
    this.end(job, running, ended);
    this.wake(context, name);
    return true;
  }

  /** Has it run once beside its schedule, as soon as no other run goes on. @returns the time that the run is known by */
  @RaftCommand()
  request(context: CommandContext, name: string, nowMs: number): number {
    const job = this.jobOf(name);
    const asked = job.waiting.find(({ trigger }) => trigger === 'manual');
    if (asked !== undefined) return asked.scheduledMs;
    const run = { scheduledMs: nowMs, attempt: 1, trigger: 'manual' } as const;
    this.jobs.set(name, { ...job, waiting: [...job.waiting, run] });
    this.wake(context, name);
    return run.scheduledMs;
  }

  @RaftCommand()
  pause(context: CommandContext, name: string): void {
    const job = this.jobOf(name);
    this.jobs.set(name, { ...job, paused: true });
    this.wake(context, name);
  }

  /** What was due during the pause isn't missed: nobody wanted it. */
  @RaftCommand()
  resume(context: CommandContext, name: string, nowMs: number): void {
    const job = this.jobOf(name);
    if (!job.paused) return;
    // A clock was wrong, and somebody has looked: else the job would wait until the others get there.
    const isAstray = job.decidedMs - nowMs > ASTRAY_MS;
    this.jobs.set(name, { ...job, paused: false, decidedMs: isAstray ? nowMs : Math.max(job.decidedMs, nowMs) });
    this.wake(context, name);
  }

  /** What the leader goes by. */
  @RaftQuery()
  stateOf(_context: QueryContext, name: string): Omit<JobRecord, 'runs'> | null {
    const job = this.jobs.get(name);
    if (job === undefined) return null;
    const { schedule, decidedMs, paused, running, waiting } = job;
    return { name, schedule, decidedMs, paused, running, waiting };
  }

  /** @returns the newest first */
  @RaftQuery()
  history(_context: QueryContext, name: string, limit: number): readonly RunRecord[] {
    return this.jobOf(name).runs.slice(-limit).toReversed();
  }

  /** @returns every job with the record of what goes on and of what was last, by name */
  @RaftQuery()
  list(_context: QueryContext): readonly JobRecord[] {
    return [...this.jobs]
      .map(([, job]) => {
        const running = job.runs.findLast(({ outcome }) => outcome === 'running');
        const last = job.runs.findLast(({ outcome }) => outcome !== 'running');
        return { ...job, runs: [last, running].filter((run) => run !== undefined) };
      })
      .toSorted((left, right) => (left.name < right.name ? -1 : 1));
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.jobs.capture();
  }

  @RaftRestore()
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.jobs.restore(chunks);
  }

  private end(job: JobRecord, { token, atLeastOnce, ...run }: Claim, end: Ending): void {
    const { scheduledMs, attempt, trigger } = run;
    const isLeft = end.outcome === 'lost' || end.outcome === 'aborted';
    const again = atLeastOnce && isLeft ? [{ scheduledMs, attempt: attempt + 1, trigger }] : [];
    this.jobs.set(job.name, {
      ...job,
      running: null,
      waiting: [...again, ...job.waiting],
      runs: withEnd(job.runs, token, end),
    });
  }

  private jobOf(name: string): JobRecord {
    const job = this.jobs.get(name);
    if (job === undefined) throw new RaftRejection('UNKNOWN_JOB', { name });
    return job;
  }

  private wake(context: CommandContext, job: string): void {
    context.emit({ type: 'wake', job } satisfies JobWakeEvent);
  }
}

interface Ending {
  readonly outcome: RunEnd['outcome'] | 'lost';
  readonly durationMs: number | null;
  readonly error: string | null;
}

/** What a leader decided and the next one's log has is void: that one decides by itself. */
function checkTerm(context: CommandContext, term: number): void {
  if (context.term !== term) throw new RaftRejection('NOT_LEADING', { term: context.term });
}

function claimed(job: JobRecord, claim: Claim, nowMs: number): JobRecord {
  return { ...job, running: claim, runs: withRun(job.runs, claimedRun(claim, nowMs)) };
}

function skipping(job: JobRecord, skipped: readonly Skipped[], nowMs: number): JobRecord {
  let { decidedMs, runs } = job;
  for (const each of skipped) {
    if (each.firstMs <= decidedMs) continue;
    decidedMs = each.lastMs;
    runs = withRun(runs, skippedRun(each, nowMs));
  }
  return { ...job, decidedMs, runs };
}

function withEnd(runs: readonly RunRecord[], token: number, end: Ending): readonly RunRecord[] {
  return runs.map((run) =>
    run.token === token && (run.outcome === 'running' || run.outcome === 'lost') ? { ...run, ...end } : run,
  );
}
