/** A timer that was set; give it back to {@link Scheduler.clearTimer}. */
export type TimerHandle = object;

/**
 * The only source of time and chance in the runtime, so that the simulator runs this very code in a time of its own.
 *
 * @publicApi
 */
export interface Scheduler {
  /** Monotonic milliseconds; only differences mean something. */
  nowMs(): number;

  /** The wall clock, in milliseconds since 1970. It may jump. */
  wallMs(): number;

  /** Calls `task` once, not before `delayMs` have passed. */
  setTimer(delayMs: number, task: () => void): TimerHandle;

  clearTimer(timer: TimerHandle): void;

  /** Calls `task` in this turn of the event loop, behind the input that is already there (one full poll of the sockets). */
  defer(task: () => void): void;

  /** @returns a 32-bit unsigned random number, for seeds */
  randomSeed(): number;

  /** @returns 32 random hexadecimal characters */
  randomId(): string;
}
