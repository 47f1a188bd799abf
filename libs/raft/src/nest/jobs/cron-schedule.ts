import { createRequire } from 'node:module';
import { RaftError } from '../../core/raft-error';
import type { JobSchedule } from './job-schedule';

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

/** The parser that `@nestjs/schedule` uses, so that an expression means the same to both. */
export class CronSchedule implements JobSchedule {
  readonly label: string;
  private readonly time: CronTime;
  private gaps: readonly Gap[] = [];

  /**
   * @param where the method, for the sentence: `ReportService.daily`
   * @throws RaftError `RAFT_CONFIGURATION` the expression or the time zone can't be one, or `cron` isn't installed
   */
  constructor(
    where: string,
    expression: string,
    private readonly timeZone: string,
    load: () => CronTimeClass | undefined = loadCron,
  ) {
    this.label = `cron ${expression} (${timeZone})`;
    const Time = load();
    if (Time === undefined) {
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `${where} has @LeaderCron(), and the package cron, which reads cron expressions, is not installed: npm install cron. @LeaderInterval() does without it.`,
      );
    }
    try {
      this.time = new Time(expression, timeZone);
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
    const nextMs = this.time.getNextDateFrom(new Date(afterMs), this.timeZone).toMillis();
    this.gaps = [{ fromMs: afterMs, nextMs }, ...this.gaps.slice(0, GAPS - 1)];
    return nextMs;
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.replace(/\.$/, '');
}

/** Only its absence is taken for absence: an installation that is broken says so. */
function loadCron(): CronTimeClass | undefined {
  const require = createRequire(__filename);
  try {
    require.resolve('cron');
  } catch {
    return undefined;
  }
  return (require('cron') as { readonly CronTime: CronTimeClass }).CronTime;
}
