import type { TimerHandle } from '../../runtime/base/scheduler';
import { SystemScheduler } from '../../runtime/base/system-scheduler';

/** Its timers keep no process alive: a job that is due tomorrow is no reason for one to go on that has nothing else to do. */
export class BackgroundScheduler extends SystemScheduler {
  override setTimer(delayMs: number, task: () => void): TimerHandle {
    return (super.setTimer(delayMs, task) as NodeJS.Timeout).unref();
  }
}
