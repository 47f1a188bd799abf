import type { LoggerService } from '@nestjs/common';
import type { Leadership } from './leadership.interface';

/** A method of a provider. */
export interface LeadershipHandler {
  /** `MailService.work`. */
  readonly name: string;
  call(leadership: Leadership): unknown;
}

/** The methods of one provider. */
export interface LeadershipHandlers {
  readonly acquired: readonly LeadershipHandler[];
  readonly lost: readonly LeadershipHandler[];
}

/** An acquired method that threw is called again after so long, twice as long each time. */
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/**
 * Takes one provider through leaderships one after the other: its acquired methods, the signal, its lost methods once those
 * have returned, and the next leadership only when all have. A method that ignores the signal would else run twice at once.
 */
export class LeadershipHookQueue {
  private work: Promise<void> = Promise.resolve();
  private lostReturned: Promise<void> = Promise.resolve();

  constructor(
    private readonly handlers: LeadershipHandlers,
    private readonly logger: Pick<LoggerService, 'warn' | 'error'>,
    private readonly gracePeriodMs: number,
  ) {}

  begin(leadership: Leadership): void {
    const before = this.work;
    let done: () => void = () => undefined;
    this.lostReturned = new Promise((resolve) => (done = resolve));
    this.work = before.then(() => this.serve(leadership, done)).finally(done);
  }

  /** Resolves when the lost methods of a leadership that has ended have returned, or their time is over. */
  async finished(): Promise<void> {
    // A method of an earlier term that never returns must not hold up a stop for ever.
    await settlesWithin(this.lostReturned, 2 * this.gracePeriodMs);
  }

  private async serve(leadership: Leadership, lostReturned: () => void): Promise<void> {
    const { signal } = leadership;
    // It was lost again while the one before wound up: who wasn't told of it needn't clean up behind it.
    if (signal.aborted) return;
    const acquired = this.callAll(this.handlers.acquired, (handler) => this.acquire(handler, leadership));
    await aborted(signal);
    await this.bounded(acquired, leadership);
    const lost = this.callAll(this.handlers.lost, (handler) => this.attempt(handler, leadership, ''));
    await this.bounded(lost, leadership);
    lostReturned();
    await Promise.all([acquired.all, lost.all]);
  }

  private callAll(
    handlers: readonly LeadershipHandler[],
    call: (handler: LeadershipHandler) => Promise<unknown>,
  ): RunningCalls {
    const running = new Set<string>();
    const all = handlers.map(async (handler) => {
      running.add(handler.name);
      await call(handler);
      running.delete(handler.name);
    });
    return { running, all: Promise.all(all) };
  }

  /** What it began is not done where it throws: nobody else does it while this leadership lasts. */
  private async acquire(handler: LeadershipHandler, leadership: Leadership): Promise<void> {
    const { signal } = leadership;
    for (let pauseMs = FIRST_RETRY_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LONGEST_RETRY_MS)) {
      const remedy = `; it is called again in ${pauseMs} ms, as long as this leadership lasts`;
      if (await this.attempt(handler, leadership, remedy)) return;
      await abortedWithin(signal, pauseMs);
    }
  }

  /** @returns whether it returned, or ended by the signal */
  private async attempt(handler: LeadershipHandler, leadership: Leadership, remedy: string): Promise<boolean> {
    try {
      await handler.call(leadership);
      return true;
    } catch (error) {
      if (isOwnAbort(error, leadership)) return true;
      const stack = error instanceof Error ? error.stack : undefined;
      const next = leadership.signal.aborted ? '' : remedy;
      this.logger.error(`${handler.name}() failed in term ${leadership.term}: ${String(error)}${next}`, stack);
      return false;
    }
  }

  private async bounded({ running, all }: RunningCalls, { term }: Leadership): Promise<void> {
    if (await settlesWithin(all, this.gracePeriodMs)) return;
    for (const name of running)
      this.logger.warn(
        `${name}() has not returned ${this.gracePeriodMs} ms after the leadership of term ${term} ended. This provider is told about no other leadership until it does. Let it return when leadership.signal fires.`,
      );
  }
}

interface RunningCalls {
  readonly running: ReadonlySet<string>;
  readonly all: Promise<unknown>;
}

/** What throws the signal's reason, as `signal.throwIfAborted()` and those that take a signal do, has ended as it should. */
function isOwnAbort(error: unknown, { signal }: Leadership): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function abortedWithin(signal: AbortSignal, ms: number): Promise<void> {
  const waited = new AbortController();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    const options = { once: true, signal: waited.signal };
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), options);
    if (signal.aborted) {
      clearTimeout(timer);
      resolve();
    }
  });
  waited.abort();
}

async function settlesWithin(all: Promise<unknown>, boundMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), boundMs);
  });
  const settled = await Promise.race([all.then(() => true as const), bound]);
  clearTimeout(timer);
  return settled;
}
