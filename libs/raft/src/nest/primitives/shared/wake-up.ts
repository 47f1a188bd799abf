import type { Scheduler, TimerHandle } from '../../../runtime/base/scheduler';

/** Something that is waited for by one, up to a time. What came before the wait counts. */
export class WakeUp {
  private woken = false;
  private resolve: (() => void) | undefined;

  constructor(private readonly scheduler: Scheduler) {}

  wake(): void {
    this.woken = true;
    this.resolve?.();
  }

  /** Resolves when it was woken since the last wait, or after `ms`. */
  async wait(ms: number): Promise<void> {
    let timer: TimerHandle | undefined;
    if (!this.woken)
      await new Promise<void>((resolve) => {
        this.resolve = resolve;
        timer = this.scheduler.setTimer(Math.max(0, ms), resolve);
      });
    if (timer !== undefined) this.scheduler.clearTimer(timer);
    this.resolve = undefined;
    this.woken = false;
  }
}
