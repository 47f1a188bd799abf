import type { Skipped, SkipReason } from '../schedule/due-runs';
import type { LeaderRunTrigger, RaftJobRun } from '../schedule/leader-job.interface';

/** How many runs of a job are kept. */
export const HISTORY_LENGTH = 100;
export const MAX_ERROR_LENGTH = 1_000;

export interface WaitingRun {
  readonly scheduledMs: number;
  readonly attempt: number;
  readonly trigger: LeaderRunTrigger;
}

/** A run that was claimed and has not ended. */
export interface Claim extends WaitingRun {
  /** The index of the claim. */
  readonly token: number;
  readonly node: string;
  /** The term in which `node` led. */
  readonly term: number;
  readonly atLeastOnce: boolean;
}

/**
 * A run of the history, as it is kept and answered: these names never change, and {@link runOf} makes the public one of it. Times
 * are those of the leader's wall clock, in milliseconds.
 */
export interface RunRecord {
  readonly scheduledMs: number;
  readonly trigger: LeaderRunTrigger;
  readonly attempt: number;
  readonly outcome: 'running' | 'completed' | 'failed' | 'aborted' | 'lost' | 'skipped';
  readonly token: number | null;
  readonly node: string | null;
  readonly atMs: number;
  readonly durationMs: number | null;
  readonly error: string | null;
  readonly reason: SkipReason | null;
  readonly count: number;
}

/** @returns the run as applications see it */
export function runOf(record: RunRecord): RaftJobRun {
  const { scheduledMs, trigger, attempt, outcome, token, node, atMs, durationMs, error, reason, count } = record;
  return {
    scheduledAt: new Date(scheduledMs),
    trigger,
    attempt,
    outcome,
    token,
    node,
    at: new Date(atMs),
    durationMs,
    error,
    reason,
    count,
  };
}

export interface JobRecord {
  readonly name: string;
  readonly schedule: string;
  /** What becomes of each due time up to this one is decided. It goes back only where somebody mends what a wrong clock did. */
  readonly decidedMs: number;
  readonly paused: boolean;
  readonly running: Claim | null;
  /** Runs beside the schedule: those that were asked for, and those that a lost leader left. */
  readonly waiting: readonly WaitingRun[];
  /** The oldest first. */
  readonly runs: readonly RunRecord[];
}

/** Told where the leader has something to do before the next due time. */
export interface JobWakeEvent {
  readonly type: 'wake';
  readonly job: string;
}

/** @returns the history with one more, without what is too much */
export function withRun(runs: readonly RunRecord[], run: RunRecord): readonly RunRecord[] {
  return [...runs.slice(runs.length < HISTORY_LENGTH ? 0 : runs.length - HISTORY_LENGTH + 1), run];
}

export function skippedRun({ reason, firstMs, count }: Skipped, atMs: number): RunRecord {
  return {
    scheduledMs: firstMs,
    trigger: 'schedule',
    attempt: 1,
    outcome: 'skipped',
    token: null,
    node: null,
    atMs,
    durationMs: null,
    error: null,
    reason,
    count,
  };
}

export function claimedRun({ scheduledMs, trigger, attempt, token, node }: Claim, atMs: number): RunRecord {
  return {
    scheduledMs,
    trigger,
    attempt,
    outcome: 'running',
    token,
    node,
    atMs,
    durationMs: null,
    error: null,
    reason: null,
    count: 1,
  };
}
