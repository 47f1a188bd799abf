import type { SeededRandom } from '../../../core/base/random';
import type { Scheduler, TimerHandle } from '../../../runtime/base/scheduler';
import type { ProcessTask, SimulatedProcess } from './simulated-process';
import { PHASES, type VirtualTime } from '../base/virtual-time';

/** The clocks of one machine: they outlive its processes. */
export class MachineClock {
  private wallOffsetMs: number;

  /**
   * @param rate how many of its milliseconds pass in a true one: quartz is off by up to some hundred parts in a million
   * @param bootedMs what its monotonic clock shows when the simulation begins
   */
  constructor(
    private readonly time: VirtualTime,
    readonly rate: number,
    private readonly bootedMs: number,
    wallOffsetMs: number,
  ) {
    this.wallOffsetMs = wallOffsetMs;
  }

  nowMs(): number {
    return this.bootedMs + this.time.nowMs * this.rate;
  }

  wallMs(): number {
    return Math.floor(EPOCH_MS + this.time.nowMs + this.wallOffsetMs);
  }

  /** Somebody, or NTP, sets the wall clock. */
  jump(byMs: number): void {
    this.wallOffsetMs += byMs;
  }
}

const EPOCH_MS = Date.UTC(2026, 0, 1);

/** Node's timers never fire sooner. */
const SHORTEST_TIMER_MS = 1;

const HEX_DIGITS_PER_NUMBER = 8;

/** The scheduler of one process in virtual time. */
export class SimulatedScheduler implements Scheduler {
  constructor(
    private readonly process: SimulatedProcess,
    private readonly clock: MachineClock,
    private readonly random: SeededRandom,
  ) {}

  nowMs(): number {
    return this.clock.nowMs();
  }

  wallMs(): number {
    return this.clock.wallMs();
  }

  setTimer(delayMs: number, task: () => void): TimerHandle {
    return this.process.after(Math.max(SHORTEST_TIMER_MS, delayMs) / this.clock.rate, PHASES.timer, task);
  }

  clearTimer(timer: TimerHandle): void {
    this.process.cancel(timer as ProcessTask);
  }

  defer(task: () => void): void {
    this.process.after(0, PHASES.deferred, task);
  }

  randomSeed(): number {
    return this.random.nextUint32();
  }

  randomId(): string {
    return randomHex(this.random, 4);
  }
}

/** @returns eight hexadecimal characters for each of `numbers` */
export function randomHex(random: SeededRandom, numbers: number): string {
  let id = '';
  for (let count = 0; count < numbers; count++)
    id += random.nextUint32().toString(16).padStart(HEX_DIGITS_PER_NUMBER, '0');
  return id;
}
