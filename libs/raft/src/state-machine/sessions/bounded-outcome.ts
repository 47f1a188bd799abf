import { MAX_RESULT_BYTES } from '../entries/client-limits';
import { failed, resultUnsent } from './command-failure';
import { storedAnswer } from './stored-answer';
import type { RunOutcome } from '../entries/run-outcome';

/** The message of a failed command is cut here. */
const MAX_MESSAGE = 4096;

/**
 * An outcome of a command that was applied with others. Its answer has at most {@link MAX_RESULT_BYTES}, so that the room that it
 * takes is bounded before it is there.
 */
export function boundedOutcome(outcome: RunOutcome, method: string): RunOutcome {
  switch (outcome.status) {
    case 'applied':
      if ((outcome.value?.length ?? 0) <= MAX_RESULT_BYTES) return outcome;
      return resultUnsent(method, `it has ${outcome.value!.length} bytes, and may have ${MAX_RESULT_BYTES}`);
    case 'rejected': {
      const { length } = storedAnswer(0, outcome).bytes;
      if (length <= MAX_RESULT_BYTES) return outcome;
      return failed(`${method} refused, with details of ${length} bytes; a refusal may have ${MAX_RESULT_BYTES}.`);
    }
    case 'failed':
      return outcome.message.length <= MAX_MESSAGE
        ? outcome
        : { ...outcome, message: outcome.message.slice(0, MAX_MESSAGE) };
  }
}
