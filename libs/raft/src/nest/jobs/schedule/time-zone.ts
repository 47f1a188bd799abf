const DAY_MS = 86_400_000;
const SECOND_MS = 1_000;

/** A change of a zone's offset: summer time begins or ends, or the zone's rules change. */
export interface OffsetChange {
  /** The first instant at which the offset after it holds. */
  readonly atMs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** How far a time zone's wall clock is from UTC, and when that changes. */
export class TimeZone {
  private readonly format: Intl.DateTimeFormat;

  /** @throws RangeError there is no such zone */
  constructor(name: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  /** @returns what is to be added to `ms` for the wall clock's time, written as if it were UTC */
  offsetMs(ms: number): number {
    const parts: Record<string, number> = {};
    for (const { type, value } of this.format.formatToParts(ms)) parts[type] = Number(value);
    const { year, month, day, hour, minute, second } = parts as Record<Intl.DateTimeFormatPartTypes, number>;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / SECOND_MS) * SECOND_MS;
  }

  /**
   * Looks once a day, since no zone changes its offset and takes the change back within one.
   *
   * @returns the first change in (fromMs, throughMs]; undefined where there is none
   */
  firstChange(fromMs: number, throughMs: number): OffsetChange | undefined {
    const beforeMs = this.offsetMs(fromMs);
    for (let dayMs = fromMs; dayMs < throughMs; dayMs += DAY_MS) {
      const endMs = Math.min(dayMs + DAY_MS, throughMs);
      if (this.offsetMs(endMs) === beforeMs) continue;
      const atMs = this.firstSecond(dayMs, endMs, beforeMs);
      return { atMs, beforeMs, afterMs: this.offsetMs(atMs) };
    }
    return undefined;
  }

  /** The whole second in (fromMs, endMs] from which on the offset isn't `beforeMs`. */
  private firstSecond(fromMs: number, endMs: number, beforeMs: number): number {
    let low = Math.floor(fromMs / SECOND_MS);
    let high = Math.ceil(endMs / SECOND_MS);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.offsetMs(middle * SECOND_MS) === beforeMs) low = middle;
      else high = middle;
    }
    return high * SECOND_MS;
  }
}
