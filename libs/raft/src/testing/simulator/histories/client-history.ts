import { longestLinearization, type Operation, type SequentialModel } from './linearizability';
import {
  applyCall,
  describeCall,
  short,
  type RegisterAnswer,
  type RegisterCall,
  type RegisterValue,
} from '../registers/register-model';
import type { Verdict } from '../base/violation';

/** What a client knows of one of its calls. */
export interface ClientOperation {
  readonly id: number;
  readonly client: number;
  readonly node: string;
  readonly key: string;
  readonly call: RegisterCall;
  readonly consistency: 'linearizable' | 'lease' | 'stale';
  /** The index that a stale read has to reach; 0 for any. */
  readonly after: number;
  readonly calledAt: number;
  /** `unknown` until an answer comes, and for good where the answer doesn't say what became of the call. */
  outcome: 'unknown' | 'answered' | 'notApplied';
  answeredAt: number;
  answer: RegisterAnswer | undefined;
  /** The log index that the answer belongs to. */
  index: number;
  /** The error's code, where there was one. */
  code: string;
}

const REGISTER: SequentialModel<RegisterValue, RegisterCall, RegisterAnswer> = {
  initial: null,
  step(state, call, expected) {
    const { after, answer } = applyCall(state, call);
    const fits = expected === undefined || (answer.refused === expected.refused && answer.value === expected.value);
    return fits ? { state: after } : undefined;
  },
  identify: (state) => state ?? '\0',
  isBlind: (call) => call.kind === 'put',
  isLook: (call, { refused }) => call.kind === 'get' || refused,
};

/** Everything that clients called, in the order of the calls. */
export class ClientHistory {
  private readonly operations: ClientOperation[] = [];
  /** The greatest index in an answer up to each time at which it grew. */
  private readonly answeredUpTo: { readonly atMs: number; readonly index: number }[] = [];

  get length(): number {
    return this.operations.length;
  }

  get all(): readonly ClientOperation[] {
    return this.operations;
  }

  /** @returns the operation with this id, if there is one */
  find(id: number): ClientOperation | undefined {
    return this.operations[id - 1];
  }

  /**
   * Time goes on in one direction, for all clients together: what is asked after an answer is answered from that index on, or,
   * where it is a command, behind it. A stale read promises that only for what its client asks for.
   */
  checkOrder(verdict: Verdict, operation: ClientOperation): void {
    const { call, calledAt, index, consistency, answeredAt, after } = operation;
    if (consistency === 'stale') {
      verdict.check(
        index >= after,
        'a client reads its own writes',
        () => `it asked for ${after}:\n${describe(operation)}`,
      );
      return;
    }
    const earlier = this.answeredUpTo.findLast(({ atMs }) => atMs <= calledAt)?.index ?? 0;
    verdict.check(
      call.kind === 'get' ? index >= earlier : index > earlier,
      'what is answered later is not older',
      () => `an answer of before the call was of index ${earlier}:\n${describe(operation)}`,
    );
    if (index > (this.answeredUpTo.at(-1)?.index ?? 0)) this.answeredUpTo.push({ atMs: answeredAt, index });
  }

  /** @returns the greatest index in an answer that came by this time; 0 where there was none */
  answeredBy(timeMs: number): number {
    return this.answeredUpTo.findLast(({ atMs }) => atMs <= timeMs)?.index ?? 0;
  }

  begin(
    details: Pick<ClientOperation, 'client' | 'node' | 'key' | 'call' | 'consistency' | 'after' | 'calledAt'>,
  ): ClientOperation {
    const operation: ClientOperation = {
      ...details,
      id: this.operations.length + 1,
      outcome: 'unknown',
      answeredAt: 0,
      answer: undefined,
      index: 0,
      code: '',
    };
    this.operations.push(operation);
    return operation;
  }

  /**
   * Each key is an object of its own, so that each can be checked by itself. Stale reads promise less and aren't in it.
   *
   * @param placeOf where the log holds a command: what isn't there can't have taken effect and need not be tried, and what is
   *   there is tried in that order first
   */
  checkLinearizable(verdict: Verdict, placeOf: (operation: ClientOperation) => number | undefined): void {
    const byKey = new Map<string, ClientOperation[]>();
    for (const operation of this.operations) {
      if (operation.consistency === 'stale' || operation.outcome === 'notApplied') continue;
      if (operation.outcome === 'unknown' && (operation.call.kind === 'get' || placeOf(operation) === undefined))
        continue;
      const ofKey = byKey.get(operation.key);
      if (ofKey === undefined) byKey.set(operation.key, [operation]);
      else ofKey.push(operation);
    }
    for (const [key, operations] of byKey) {
      const { linearizable, ordered } = longestLinearization(
        REGISTER,
        operations.map((operation) => toOperation(operation, placeOf(operation) ?? operation.index + BEHIND)),
      );
      verdict.check(
        linearizable,
        'histories are linearizable',
        () => `key ${key}: only ${ordered} operations of these fit together\n${operations.map(describe).join('\n')}`,
      );
    }
  }
}

/** A read stands behind the command of its index. */
const BEHIND = 0.5;

function toOperation(
  { call, calledAt, outcome, answeredAt, answer }: ClientOperation,
  likely: number,
): Operation<RegisterCall, RegisterAnswer> {
  return outcome === 'answered'
    ? { call, calledAt, likely, answered: { at: answeredAt, answer: answer! } }
    : { call, calledAt, likely };
}

export function describe(operation: ClientOperation): string {
  const { id, client, node, key, call, calledAt, outcome, answeredAt, answer, index, code } = operation;
  const end =
    outcome === 'answered'
      ? `${answeredAt.toFixed(1)} ${answer!.refused ? 'refused, found' : 'answered'} ${short(answer!.value)} at index ${index}`
      : `${outcome} ${code}`;
  return `  operation ${id}, client ${client} on ${node}: ${key} ${describeCall(call)}, ${calledAt.toFixed(1)} … ${end}`;
}
