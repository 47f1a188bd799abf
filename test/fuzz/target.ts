import type { Mutator } from './mutator';

/** Something that reads bytes which anybody may have written. */
export interface FuzzTarget {
  readonly name: string;
  /** The next input: a valid one, changed. */
  next(mutator: Mutator): Buffer;
  /** Reads it. Whatever it throws has to be a refusal. */
  read(bytes: Buffer, mutator: Mutator): void | Promise<void>;
  /** Whether this is how it says that the bytes aren't what they should be. */
  isRefusal(error: unknown): boolean;
}
