import type { BackedMachine } from '../declare/backing';
import { TransientError } from './apply-batch';
import { patiently } from './patience';

/** How long one machine's database may fail before the node gives up, and what is said meanwhile. */
export class TablesPatience {
  constructor(
    private readonly machine: BackedMachine,
    private readonly retryForMs: number,
    private readonly isClosed: () => boolean,
  ) {}

  /** Tries until it goes well. @param remedy what is done again, in a sentence */
  until<T>(remedy: string, attempt: () => Promise<T>): Promise<T> {
    const { name, logger } = this.machine;
    return patiently(attempt, {
      forMs: this.retryForMs,
      isPassing: (error) => error instanceof TransientError && !this.isClosed(),
      again: ({ message }) => logger?.warn(`'${name}': ${message}. ${remedy}`),
      givenUp: (error) => this.givenUp(error),
    });
  }

  givenUp(cause: Error): Error {
    const problem = `the database of the replicated tables '${this.machine.name}' fails since more than ${this.retryForMs} ms`;
    return new Error(`${problem}: ${cause.message}`, { cause });
  }
}
