import type { Scheduler, TimerHandle } from './scheduler';

/**
 * The beat of a node. Ticks are counted from monotonic differences, and a gap of more than two counts as one: a process that
 * was paused, or whose event loop stood still, must not hold the others' silence against them. The tick itself runs behind a
 * full poll of the sockets, because after a pause Node fires timers before it reads what waits.
 */
export class Ticker {
  private timer: TimerHandle | undefined;
  private lastTickMs = 0;
  private running = false;

  /** @param tick called with how many ticks have passed, one or two */
  constructor(
    private readonly scheduler: Scheduler,
    private readonly tickMs: number,
    private readonly tick: (ticks: number, nowMs: number) => void,
  ) {}

  start(): void {
    this.running = true;
    this.lastTickMs = this.scheduler.nowMs();
    this.arm();
  }

  stop(): void {
    this.running = false;
    if (this.timer !== undefined) this.scheduler.clearTimer(this.timer);
    this.timer = undefined;
  }

  private arm(): void {
    const dueInMs = this.lastTickMs + this.tickMs - this.scheduler.nowMs();
    this.timer = this.scheduler.setTimer(Math.max(1, Math.ceil(dueInMs)), this.fired);
  }

  private readonly fired = (): void => {
    this.timer = undefined;
    this.scheduler.defer(this.afterPoll);
  };

  private readonly afterPoll = (): void => {
    if (!this.running) return;
    const nowMs = this.scheduler.nowMs();
    const ticks = this.due(nowMs);
    if (ticks > 0) this.tick(ticks, nowMs);
    if (this.running) this.arm();
  };

  /** How many ticks `nowMs` stands for. */
  due(nowMs: number): number {
    const passed = Math.floor((nowMs - this.lastTickMs) / this.tickMs);
    if (passed > 2) {
      this.lastTickMs = nowMs;
      return 1;
    }
    this.lastTickMs += passed * this.tickMs;
    return passed;
  }
}
