/** The cluster clock: the time that a leader stamps on commands, so that all replicas see the same time. */

import type { Scheduler } from '../base/scheduler';

/** Ten seconds of difference to the wall clock are made up for in under three hours. */
const MAX_SLEW = 0.001;

/**
 * The cluster's time, which a leader stamps on commands and by which leases and expiries are judged. It goes on from the last
 * time in the log by this machine's monotonic clock, and leans towards the wall clock by at most 0.1 %: a wall clock that
 * jumps expires nothing. It never goes back.
 *
 * Every node follows it while entries are applied, so that an idle hour isn't lost with the leader that sat it out.
 */
export class ClusterClock {
  /** Undefined until a time was seen in the log, or the first was given out. */
  private timeMs: number | undefined;
  private atMs = 0;

  constructor(private readonly scheduler: Scheduler) {}

  /** @param loggedMs the greatest time in the entries that are applied by now; 0 where there is none */
  observe(loggedMs: number): void {
    if (loggedMs > 0 && (this.timeMs === undefined || loggedMs > this.advance(this.timeMs))) this.set(loggedMs);
  }

  /**
   * The time of a command that is proposed now. A cluster's first time is that of the wall clock, so this may only be asked
   * once every time that stands in the log was observed.
   *
   * @returns whole milliseconds since 1970
   */
  read(): number {
    if (this.timeMs === undefined) return Math.floor(this.set(this.scheduler.wallMs()));
    return Math.floor(this.advance(this.timeMs));
  }

  private advance(fromMs: number): number {
    const elapsedMs = Math.max(0, this.scheduler.nowMs() - this.atMs);
    const steadyMs = fromMs + elapsedMs;
    const slewMs = elapsedMs * MAX_SLEW;
    const behindMs = this.scheduler.wallMs() - steadyMs;
    return this.set(steadyMs + Math.min(slewMs, Math.max(-slewMs, behindMs)));
  }

  private set(timeMs: number): number {
    this.timeMs = timeMs;
    this.atMs = this.scheduler.nowMs();
    return timeMs;
  }
}
