import type { Entry } from '../../core/entry';
import { decodeCommand } from '../../state-machine/command-envelope';
import type { ClientHistory, ClientOperation } from './client-history';
import { describe } from './client-history';
import { applyCall, type RegisterAnswer, type RegisterValue } from './register-model';
import type { Verdict } from './violation';

interface Version {
  readonly index: number;
  readonly value: RegisterValue;
}

/**
 * What the committed log makes of the registers, computed from the log alone. Every answer that a client gets is compared
 * with it: the log is the truth, whatever the nodes say.
 */
export class CommittedRegisters {
  private readonly versions = new Map<string, Version[]>();
  private readonly effects = new Map<number, { readonly index: number; readonly answer: RegisterAnswer }>();
  private lastIndex = 0;

  constructor(
    private readonly verdict: Verdict,
    private readonly history: ClientHistory,
  ) {}

  /** The next entry of the committed log. */
  add(entry: Entry): void {
    this.lastIndex = entry.index;
    if (entry.kind !== 'command') return;
    const { args } = decodeCommand(entry.data);
    const operation = this.history.find(args[0] as number);
    if (operation === undefined) this.verdict.fail('only what was called is applied', `entry ${entry.index}`);
    const { id, key, call } = operation;
    this.verdict.check(
      operation.outcome !== 'notApplied',
      'what was answered as not applied never is',
      () => `it is committed at index ${entry.index}:\n${describe(operation)}`,
    );
    this.verdict.check(
      !this.effects.has(id),
      'a command is applied once',
      () => `at index ${this.effects.get(id)!.index} and at ${entry.index}:\n${describe(operation)}`,
    );
    const { after, answer } = applyCall(this.valueAt(key, entry.index), call);
    this.effects.set(id, { index: entry.index, answer });
    const versions = this.versions.get(key);
    if (versions === undefined) this.versions.set(key, [{ index: entry.index, value: after }]);
    else versions.push({ index: entry.index, value: after });
  }

  tookEffect(operation: ClientOperation): boolean {
    return this.effects.has(operation.id);
  }

  /** A client got this answer. */
  checkAnswer(operation: ClientOperation): void {
    const { call, key, index, id } = operation;
    const answer = operation.answer!;
    this.verdict.check(
      index <= this.lastIndex,
      'only what is committed is answered',
      () => `the log is committed up to ${this.lastIndex}:\n${describe(operation)}`,
    );
    const expected =
      call.kind === 'get' ? { index, answer: { refused: false, value: this.valueAt(key, index) } } : this.effects.get(id);
    this.verdict.check(
      expected?.index === index &&
        expected.answer.refused === answer.refused &&
        expected.answer.value === answer.value,
      'answers are what the log says',
      () =>
        `the log says ${expected ? `${expected.answer.value} at index ${expected.index}` : 'that it never happened'}:\n` +
        describe(operation),
    );
  }

  /** A client was told that its command is not applied. */
  checkNotApplied(operation: ClientOperation): void {
    this.verdict.check(
      !this.effects.has(operation.id),
      'what was answered as not applied never is',
      () => `it was committed at index ${this.effects.get(operation.id)!.index}:\n${describe(operation)}`,
    );
  }

  /** @returns every key with its value, sorted, as a node that has applied everything must have them */
  everything(): [string, string][] {
    return [...this.versions.keys()]
      .sort()
      .map((key): [string, string] => [key, this.valueAt(key, this.lastIndex) ?? ''])
      .filter(([, value]) => value !== '');
  }

  private valueAt(key: string, index: number): RegisterValue {
    const versions = this.versions.get(key) ?? [];
    for (let at = versions.length - 1; at >= 0; at--) {
      if (versions[at]!.index <= index) return versions[at]!.value;
    }
    return null;
  }
}
