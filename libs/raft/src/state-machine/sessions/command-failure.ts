import { isRaftRejection, type RaftRejection } from '../declare/raft-rejection';
import type { RunOutcome } from '../entries/run-outcome';
import { decodeValue, encodeValue } from '../codec/value-codec';

/** The engine's own errors, whose texts differ from one version of it to another. */
const ENGINE_ERRORS: ReadonlySet<string> = new Set([
  'TypeError',
  'ReferenceError',
  'RangeError',
  'SyntaxError',
  'EvalError',
  'URIError',
]);

/** What a thrown value is as an outcome. It must be the same on every node, so it says nothing that depends on this one. */
export function outcomeOfThrown(thrown: unknown, method: string): RunOutcome {
  if (isRaftRejection(thrown)) return rejected(thrown, method);
  return failed(
    `${method} threw ${describeThrown(thrown)}. That is a bug of the state machine; the nodes' logs have the stack.`,
  );
}

export function failed(message: string): RunOutcome {
  return { status: 'failed', message };
}

/** The command ran, and what it did stays; nobody can be told its result. */
export function resultUnsent(method: string, why: string): RunOutcome {
  return { status: 'failed', message: `${method} was applied, but its result can't be sent: ${why}`, isApplied: true };
}

/** Details pass the codec, so that they are what a caller on another node gets, and aren't the machine's own objects. */
function rejected(rejection: RaftRejection, method: string): RunOutcome {
  // Types don't hold what was thrown.
  const [reason, message] = [rejection.reason, rejection.message].map(String) as [string, string];
  try {
    return {
      status: 'rejected',
      reason,
      message,
      details: decodeValue(encodeValue(rejection.details, 'details'), 'details'),
    };
  } catch (error) {
    return failed(`${method} refused with ${reason}, and details that can't be sent: ${(error as Error).message}`);
  }
}

function describeThrown(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || !('message' in thrown)) return 'something that is no Error';
  const { name, message } = thrown as Partial<Error>;
  const label = typeof name === 'string' && name !== '' ? name : 'Error';
  return ENGINE_ERRORS.has(label) || typeof message !== 'string' || message === '' ? label : `${label}: ${message}`;
}
