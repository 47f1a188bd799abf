/** What the memory network needs of time: a part of the runtime's scheduler, so that one clock can drive both. @publicApi */
export interface DeliveryScheduler {
  /** Calls `task` once, never before this call has returned. */
  setTimer(delayMs: number, task: () => void): object;
  clearTimer(timer: object): void;
}

/** Real time. A delivery without delay comes with the next turn of the event loop, not a millisecond later. */
export class SystemDeliveryScheduler implements DeliveryScheduler {
  setTimer(delayMs: number, task: () => void): object {
    return delayMs === 0 ? setImmediate(task) : setTimeout(task, delayMs);
  }

  clearTimer(timer: object): void {
    clearTimeout(timer as NodeJS.Timeout);
    clearImmediate(timer as NodeJS.Immediate);
  }
}
