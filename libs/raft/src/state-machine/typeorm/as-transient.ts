import { RaftError } from '../../errors/raft-error';
import { TransientError } from './apply-batch';

/** Takes every error of the database for one of this moment, but for those that say what to do instead. */
export async function asTransient<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RaftError) throw error;
    throw new TransientError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
