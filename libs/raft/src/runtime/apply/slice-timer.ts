import type { RaftLogger } from '../base/logger';
import type { Scheduler } from '../base/scheduler';

/** A synchronous slice that is longer holds up heartbeats and everybody's requests. */
const LONGEST_SLICE_MS = 10;
const QUIET_MS = 10_000;

/** Measures what holds the event loop, and says by name what holds it for too long. */
export class SliceTimer {
  private longest = 0;
  private readonly toldAtMs = new Map<string, number>();

  constructor(
    private readonly scheduler: Scheduler,
    private readonly logger: RaftLogger,
  ) {}

  /** The longest slice that was measured since the start, in milliseconds. */
  get longestMs(): number {
    return this.longest;
  }

  /** @param name what runs: it is in the warning */
  measure<T>(name: string, slice: () => T): T {
    const startedMs = this.scheduler.nowMs();
    try {
      return slice();
    } finally {
      this.ended(name, this.scheduler.nowMs() - startedMs);
    }
  }

  private ended(name: string, tookMs: number): void {
    if (tookMs > this.longest) this.longest = tookMs;
    if (tookMs <= LONGEST_SLICE_MS) return;
    const nowMs = this.scheduler.nowMs();
    if (nowMs - (this.toldAtMs.get(name) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    this.toldAtMs.set(name, nowMs);
    this.logger.warn(
      `${name} held the event loop for ${Math.round(tookMs)} ms; at most ${LONGEST_SLICE_MS} ms keep heartbeats and calls going.`,
    );
  }
}
