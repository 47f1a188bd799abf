import type { Scheduler } from './scheduler';

/** Ten seconds of wall time more or less are made up for in under three hours, and no lease notices. */
const MAX_SLEW = 0.001;

/**
 * The cluster's time, which a leader stamps on commands and by which leases and expiries are judged. It goes on from the last
 * time in the log by this machine's monotonic clock, and leans towards the wall clock by at most 0.1 %: a wall clock that
 * jumps expires nothing. It never goes back.
 *
 * Every node follows it while entries are applied, so that an idle hour isn't lost with the leader that sat it out.
 */
export class ClusterClock {
  private timeMs: number | undefined;
  private atMs = 0;

  constructor(private readonly scheduler: Scheduler) {}

  /** Whether it has a time to go on from. */
  get isSet(): boolean {
    return this.timeMs !== undefined;
  }

  /** The log says that it was `loggedMs`, when what is applied by now was stamped; 0 says nothing. */
  observe(loggedMs: number): void {
    if (loggedMs <= 0) return;
    if (this.timeMs === undefined) this.set(loggedMs);
    else if (loggedMs > this.advance()) this.set(loggedMs);
  }

  /** Nothing was ever stamped in this cluster: its time begins with the wall clock. Only once everything logged is applied. */
  beginIfUnset(): void {
    if (this.timeMs === undefined) this.set(this.scheduler.wallMs());
  }

  /** @returns whole milliseconds since 1970; only where {@link isSet} */
  read(): number {
    return Math.floor(this.advance());
  }

  private set(timeMs: number): void {
    this.timeMs = timeMs;
    this.atMs = this.scheduler.nowMs();
  }

  private advance(): number {
    const nowMs = this.scheduler.nowMs();
    const elapsedMs = Math.max(0, nowMs - this.atMs);
    const steadyMs = (this.timeMs ?? 0) + elapsedMs;
    const slewMs = elapsedMs * MAX_SLEW;
    const behindMs = this.scheduler.wallMs() - steadyMs;
    this.timeMs = steadyMs + Math.min(slewMs, Math.max(-slewMs, behindMs));
    this.atMs = nowMs;
    return this.timeMs;
  }
}
