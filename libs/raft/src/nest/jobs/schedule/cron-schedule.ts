import { RaftError } from '../../../errors/raft-error';
import type { JobSchedule } from './job-schedule';
import { type OffsetChange, TimeZone } from './time-zone';

/** What is used of the package `cron`, in words of this library's own: its types may be absent, too. */
interface CronTime {
  getNextDateFrom(start: Date, timeZone: string): { toMillis(): number };
}

type CronTimeClass = new (expression: string, timeZone: string) => CronTime;

/** No due time lies between the two but `nextMs` itself. */
interface Gap {
  readonly fromMs: number;
  readonly nextMs: number;
}

/** A search asks about the same few gaps again and again, and each answer of `cron` costs some tenths of a millisecond. */
const GAPS = 4;

/** The longest time that a clock has been put back by is a day, where a zone crossed the date line. */
const LONGEST_REPEAT_MS = 25 * 3_600_000;
/** Each turn of the search passes a change of the offset, or a time that is repeated after one: there are a few in eight years. */
const MAX_TURNS = 1_000;

/**
 * The parser that `@nestjs/schedule` uses, so that an expression means the same to both. It is asked about a clock without
 * summer time; what the zone makes of it is worked out here, so that due times only ever go up:
 *
 * - A time that the clock skips is due when the skip ends, where the hour is given, and not at all where it is `*`.
 * - A time that the clock shows twice is due once, where the hour is given, and twice where it is `*`.
 */
export class CronSchedule implements JobSchedule {
  readonly label: string;
  private readonly time: CronTime;
  private readonly zone: TimeZone;
  private readonly isEveryHour: boolean;
  private gaps: readonly Gap[] = [];

  /**
   * @param where the method, for the sentence: `ReportService.daily`
   * @throws RaftError `RAFT_CONFIGURATION` the expression or the time zone can't be one, or `cron` isn't installed
   */
  constructor(where: string, expression: string, timeZone: string, load: () => CronTimeClass | undefined = loadCron) {
    this.label = `cron ${expression} (${timeZone})`;
    const Time = load();
    if (Time === undefined)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `${where} has @LeaderCron(), and the package cron, which reads cron expressions, is not installed: npm install cron. @LeaderInterval() does without it.`,
      );
    try {
      this.time = new Time(expression, 'UTC');
      this.zone = new TimeZone(timeZone);
      this.isEveryHour = isEveryHour(expression);
      this.next(0);
    } catch (error) {
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `@LeaderCron('${expression}') of ${where} can't be read in the time zone '${timeZone}': ${firstLine(error)}. Write five or six fields, as '30 3 * * *' (each day at 3:30) or '0 30 3 * * *', and a time zone such as 'Europe/Vienna'.`,
        { cause: error },
      );
    }
  }

  next(afterMs: number): number {
    const known = this.gaps.find(({ fromMs, nextMs }) => fromMs <= afterMs && afterMs < nextMs);
    if (known !== undefined) return known.nextMs;
    const nextMs = this.find(afterMs);
    this.gaps = [{ fromMs: afterMs, nextMs }, ...this.gaps.slice(0, GAPS - 1)];
    return nextMs;
  }

  /** Goes from one change of the zone's offset to the next: between two of them the wall clock goes like UTC. */
  private find(afterMs: number): number {
    const zone = this.zone;
    let change = zone.firstChange(afterMs - LONGEST_REPEAT_MS, afterMs);
    let offsetMs = change?.afterMs ?? zone.offsetMs(afterMs);
    let fromMs = afterMs;
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const wallMs = this.nextOnWall(fromMs + offsetMs);
      const dueMs = wallMs - offsetMs;
      const next = zone.firstChange(Math.max(fromMs, change?.atMs ?? fromMs), dueMs);
      if (next === undefined) {
        if (!this.isRepeated(dueMs, change)) return dueMs;
        fromMs = dueMs;
        continue;
      }
      if (!this.isEveryHour && wallMs < next.atMs + next.afterMs) return next.atMs;
      change = next;
      offsetMs = next.afterMs;
      // A due time at the very change counts.
      fromMs = next.atMs - 1;
    }
    throw new Error(`no due time was found after ${new Date(afterMs).toISOString()}`);
  }

  private nextOnWall(wallMs: number): number {
    return this.time.getNextDateFrom(new Date(wallMs), 'UTC').toMillis();
  }

  /** Whether the wall clock has shown this time before, and it was due then. */
  private isRepeated(dueMs: number, change: OffsetChange | undefined): boolean {
    if (this.isEveryHour || change === undefined) return false;
    return dueMs < change.atMs + (change.beforeMs - change.afterMs);
  }
}

/** Whether the field of the hours says `*`, alone or with a step, as in `@hourly`. */
function isEveryHour(expression: string): boolean {
  const fields = expression.trim().split(/\s+/);
  if (fields.length === 1) return /^@(secondly|minutely|hourly)$/i.test(expression.trim());
  return fields.at(-4)?.startsWith('*') ?? false;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.replace(/\.$/, '');
}

/**
 * A plain `require`, which a bundler follows, too. Only its absence is taken for absence: an installation that is broken says so.
 */
function loadCron(): CronTimeClass | undefined {
  try {
    // oxlint-disable-next-line typescript/no-require-imports
    return (require('cron') as { readonly CronTime: CronTimeClass }).CronTime;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND' && message.startsWith("Cannot find module 'cron'")) return undefined;
    throw error;
  }
}
