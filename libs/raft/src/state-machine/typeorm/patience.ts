const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

/** The database is a real one, and so is the time that it is waited for: no simulator runs this folder. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A wait that ends early where it is called off, once and for all. */
export class CancellablePause {
  private isCancelled = false;
  private wake: (() => void) | undefined;

  async for(ms: number): Promise<void> {
    if (this.isCancelled) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    this.wake = undefined;
  }

  cancel(): void {
    this.isCancelled = true;
    this.wake?.();
  }
}

/** Milliseconds that only grow. */
export function elapsedMs(): number {
  return performance.now();
}

export interface PatiencePorts {
  readonly forMs: number;
  /** Whether another attempt may go well. */
  isPassing(error: unknown): boolean;
  /** Another attempt is about to be made. */
  again(error: Error): void;
  /** @returns what is thrown where it has taken too long */
  givenUp(error: Error): Error;
}

/** Tries until it goes well, with pauses that grow, and not for ever. */
export async function patiently<T>(attempt: () => Promise<T>, ports: PatiencePorts): Promise<T> {
  const deadlineMs = elapsedMs() + ports.forMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS))
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Error) || !ports.isPassing(error)) throw error;
      if (elapsedMs() > deadlineMs) throw ports.givenUp(error);
      ports.again(error);
      await pause(pauseMs);
    }
}
