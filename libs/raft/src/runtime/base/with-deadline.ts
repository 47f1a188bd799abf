import type { Scheduler } from './scheduler';

/**
 * Waits for `work`, but not beyond a deadline.
 *
 * @param deadlineMs of the scheduler's monotonic clock
 * @returns whether it ended in time
 */
export function withDeadline(
  scheduler: Scheduler,
  deadlineMs: number,
  work: Promise<unknown> | undefined,
): Promise<boolean> {
  if (work === undefined) return Promise.resolve(true);
  return new Promise((resolve, reject) => {
    const timer = scheduler.setTimer(Math.max(0, deadlineMs - scheduler.nowMs()), () => resolve(false));
    const ended = (): void => scheduler.clearTimer(timer);
    work.then(
      () => {
        ended();
        resolve(true);
      },
      (error: Error) => {
        ended();
        reject(error);
      },
    );
  });
}
