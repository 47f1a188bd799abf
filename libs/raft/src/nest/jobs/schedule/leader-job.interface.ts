import type { GroupId } from '../../../core/base/types';

/** What started a run: its schedule, or `RaftJobsService.runNow()`. @publicApi */
export type LeaderRunTrigger = 'schedule' | 'manual';

/**
 * One run of a leader job: what methods with `@LeaderCron()` and `@LeaderInterval()` get.
 *
 * @publicApi
 */
export interface LeaderRun {
  /** The job's name. */
  readonly name: string;
  /** The time that the run was due at; of a manual run, when it was asked for. */
  readonly scheduledAt: Date;
  /**
   * The fencing token: the index of the claim in the log, a safe integer that is greater than that of every run of the group
   * before. A store that refuses a token below the greatest that it has seen is safe from a run that was replaced and goes on.
   */
  readonly token: number;
  /** 1; with `atLeastOnce`, one more each time that a leader was lost during the run. */
  readonly attempt: number;
  readonly trigger: LeaderRunTrigger;
  /**
   * Fires when this node learns that it leads no more, or is being stopped; its reason is a `RaftError` `RAFT_NOT_LEADER` or
   * `RAFT_SHUTTING_DOWN`. Let the method return then.
   */
  readonly signal: AbortSignal;
}

/** Options of `@LeaderInterval()`, and of `@LeaderCron()`. @publicApi */
export interface LeaderJobOptions {
  /**
   * What the job is called in the log, the same on every node and in every release: what was run is known by it. 1 to 1,024
   * characters, unique in the group. Default `ClassName.methodName`, so that renaming either begins a new job.
   */
  readonly name?: string;
  /**
   * What becomes of due times that nobody ran, for instance while there was no leader. `none`: they are skipped, but for the
   * latest where it is at most a minute late, so that a change of leaders costs no run of a daily job. `last`: the latest is
   * run, however late. `all`: each is run, one after the other, those that came due during a run too. Default `none`.
   */
  readonly catchUp?: 'none' | 'last' | 'all';
  /** A run that would begin later than this after its due time is skipped, in milliseconds; one that is repeated isn't. Default: none
   * is. */
  readonly skipIfOlderThanMs?: number;
  /**
   * What becomes of a run whose leader was lost before it ended. `atMostOnce`: it is recorded as lost, and not run again.
   * `atLeastOnce`: the next leader runs it again, under a new token. Default `atMostOnce`.
   */
  readonly delivery?: 'atMostOnce' | 'atLeastOnce';
  /**
   * How long a new leader leaves a run that it finds claimed to the node that claimed it, in milliseconds: the time that the
   * method has to return once its signal has fired. Default 1,000.
   */
  readonly gracePeriodMs?: number;
  /** The group whose leader runs it. Default: the default group. */
  readonly group?: GroupId;
}

/** Options of `@LeaderCron()`. @publicApi */
export interface LeaderCronOptions extends LeaderJobOptions {
  /** The time zone of the expression: `Europe/Vienna`. Default: UTC, which is the same on every node. */
  readonly timeZone?: string;
}

/** A run, as the log has it. @publicApi */
export interface RaftJobRun {
  readonly scheduledAt: Date;
  readonly trigger: LeaderRunTrigger;
  /** 1; with `atLeastOnce`, one more each time that a leader was lost during the run. */
  readonly attempt: number;
  /**
   * `running`: claimed, and not ended as far as is known. `completed`. `failed`: the method threw. `aborted`: it ended after
   * its signal had fired. `lost`: its leader was lost, and nothing is known of its end. `skipped`: it was not run.
   */
  readonly outcome: 'running' | 'completed' | 'failed' | 'aborted' | 'lost' | 'skipped';
  /** The fencing token of the run; null where it was skipped. */
  readonly token: number | null;
  /** The node that claimed it; null where it was skipped. */
  readonly node: string | null;
  /** When it was claimed, or skipped, by the leader's clock. */
  readonly at: Date;
  /** How long it took, in milliseconds; null where nothing is known of its end. */
  readonly durationMs: number | null;
  /** What it threw, up to 1,000 characters; null where it threw nothing. */
  readonly error: string | null;
  /**
   * Why it was skipped. `overlap`: another run of the job went on. `missed`: a later one was due already. `late`: it was older
   * than `skipIfOlderThanMs`, or than `catchUp` has it. Null where it was not skipped.
   */
  readonly reason: 'overlap' | 'missed' | 'late' | null;
  /** How many due times the record stands for, counted up to 100: more than 1 only where they were skipped together. */
  readonly count: number;
}

/** A job, as the log has it. @publicApi */
export interface RaftJob {
  readonly name: string;
  /** The schedule, as the last leader announced it: `cron 0 30 3 * * * (UTC)`. */
  readonly schedule: string;
  readonly paused: boolean;
  /** The run that goes on; null where none does. */
  readonly running: RaftJobRun | null;
  /** The latest run that has ended or was skipped; null before the first. */
  readonly last: RaftJobRun | null;
  /** When it is due next; null where it is paused, or this node's build has no job of that name. */
  readonly nextAt: Date | null;
}
