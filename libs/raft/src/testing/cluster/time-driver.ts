import { setImmediate } from 'node:timers';
import { PHASES, VirtualTime } from '../simulator/base/virtual-time';

/** How long a wait lasts at most where it doesn't say, in virtual milliseconds. */
export const DEFAULT_LIMIT_MS = 20_000;

interface Wait {
  readonly untilMs: number;
  readonly holds: () => boolean;
  readonly kept: () => void;
  readonly failed: (error: unknown) => void;
  readonly describe: () => string;
}

/**
 * Lets virtual time pass while somebody waits for something, and stand still otherwise. Waits may overlap: they share one
 * time. Between two events everything runs that follows from the first by promises alone, as in an event loop.
 */
export class TimeDriver {
  readonly time = new VirtualTime();
  private readonly waits = new Set<Wait>();
  private isRunning = false;

  /** Goes on for so many virtual milliseconds; what is due at their end has run. */
  pass(ms: number): Promise<void> {
    const untilMs = this.time.nowMs + ms;
    // Time goes from event to event: this one is at the end.
    this.time.schedule(untilMs, PHASES.deferred, () => undefined);
    const isOver = (): boolean => this.time.nowMs >= untilMs && (this.time.nextAtMs ?? Infinity) > untilMs;
    return this.until(isOver, Infinity, () => '');
  }

  /**
   * @param describe what is said where it didn't come true in time
   * @returns when `holds` does
   */
  until(holds: () => boolean, limitMs: number, describe: () => string): Promise<void> {
    return new Promise((kept, failed) => {
      this.waits.add({ untilMs: this.time.nowMs + limitMs, holds, kept, failed, describe });
      if (!this.isRunning) void this.run();
    });
  }

  /** @returns how `work` ends, with as much time passing as it takes */
  async ends<T>(work: Promise<T>, limitMs: number, describe: () => string): Promise<T> {
    let isSettled = false;
    const settled = (): void => void (isSettled = true);
    work.then(settled, settled);
    await this.until(() => isSettled, limitMs, describe);
    return work;
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    await settle();
    while (this.waits.size > 0) {
      // Whoever waited goes on before anything else happens.
      if (!this.endThoseThatHold() && !this.runNext()) this.expire();
      await settle();
    }
    this.isRunning = false;
  }

  private endThoseThatHold(): boolean {
    const before = this.waits.size;
    for (const wait of this.waits) {
      try {
        if (!wait.holds()) continue;
        wait.kept();
      } catch (error) {
        wait.failed(error);
      }
      this.waits.delete(wait);
    }
    return this.waits.size < before;
  }

  private runNext(): boolean {
    return this.time.runNext(this.nextLimitMs());
  }

  private expire(): void {
    const nowMs = this.nextLimitMs();
    for (const wait of this.waits) {
      if (wait.untilMs > nowMs) continue;
      this.waits.delete(wait);
      wait.failed(new Error(wait.describe()));
    }
  }

  private nextLimitMs(): number {
    return Math.min(...[...this.waits].map(({ untilMs }) => untilMs));
  }
}

/** Lets every promise go as far as it can. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
