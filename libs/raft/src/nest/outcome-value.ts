import { RaftError } from '../core/raft-error';
import type { Ordered } from '../runtime/raft-node-options';
import type { CommandOutcome } from '../state-machine/contract';
import { decodeValue } from '../state-machine/value-codec';

/**
 * What an outcome is to a caller by name; the same as through the methods of `Replicated<T>`.
 *
 * @param failed the reason of a failure that is a bug of the machine
 * @throws RaftError `RAFT_REJECTED`
 */
export function outcomeValue(
  { value: outcome, index }: Ordered<CommandOutcome>,
  method: string,
  failed: 'COMMAND_FAILED' | 'QUERY_FAILED',
): Ordered<unknown> {
  switch (outcome.status) {
    case 'applied':
      return {
        value: outcome.value === undefined ? undefined : decodeValue(outcome.value, `the result of ${method}`),
        index,
      };
    case 'rejected':
      throw new RaftError('RAFT_REJECTED', `${method} was refused: ${outcome.reason}`, {
        reason: outcome.reason,
        details: outcome.details,
      });
    case 'failed':
      throw new RaftError('RAFT_REJECTED', outcome.message, { reason: failed });
  }
}
