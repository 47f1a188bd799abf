import { isRaftError } from '../../errors/raft-error';
import { isPassing } from '../primitives/shared/retryable';
import type { RunEnd } from './machine/job.machine';
import type { Claim } from './machine/job-record';
import type { RunnerParts } from './runner-parts';
import type { LeaderJob } from './leader-job';

const RETRY_MS = 500;

/** One run that is claimed: the call of the method, and the record of its end. */
export class JobRun {
  /** Resolves when the end is in the log, or can no longer be brought there. */
  readonly recorded: Promise<void>;

  constructor(
    private readonly job: LeaderJob,
    private readonly claim: Claim,
    private readonly signal: AbortSignal,
    private readonly parts: RunnerParts,
  ) {
    this.recorded = this.run();
  }

  private async run(): Promise<void> {
    await this.record(await this.call());
  }

  private async call(): Promise<RunEnd> {
    const { job, claim, signal, parts } = this;
    const { token, attempt, trigger, scheduledMs } = claim;
    const beganMs = parts.scheduler.nowMs();
    let error: string | null = null;
    try {
      // The leadership may have ended while it was claimed: the next leader has begun, or will.
      signal.throwIfAborted();
      await job.call(
        Object.freeze({ name: job.name, scheduledAt: new Date(scheduledMs), token, attempt, trigger, signal }),
      );
    } catch (thrown) {
      if (!this.isOwnAbort(thrown)) {
        error = String(thrown);
        const stack = thrown instanceof Error ? thrown.stack : undefined;
        parts.logger.error(
          `The job ${job.name} (${job.where}) failed, due ${new Date(scheduledMs).toISOString()}: ${error}`,
          stack,
        );
      }
    }
    const durationMs = Math.round(parts.scheduler.nowMs() - beganMs);
    if (signal.aborted) return { outcome: 'aborted', durationMs, error };
    return { outcome: error === null ? 'completed' : 'failed', durationMs, error };
  }

  /** What throws the signal's reason, as `signal.throwIfAborted()` and those that take a signal do, has ended as it should. */
  private isOwnAbort(thrown: unknown): boolean {
    const { signal } = this;
    return signal.aborted && (thrown === signal.reason || (thrown instanceof Error && thrown.name === 'AbortError'));
  }

  /** By whichever leader there is then: the token says which run it was. */
  private async record(end: RunEnd): Promise<void> {
    const { caller, scheduler, logger } = this.parts;
    for (;;)
      try {
        await caller.finish(this.job.name, this.claim.token, end);
        return;
      } catch (error) {
        if (!isPassing(error)) {
          if (!isRaftError(error) || error.code !== 'RAFT_SHUTTING_DOWN')
            logger.warn(`The end of a run of the job ${this.job.name} could not be recorded: ${String(error)}`);
          return;
        }
        await new Promise<void>((resolve) => {
          scheduler.setTimer(RETRY_MS, resolve);
        });
      }
  }
}
