import type { RunnerParts } from './runner-parts';
import type { Leadership } from '../leadership/leadership.interface';
import { WakeUp } from '../primitives/shared/wake-up';
import type { JobAsk } from './machine/job.machine';
import type { Claim, JobRecord } from './machine/job-record';
import { dueRuns, type Skipped } from './schedule/due-runs';
import { JobRun } from './job-run';
import type { LeaderJob } from './leader-job';
import type { LeadershipScope } from './leadership-scope';

/** What is waited for at most: the wall clock may be set meanwhile. */
const LONGEST_MS = 60_000;
const RETRY_MS = 500;
/** So far a decided time is ahead of this node's clock where one of the cluster's clocks is wrong. */
const ASTRAY_MS = 60_000;

/** Runs one job while this node leads: one run after the other, each once it is claimed. */
export class JobRunner {
  /** One, but where a claim of an earlier leadership was answered late: its run ends without having begun. */
  private readonly current = new Set<JobRun>();
  private wakeUp: WakeUp | undefined;
  private busyUntilMs = -Infinity;

  constructor(
    private readonly job: LeaderJob,
    private readonly parts: RunnerParts,
  ) {}

  get name(): string {
    return this.job.name;
  }

  /** Resolves when the leadership has ended, and what it began too. */
  async serve(scope: LeadershipScope): Promise<void> {
    const { signal } = scope.leadership;
    const wakeUp = new WakeUp(this.parts.scheduler);
    this.wakeUp = wakeUp;
    signal.addEventListener('abort', () => wakeUp.wake(), { once: true });
    while (!signal.aborted) {
      const waitMs = await this.attempt(scope);
      if (!signal.aborted && waitMs > 0) await wakeUp.wait(waitMs);
    }
  }

  wake(): void {
    this.wakeUp?.wake();
  }

  /** Resolves when what goes on has ended and is recorded. */
  async ended(): Promise<void> {
    await Promise.all([...this.current].map(({ recorded }) => recorded));
  }

  /** @returns in how many milliseconds there is something to do again */
  private async attempt(scope: LeadershipScope): Promise<number> {
    try {
      return await this.step(scope);
    } catch (error) {
      scope.warn(error, `The job ${this.name} could not be looked after`);
      return RETRY_MS;
    }
  }

  private async step(scope: LeadershipScope): Promise<number> {
    // A run of a leadership before, which has not returned yet: its end wakes.
    if (this.current.size > 0) return LONGEST_MS;
    const { caller } = this.parts;
    const { name } = this.job;
    const state = await caller.$stale().stateOf(name);
    if (state === null) return RETRY_MS;
    if (state.running !== null) return this.resolve(state.running, scope);
    const waiting = state.waiting[0];
    if (waiting !== undefined) return this.claim(scope, waiting.scheduledMs, []);
    if (state.paused) return LONGEST_MS;
    return this.runDue(state, scope);
  }

  /** What is claimed, and isn't run by this process as far as it knows. */
  private async resolve(running: Claim, scope: LeadershipScope): Promise<number> {
    const { leadership, sinceMs } = scope;
    const { nodeId, term } = leadership;
    const isOwn = running.node === nodeId;
    if (isOwn && running.term === term) {
      // The answer to its claim was lost: nobody has begun it, for nobody else leads in this term.
      await this.run(running, leadership);
      return 0;
    }
    // An earlier life of this node can't go on; another node may need a moment to see that it leads no more.
    const leftMs = isOwn ? 0 : sinceMs + this.job.gracePeriodMs - this.parts.scheduler.nowMs();
    if (leftMs > 0) return leftMs;
    await this.parts.caller.takeOver({ ...this.ask(scope), token: running.token });
    return 0;
  }

  private async runDue({ decidedMs }: Pick<JobRecord, 'decidedMs'>, scope: LeadershipScope): Promise<number> {
    const { schedule, policy } = this.job;
    const nowMs = this.parts.scheduler.wallMs();
    this.warnOfClocks(decidedMs - nowMs, scope);
    const { runMs, skipped } = dueRuns(schedule, policy, { decidedMs, nowMs, busyUntilMs: this.busyUntilMs });
    if (runMs !== null) return this.claim(scope, runMs, skipped);
    if (skipped.length > 0) {
      await this.parts.caller.skip({ ...this.ask(scope), skipped });
      return 0;
    }
    const nextMs = schedule.next(Math.max(nowMs, decidedMs));
    return nextMs === null ? LONGEST_MS : Math.min(LONGEST_MS, Math.max(1, nextMs - nowMs));
  }

  private async claim(scope: LeadershipScope, scheduledMs: number, skipped: readonly Skipped[]): Promise<number> {
    const { leadership } = scope;
    const { atLeastOnce } = this.job;
    const node = leadership.nodeId;
    const claim = await this.parts.caller.claim({ ...this.ask(scope), node, scheduledMs, atLeastOnce, skipped });
    // What stands against it is in the state now.
    if (claim === null) return 1;
    await this.run(claim, leadership);
    return 0;
  }

  private ask({ leadership }: LeadershipScope): JobAsk {
    return { name: this.name, term: leadership.term, nowMs: this.parts.scheduler.wallMs() };
  }

  private warnOfClocks(aheadMs: number, scope: LeadershipScope): void {
    if (aheadMs <= ASTRAY_MS) return;
    scope.warnOnce(
      `clocks of ${this.name}`,
      `The job ${this.name} has run up to a due time that is ${Math.round(aheadMs / 1_000)} s ahead of the clock of the node ${scope.leadership.nodeId}. One of the clocks is wrong, and the job waits until then. Set the clocks right, then call pause('${this.name}') and resume() of RaftJobsService to continue from now.`,
    );
  }

  private async run(claim: Claim, { signal }: Leadership): Promise<void> {
    const run = new JobRun(this.job, claim, signal, this.parts);
    this.current.add(run);
    await run.recorded;
    this.current.delete(run);
    this.busyUntilMs = this.parts.scheduler.wallMs();
    // Another leadership of this node may be waiting for the end.
    this.wake();
  }
}
