import { CronSchedule } from './cron-schedule';
import { type DuePolicy, dueRuns, latestDue } from './due-runs';
import { IntervalSchedule } from './job-schedule';

const SECOND = new IntervalSchedule(1_000);

function due(policy: Partial<DuePolicy>, decidedMs: number, nowMs: number, busyUntilMs = -Infinity) {
  return dueRuns(
    SECOND,
    { catchUp: 'none', skipIfOlderThanMs: Infinity, ...policy },
    { decidedMs, nowMs, busyUntilMs },
  );
}

describe('what is due', () => {
  it('is nothing before the due time, and the due time at it', () => {
    expect(due({}, 5_000, 5_999)).toEqual({ runMs: null, skipped: [] });
    expect(due({}, 5_000, 6_000)).toEqual({ runMs: 6_000, skipped: [] });
  });

  it('is the latest where nothing is caught up, and the others are missed', () => {
    expect(due({}, 5_000, 9_500)).toEqual({
      runMs: 9_000,
      skipped: [{ reason: 'missed', firstMs: 6_000, lastMs: 8_000, count: 3 }],
    });
  });

  it('is not the latest that is more than a minute late, unless the last is caught up', () => {
    const hourly = new IntervalSchedule(3_600_000);
    const state = { decidedMs: 0, nowMs: 3_600_000 + 60_001, busyUntilMs: -Infinity };
    expect(dueRuns(hourly, { catchUp: 'none', skipIfOlderThanMs: Infinity }, state)).toEqual({
      runMs: null,
      skipped: [{ reason: 'late', firstMs: 3_600_000, lastMs: 3_600_000, count: 1 }],
    });
    expect(
      dueRuns(hourly, { catchUp: 'none', skipIfOlderThanMs: Infinity }, { ...state, nowMs: 3_660_000 }).runMs,
    ).toBe(3_600_000);
    expect(dueRuns(hourly, { catchUp: 'last', skipIfOlderThanMs: Infinity }, state).runMs).toBe(3_600_000);
    expect(dueRuns(hourly, { catchUp: 'last', skipIfOlderThanMs: 60_000 }, state).runMs).toBeNull();
  });

  it('is the oldest where all are caught up, but for those that are too old', () => {
    expect(due({ catchUp: 'all' }, 5_000, 9_500)).toEqual({ runMs: 6_000, skipped: [] });
    expect(due({ catchUp: 'all', skipIfOlderThanMs: 2_500 }, 5_000, 9_500)).toEqual({
      runMs: 7_000,
      skipped: [{ reason: 'late', firstMs: 6_000, lastMs: 6_000, count: 1 }],
    });
  });

  it('is not what came due during a run, unless all are caught up', () => {
    expect(due({}, 5_000, 7_300, 7_200)).toEqual({
      runMs: null,
      skipped: [{ reason: 'overlap', firstMs: 6_000, lastMs: 7_000, count: 2 }],
    });
    expect(due({}, 5_000, 8_001, 7_200)).toEqual({
      runMs: 8_000,
      skipped: [{ reason: 'overlap', firstMs: 6_000, lastMs: 7_000, count: 2 }],
    });
    expect(due({ catchUp: 'all' }, 5_000, 7_300, 7_200).runMs).toBe(6_000);
  });

  it('counts what is skipped up to 100', () => {
    expect(due({}, 0, 10_000_000).skipped).toEqual([
      { reason: 'missed', firstMs: 1_000, lastMs: 9_999_000, count: 100 },
    ]);
  });

  it('finds the latest due time in years of seconds with few questions', () => {
    let asked = 0;
    const counting = { label: '', next: (afterMs: number) => (asked++, SECOND.next(afterMs)) };
    expect(latestDue(counting, 0, 1e11 + 7)).toBe(1e11);
    expect(asked).toBeLessThan(50);
  });
});

describe('a cron schedule', () => {
  const day = (text: string): number => Date.parse(text);

  it('is due behind the time that it is asked for, in its time zone, also where clocks are changed', () => {
    const daily = new CronSchedule('A.b', '30 3 * * *', 'Europe/Vienna');
    expect(daily.next(day('2026-03-28T00:00:00Z'))).toBe(day('2026-03-28T02:30:00Z'));
    expect(daily.next(day('2026-03-28T02:30:00Z'))).toBe(day('2026-03-29T01:30:00Z'));
    expect(daily.next(day('2026-03-28T02:29:59.999Z'))).toBe(day('2026-03-28T02:30:00Z'));
    expect(daily.label).toBe('cron 30 3 * * * (Europe/Vienna)');
  });

  it('gives the same answers in whatever order it is asked', () => {
    const minutes = new CronSchedule('A.b', '*/7 * * * *', 'UTC');
    const times = Array.from({ length: 40 }, (_, at) => day('2026-05-01T00:00:00Z') + ((at * 7_919) % 40) * 61_001);
    const answers = times.map((time) => minutes.next(time));
    expect(answers).toEqual(times.map((time) => new CronSchedule('A.b', '*/7 * * * *', 'UTC').next(time)));
  });

  it('says what is wrong with an expression, with a time zone, and where cron is absent', () => {
    expect(() => new CronSchedule('Reports.daily', 'every day', 'UTC')).toThrow(
      "@LeaderCron('every day') of Reports.daily can't be read in the time zone 'UTC': Unknown alias: eve. Write five or six fields, as '30 3 * * *' (each day at 3:30) or '0 30 3 * * *', and a time zone such as 'Europe/Vienna'.",
    );
    expect(() => new CronSchedule('Reports.daily', '0 0 30 2 *', 'UTC')).toThrow('No execution date was found');
    expect(() => new CronSchedule('Reports.daily', '* * * * *', 'Mars/Base')).toThrow(
      "can't be read in the time zone 'Mars/Base'",
    );
    expect(() => new CronSchedule('Reports.daily', '* * * * *', 'UTC', () => undefined)).toThrow(
      'Reports.daily has @LeaderCron(), and the package cron, which reads cron expressions, is not installed: npm install cron. @LeaderInterval() does without it.',
    );
  });
});
