import { isRaftError, RaftError, type RaftErrorCode } from '../../../errors/raft-error';

/** What a machine's refusal is to the caller: its reason, and the code and the sentence that stand for it. */
export type Refusals = Readonly<Record<string, readonly [code: RaftErrorCode, sentence: (details: unknown) => string]>>;

/** @returns what `call` resolves with; a refusal that `refusals` knows fails with its own code */
export async function refusing<T>(refusals: Refusals, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const known = isRaftError(error) && error.code === 'RAFT_REJECTED' ? refusals[error.reason ?? ''] : undefined;
    if (known === undefined || !isRaftError(error)) throw error;
    const [code, sentence] = known;
    const { reason, details } = error;
    throw new RaftError(code, sentence(details), { reason, details, cause: error });
  }
}
