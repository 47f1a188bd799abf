import { RaftError } from '../../errors/raft-error';
import type { CommandOutcome } from '../contract';
import { decodeValue } from './value-codec';

/**
 * What an outcome is to the caller, whether it called by a method or by name.
 *
 * A failed command is `RAFT_REJECTED` too, under a reason of its own: it stands in the log, its answer is final and the same on
 * every node, and sending it again would fail again, which is what callers do with that code.
 *
 * @param method its machine and name, for messages
 * @param failed the reason of a failure that is a bug of the machine
 * @throws RaftError `RAFT_REJECTED`; of a command in a session or with a key also `RAFT_SESSION_EXPIRED`, `RAFT_BUSY`, `RAFT_CONFLICT`
 */
export function outcomeValue(
  outcome: CommandOutcome,
  method: string,
  failed: 'COMMAND_FAILED' | 'QUERY_FAILED',
): unknown {
  switch (outcome.status) {
    case 'applied':
      return outcome.value === undefined ? undefined : decodeValue(outcome.value, `the result of ${method}`);
    case 'rejected':
      throw new RaftError('RAFT_REJECTED', `${method} was refused: ${outcome.reason}`, {
        reason: outcome.reason,
        details: outcome.details,
      });
    case 'failed':
      throw new RaftError('RAFT_REJECTED', outcome.message, { reason: failed });
    case 'sessionExpired':
      throw new RaftError('RAFT_SESSION_EXPIRED', outcome.message);
    case 'busy':
      throw new RaftError('RAFT_BUSY', outcome.message, {
        reason: outcome.reason,
        retryAfterMs: outcome.retryAfterMs ?? 1000,
      });
    case 'conflict':
      throw new RaftError('RAFT_CONFLICT', outcome.message, { reason: 'IDEMPOTENCY_KEY_REUSED' });
  }
}
