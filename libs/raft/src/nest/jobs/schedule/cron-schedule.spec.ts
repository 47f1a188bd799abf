import { CronSchedule } from './cron-schedule';
import { type OffsetChange, TimeZone } from './time-zone';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const FORTNIGHT_MS = 14 * DAY_MS;
const FIRST_MS = Date.UTC(2020, 0, 1);
const LAST_MS = Date.UTC(2030, 0, 1);

/** What a schedule of whole minutes says of a wall clock's minute of the day. */
interface Sample {
  readonly expression: string;
  readonly isEveryHour: boolean;
  matches(minuteOfDay: number): boolean;
}

const SAMPLES: readonly Sample[] = [
  { expression: '*/15 * * * *', isEveryHour: true, matches: (minute) => minute % 15 === 0 },
  { expression: '0 * * * *', isEveryHour: true, matches: (minute) => minute % 60 === 0 },
  ...[1, 2, 23].map((hour) => ({
    expression: `30 ${hour} * * *`,
    isEveryHour: false,
    matches: (minute: number) => minute === hour * 60 + 30,
  })),
  { expression: '0 0,2,3 * * *', isEveryHour: false, matches: (minute) => [0, 120, 180].includes(minute) },
];

const utc = (ms: number | null): string => new Date(ms!).toISOString().slice(0, 16);

/** One change of each kind: what two zones do alike is tried once. */
function changesOfAllZones(): readonly { readonly name: string; readonly change: OffsetChange }[] {
  const found = new Map<string, { name: string; change: OffsetChange }>();
  for (const name of Intl.supportedValuesOf('timeZone')) {
    const zone = new TimeZone(name);
    // A zone that has the same offset in all seasons of a year changes nothing.
    for (let fromMs = FIRST_MS; fromMs < LAST_MS;) {
      const startMs = fortnightWithChange(zone, fromMs);
      const change = startMs === undefined ? undefined : zone.firstChange(startMs, startMs + FORTNIGHT_MS);
      if (change === undefined) break;
      const wallMinute = Math.floor((((change.atMs + change.beforeMs) % DAY_MS) + DAY_MS) / MINUTE_MS);
      found.set([change.afterMs - change.beforeMs, wallMinute].join(), { name, change });
      fromMs = change.atMs;
    }
  }
  return [...found.values()];
}

function fortnightWithChange(zone: TimeZone, fromMs: number): number | undefined {
  const offsetMs = zone.offsetMs(fromMs);
  for (let ms = fromMs; ms < LAST_MS; ms += FORTNIGHT_MS) if (zone.offsetMs(ms + FORTNIGHT_MS) !== offsetMs) return ms;
  return undefined;
}

/** Around a change: what it repeats or skips, and some hours besides. */
function marginMs({ beforeMs, afterMs }: OffsetChange): number {
  return Math.abs(afterMs - beforeMs) + 3 * HOUR_MS;
}

/** Minute by minute: the rule as one would tell it, and far too slow to be used. */
function dueByHand(sample: Sample, zone: TimeZone, change: OffsetChange): readonly number[] {
  const { atMs, beforeMs, afterMs } = change;
  const due = new Set<number>();
  const shown = new Set<number>();
  for (let ms = atMs - marginMs(change); ms < atMs + marginMs(change); ms += MINUTE_MS) {
    const wallMs = ms + zone.offsetMs(ms);
    const isRepeat = shown.has(wallMs);
    shown.add(wallMs);
    if (sample.matches(minuteOfDay(wallMs)) && (sample.isEveryHour || !isRepeat)) due.add(ms);
  }
  for (let wallMs = atMs + beforeMs; wallMs < atMs + afterMs; wallMs += MINUTE_MS)
    if (!sample.isEveryHour && sample.matches(minuteOfDay(wallMs))) due.add(atMs);
  return [...due].sort((left, right) => left - right);
}

function minuteOfDay(wallMs: number): number {
  return Math.floor((((wallMs % DAY_MS) + DAY_MS) % DAY_MS) / MINUTE_MS);
}

describe('the due times of a cron expression', () => {
  const zones = changesOfAllZones();

  it('has found changes of many kinds to be tried with', () => {
    expect(zones.length).toBeGreaterThan(15);
  });

  it.each(SAMPLES)('$expression: what a clock shows twice and skips, in every zone', (sample) => {
    for (const { name, change } of zones) {
      const schedule = new CronSchedule('Reports.daily', sample.expression, name);
      const byHand = dueByHand(sample, new TimeZone(name), change);
      const found: number[] = [];
      const endMs = change.atMs + marginMs(change);
      for (let at = change.atMs - marginMs(change) - 1; ;) {
        const next = schedule.next(at);
        if (next >= endMs) break;
        // Bounded, whatever is wrong.
        if (next <= at) throw new Error(`${name}: ${utc(next)} is due after ${utc(at)}`);
        found.push(next);
        at = next;
      }
      expect({ name, due: found.map(utc) }).toEqual({ name, due: byHand.map(utc) });
    }
  });

  it('is later than the time asked for, and the same from wherever it is asked', () => {
    for (const { name, change } of zones)
      for (const expression of ['*/10 * * * * *', '30 2 * * *']) {
        const schedule = new CronSchedule('Reports.daily', expression, name);
        let previous = -Infinity;
        for (let at = change.atMs - 3 * HOUR_MS; at < change.atMs + 3 * HOUR_MS; at += 1_201_000) {
          const next = schedule.next(at);
          expect(next).toBeGreaterThan(at);
          expect(next).toBeGreaterThanOrEqual(previous);
          // Nothing is due between a time and the next due time.
          expect(schedule.next(next - 1)).toBe(next);
          previous = next;
        }
      }
  });

  it('goes on past a summer time that ends twice within an hour of the asking', () => {
    const schedule = new CronSchedule('Reports.daily', '0 */15 * * * *', 'Africa/Casablanca');
    const found: string[] = [];
    for (let at = Date.UTC(2020, 3, 19, 1, 30), left = 5; left > 0; left--) found.push(utc((at = schedule.next(at))));
    expect(found).toEqual(['01:45', '02:00', '02:15', '02:30', '02:45'].map((time) => `2020-04-19T${time}`));
  });

  it('says which expression or zone cannot be read', () => {
    for (const [expression, zone] of [
      ['not an expression', 'UTC'],
      ['0 0 * * *', 'Moon/Base'],
      ['0 0 30 2 *', 'UTC'],
    ] as const)
      expect(() => new CronSchedule('Reports.daily', expression, zone)).toThrow(/of Reports\.daily can't be read/);
  });
});
