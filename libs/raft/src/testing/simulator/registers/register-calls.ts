import type { CommandOutcome } from '../../../state-machine/contract';
import { decodeValue } from '../../../state-machine/codec/value-codec';
import type { RegisterAnswer, RegisterCommand, RegisterValue } from './register-model';

/** @returns what the command has beside the operation and the key */
export function argumentsOf(call: RegisterCommand): readonly unknown[] {
  switch (call.kind) {
    case 'increment':
      return [];
    case 'put':
    case 'append':
      return [call.value];
    case 'compareAndSet':
      return [call.expected, call.value];
  }
}

/** @returns undefined where the registers don't answer like that */
export function answerOf(outcome: CommandOutcome): RegisterAnswer | undefined {
  switch (outcome.status) {
    case 'applied':
      if (outcome.value === undefined) return undefined;
      return { refused: false, value: decodeValue(outcome.value) as RegisterValue };
    case 'rejected':
      return outcome.reason === 'MISMATCH' ? { refused: true, value: outcome.details as RegisterValue } : undefined;
    case 'failed':
    case 'sessionExpired':
    case 'busy':
    case 'conflict':
      return undefined;
  }
}
