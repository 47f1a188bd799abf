import { randomBytes } from 'node:crypto';
import type { Scheduler, TimerHandle } from './scheduler';

/**
 * The time and the chance of this machine: the only place of the runtime that touches them.
 *
 * @publicApi
 */
export class SystemScheduler implements Scheduler {
  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  setTimer(delayMs: number, task: () => void): TimerHandle {
    return setTimeout(task, delayMs);
  }

  clearTimer(timer: TimerHandle): void {
    clearTimeout(timer as NodeJS.Timeout);
  }

  /** Node's check phase: it comes after a poll of the sockets, whichever phase this is called from. */
  defer(task: () => void): void {
    setImmediate(task);
  }

  randomSeed(): number {
    return randomBytes(4).readUInt32LE(0);
  }

  randomId(): string {
    return randomBytes(16).toString('hex');
  }
}
