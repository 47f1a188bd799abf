import type { JobSchedule } from './job-schedule';
import type { LeaderJobOptions } from './leader-job.interface';

/** How late the latest run may be where nothing is caught up: a change of leaders is no reason to leave it out. */
const GRACE_MS = 60_000;
const COUNT_LIMIT = 100;

export type CatchUp = NonNullable<LeaderJobOptions['catchUp']>;

export interface DuePolicy {
  readonly catchUp: CatchUp;
  /** Infinity: none is too old. */
  readonly skipIfOlderThanMs: number;
}

export interface DueState {
  readonly decidedMs: number;
  readonly nowMs: number;
  /** Until when a run of the job went on here; -Infinity where none did. */
  readonly busyUntilMs: number;
}

/** Why a due time is not run. The words are kept in the log: they never change. */
export type SkipReason = 'overlap' | 'missed' | 'late';

/** Due times that are not run, as one. It is kept in the log under these names. */
export interface Skipped {
  readonly reason: SkipReason;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
}

export interface DueRuns {
  /** The due time to run now; null where none is. */
  readonly runMs: number | null;
  /** What is not run, in order, all before `runMs`. */
  readonly skipped: readonly Skipped[];
}

/** What becomes of the due times that nothing was decided of yet. */
export function dueRuns(schedule: JobSchedule, policy: DuePolicy, state: DueState): DueRuns {
  return policy.catchUp === 'all' ? oneByOne(schedule, policy, state) : latest(schedule, policy, state);
}

function oneByOne(schedule: JobSchedule, policy: DuePolicy, { decidedMs, nowMs }: DueState): DueRuns {
  const lateMs = Math.max(decidedMs, nowMs - policy.skipIfOlderThanMs - 1);
  const first = schedule.next(lateMs);
  return {
    runMs: first !== null && first <= nowMs ? first : null,
    skipped: skippedIn(schedule, 'late', decidedMs, lateMs),
  };
}

function latest(schedule: JobSchedule, policy: DuePolicy, { decidedMs, nowMs, busyUntilMs }: DueState): DueRuns {
  const lastMs = latestDue(schedule, decidedMs, nowMs);
  if (lastMs === null) return { runMs: null, skipped: [] };
  const busyMs = Math.max(decidedMs, Math.min(busyUntilMs, nowMs));
  const overlapping = skippedIn(schedule, 'overlap', decidedMs, busyMs);
  if (lastMs <= busyMs) return { runMs: null, skipped: overlapping };
  const missed = skippedIn(schedule, 'missed', busyMs, lastMs - 1);
  const oldestMs = policy.catchUp === 'none' ? Math.min(policy.skipIfOlderThanMs, GRACE_MS) : policy.skipIfOlderThanMs;
  if (nowMs - lastMs <= oldestMs) return { runMs: lastMs, skipped: [...overlapping, ...missed] };
  return { runMs: null, skipped: [...overlapping, ...skippedIn(schedule, 'late', busyMs, lastMs)] };
}

/** @returns the last due time in (afterMs, throughMs]; a search by halves, however many lie between */
export function latestDue(schedule: JobSchedule, afterMs: number, throughMs: number): number | null {
  let found = schedule.next(afterMs);
  if (found === null || found > throughMs) return null;
  const second = schedule.next(found);
  if (second === null || second > throughMs) return found;
  // None lies in (endMs, throughMs].
  let endMs = throughMs;
  while (found < endMs) {
    const middleMs: number = found + Math.floor((endMs - found) / 2);
    const due = schedule.next(middleMs);
    if (due !== null && due <= throughMs) found = due;
    else endMs = middleMs;
  }
  return found;
}

function skippedIn(
  schedule: JobSchedule,
  reason: Skipped['reason'],
  afterMs: number,
  throughMs: number,
): readonly Skipped[] {
  if (throughMs <= afterMs) return [];
  const firstMs = schedule.next(afterMs);
  const lastMs = latestDue(schedule, afterMs, throughMs);
  if (firstMs === null || lastMs === null) return [];
  let count = 1;
  for (let at = firstMs; at < lastMs && count < COUNT_LIMIT; count++) at = schedule.next(at) ?? lastMs;
  return [{ reason, firstMs, lastMs, count }];
}
