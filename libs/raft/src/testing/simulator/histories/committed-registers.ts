import type { Entry } from '../../../core/base/entry';
import { decodeCommand } from '../../../state-machine/entries/command-envelope';
import type { ClientHistory, ClientOperation } from './client-history';
import { describe } from './client-history';
import { applyCall, short, type RegisterAnswer, type RegisterValue } from '../registers/register-model';
import type { Path } from '../base/paths';
import { type EntryEffect, SessionModel } from '../registers/session-model';
import type { Verdict } from '../base/violation';

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
  private readonly sessions = new SessionModel();
  private lastIndex = 0;

  constructor(
    private readonly verdict: Verdict,
    private readonly history: ClientHistory,
    private readonly count: (path: Path, times?: number) => void = () => undefined,
  ) {}

  /** The next entry of the committed log. */
  add(entry: Entry): void {
    this.lastIndex = entry.index;
    const effect = this.judge(entry);
    if (entry.kind !== 'command' || effect !== 'applied') return;
    const { args, isRelayed } = decodeCommand(entry.data);
    if (isRelayed) this.count('sent a command on in a session');
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

  /** What the entry does by the rules of sessions, and which paths it stands for. */
  private judge(entry: Entry): EntryEffect {
    const { expired } = this.sessions;
    const effect = this.sessions.judge(entry);
    this.count('ended a session by its time', this.sessions.expired - expired);
    if (entry.kind === 'clock') this.count('put the time into an idle log');
    if (effect === 'repeated') this.count('filtered a repetition');
    if (effect === 'repeated by a node') this.count('filtered a repetition that a node sent');
    return effect;
  }

  /** Whether a session ends within these entries of which a command stands there, too, before its end. */
  hasEndWithin(entries: readonly Entry[]): boolean {
    const [first, last] = [entries[0]?.index ?? 0, entries.at(-1)?.index ?? 0];
    const ends = this.sessions.ends.filter(({ index }) => index > first && index <= last);
    if (ends.length === 0) return false;
    return entries.some(({ kind, index, data }) => {
      if (kind !== 'command') return false;
      const { session } = decodeCommand(data);
      return ends.some((end) => end.clientId === session?.clientId && index < end.index);
    });
  }

  /** @returns the index at which the command took effect; undefined where it didn't */
  placeOf(operation: ClientOperation): number | undefined {
    return this.effects.get(operation.id)?.index;
  }

  /** A client got this answer. */
  checkAnswer(operation: ClientOperation): void {
    const { call, key, index } = operation;
    const answer = operation.answer!;
    this.verdict.check(
      index <= this.lastIndex,
      'only what is committed is answered',
      () => `the log is committed up to ${this.lastIndex}:\n${describe(operation)}`,
    );
    const holds = call.kind === 'get' ? this.wasThere(key, index, answer.value) : this.isEffect(operation, answer);
    this.verdict.check(
      holds,
      'answers are what the log says',
      () => `the log says ${this.describeTruth(operation)}:\n${describe(operation)}`,
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

  /** A read belongs to its index or, where entries are applied while it is answered, to a later one. */
  private wasThere(key: string, index: number, value: RegisterValue): boolean {
    const later = (this.versions.get(key) ?? []).filter((version) => version.index > index);
    return this.valueAt(key, index) === value || later.some((version) => version.value === value);
  }

  private isEffect({ id, index }: ClientOperation, answer: RegisterAnswer): boolean {
    const effect = this.effects.get(id);
    return effect?.index === index && effect.answer.refused === answer.refused && effect.answer.value === answer.value;
  }

  private describeTruth({ id, key, index, call }: ClientOperation): string {
    const effect = this.effects.get(id);
    if (call.kind === 'get') return `${short(this.valueAt(key, index))} at index ${index}`;
    return effect === undefined ? 'that it never happened' : `${short(effect.answer.value)} at index ${effect.index}`;
  }

  private valueAt(key: string, index: number): RegisterValue {
    const versions = this.versions.get(key) ?? [];
    for (let at = versions.length - 1; at >= 0; at--) if (versions[at]!.index <= index) return versions[at]!.value;
    return null;
  }
}
