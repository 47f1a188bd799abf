import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import type { Scheduler, TimerHandle } from '../../runtime/base/scheduler';

/**
 * The time of this machine for a node that is part of a test: its timers don't keep the process alive, so that a test runner
 * ends although nobody closed the application, and fake timers don't stop it.
 */
export class IdleScheduler implements Scheduler {
  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  setTimer(delayMs: number, task: () => void): TimerHandle {
    return setTimeout(task, delayMs).unref();
  }

  clearTimer(timer: TimerHandle): void {
    clearTimeout(timer as NodeJS.Timeout);
  }

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
