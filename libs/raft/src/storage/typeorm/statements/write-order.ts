import { StoreFencedError } from '../../contract';
import { sqlStateOf, UNIQUE_VIOLATION } from '../connection/postgres-client';

/**
 * Lets one write at a time through, in the order in which they were asked for, and none at all while nobody knows what became
 * of the one before: a write behind one of unknown outcome could land without it.
 */
export class WriteOrder {
  /** Settles with the last task that was asked for. */
  private tail: Promise<unknown> = Promise.resolve();
  /** Why nothing may be written until the store has recovered. */
  private uncertainty: unknown;
  /** Why nothing more will be written. */
  fenced: StoreFencedError | undefined;

  constructor(private readonly schema: string) {}

  get isSuspended(): boolean {
    return this.fenced !== undefined || this.uncertainty !== undefined;
  }

  /** Runs behind what was asked for before, unless writing is suspended by then. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    return this.queued(async () => {
      if (this.fenced) throw this.fenced;
      if (this.uncertainty !== undefined)
        throw new Error(
          'The session with Postgres was lost, and recover() has not succeeded since; nothing was written.',
          {
            cause: this.uncertainty,
          },
        );
      return task();
    });
  }

  /** Runs behind what was asked for before, whatever became of it. */
  queued<T>(task: () => Promise<T>): Promise<T> {
    const result = this.tail.then(task);
    this.tail = result.catch(() => undefined);
    return result;
  }

  /** Runs a statement; remembers a failure after which nobody knows what has landed. */
  async attempt<T>(statement: () => Promise<T>): Promise<T> {
    try {
      return await statement();
    } catch (error) {
      // The keys say that somebody else has written what was ours to write.
      if (sqlStateOf(error) === UNIQUE_VIOLATION) throw this.stop('another process has written to it', error);
      this.suspend(error);
      throw error;
    }
  }

  suspend(reason: unknown): void {
    this.uncertainty ??= reason;
  }

  resume(): void {
    this.uncertainty = undefined;
  }

  /** Ends all writing, for good. */
  end(reason: StoreFencedError): StoreFencedError {
    this.fenced ??= reason;
    return this.fenced;
  }

  /** Ends all writing because the store is no longer ours. */
  stop(why: string, cause?: unknown): StoreFencedError {
    return this.end(
      new StoreFencedError(
        `The store in schema "${this.schema}" no longer belongs to this process: ${why}. Nothing was written. ` +
          'Make sure that only one process runs as this node, and start it again.',
        { cause },
      ),
    );
  }
}
