import assert from 'node:assert/strict';
import { type Entry, type EntryKind, makeEntry } from '../../core/base/entry';
import type { LogId } from '../../core/base/types';
import { encodeClock } from '../../state-machine/entries/clock-entry';
import { stampCommandTime } from '../../state-machine/entries/command-envelope';
import type { CommandOutcome, ReplicatedStateMachine, SnapshotSource } from '../../state-machine/contract';

/** A state machine under test, and what can be asked of it. @publicApi */
export interface StateMachineConformanceSubject {
  /** A machine of its own, that nothing was applied to. */
  create(): ReplicatedStateMachine | Promise<ReplicatedStateMachine>;
  /**
   * Of a state that outlasts its process: the machine of the same node in its next process, which finds what was left.
   * Default: `create`, as nothing lasts.
   *
   * @param machine the one of the process before, which was closed
   */
  restart?(machine: ReplicatedStateMachine): ReplicatedStateMachine | Promise<ReplicatedStateMachine>;
  /** Whether `apply` was ended by the test on purpose, as a kill of the process ends it: the node is started again then. */
  isKilled?(error: unknown): boolean;
  /**
   * An encoded command that changes the state, so that {@link query} shows it, and whose result depends on what was applied
   * before. It may draw random numbers and read the time from its context.
   *
   * @param number 1, 2, 3, …; another number, another change
   */
  command(number: number): Uint8Array;
  /** An encoded command that refuses, with details, and changes nothing. */
  refusedCommand(): Uint8Array;
  /** An encoded command that fails by a bug. */
  failingCommand(): Uint8Array;
  /** An encoded command that the machine doesn't have. */
  unknownCommand(): Uint8Array;
  /** An encoded query whose answer shows the whole state. */
  query(): Uint8Array;
  /** The whole state as a text, where one query doesn't show it. Default: the answer of {@link query}. */
  stateOf?(machine: ReplicatedStateMachine): Promise<string>;
}

const ALL = (): boolean => true;
const NONE = (): boolean => false;
const TERM = 3;

/** A machine, the log that it gets, and what became of the entries. */
export class TestedMachine {
  lastIndex = 0;
  readonly outcomes: CommandOutcome[] = [];

  constructor(readonly machine: ReplicatedStateMachine) {}

  get last(): LogId {
    return this.lastIndex === 0 ? { term: 0, index: 0 } : { term: TERM, index: this.lastIndex };
  }

  /** Applies entries of the log behind what was applied. @returns their outcomes */
  async apply(entries: readonly Entry[], wanted: (index: number) => boolean = ALL): Promise<readonly CommandOutcome[]> {
    const outcomes = await this.machine.apply(entries, wanted);
    assert.equal(outcomes.length, entries.length, 'there is one outcome for each entry');
    this.outcomes.push(...outcomes);
    this.lastIndex = entries.at(-1)?.index ?? this.lastIndex;
    return outcomes;
  }

  async restore(last: LogId, chunks: readonly Uint8Array[]): Promise<void> {
    await this.machine.restore(last, replay(chunks));
    this.lastIndex = last.index;
  }
}

/** What a check works with. */
export class StateMachineConformanceContext {
  constructor(readonly subject: StateMachineConformanceSubject) {}

  async create(): Promise<TestedMachine> {
    return new TestedMachine(await this.subject.create());
  }

  /** A machine with these commands applied. */
  async createWith(log: readonly Entry[]): Promise<TestedMachine> {
    const tested = await this.create();
    await tested.apply(log);
    return tested;
  }

  entry(index: number, kind: EntryKind, data: Uint8Array = new Uint8Array(0)): Entry {
    return makeEntry(index, TERM, { kind, schemaVersion: 0, data });
  }

  /** Commands `from` to `to` at these very indexes, each stamped with a time of its own. */
  commands(from: number, to: number): Entry[] {
    return Array.from({ length: to - from + 1 }, (_, i) => this.stamped(from + i, this.subject.command(from + i)));
  }

  stamped(index: number, command: Uint8Array, timeMs = 1000 * index): Entry {
    const data = command.slice();
    stampCommandTime(data, timeMs);
    return this.entry(index, 'command', data);
  }

  clock(index: number, timeMs: number): Entry {
    return this.entry(index, 'clock', encodeClock(timeMs));
  }

  /** The whole state, as the query shows it. */
  async stateOf({ machine }: TestedMachine): Promise<string> {
    if (this.subject.stateOf !== undefined) return this.subject.stateOf(machine);
    const outcome = await machine.query(this.subject.query());
    assert.equal(outcome.status, 'applied', `the query is answered: ${JSON.stringify(outcome)}`);
    assert.ok(outcome.status === 'applied' && outcome.value !== undefined, 'the answer of a query is encoded');
    return Buffer.from(outcome.value).toString('hex');
  }

  async assertSameState(left: TestedMachine, right: TestedMachine, message: string): Promise<void> {
    assert.equal(await this.stateOf(left), await this.stateOf(right), message);
    assert.equal(left.machine.clusterTimeMs(), right.machine.clusterTimeMs(), `${message}: the cluster's time`);
  }

  async chunksOf({ machine }: TestedMachine): Promise<Uint8Array[]> {
    return readChunks(await machine.capture());
  }
}

/** Reads a capture to its end, and lets go of it. */
export async function readChunks(source: SnapshotSource): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of source.chunks()) chunks.push(chunk);
  } finally {
    source.release();
  }
  return chunks;
}

export async function* replay(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
}

export { ALL, NONE };
