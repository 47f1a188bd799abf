import assert from 'node:assert/strict';
import type { Entry } from '../../core/base/entry';
import type { SeededRandom } from '../../core/base/random';
import { type LogId, ORIGIN } from '../../core/base/types';
import type { CommandOutcome } from '../../state-machine/contract';
import { type GeneratedLog, probe } from './generated-log';
import type { StateMachineConformanceContext } from './state-machine-conformance-context';
import { TestedMachine } from './state-machine-conformance-context';

/** What a run did, so that a check can say that it was worth something. */
export interface CutCounts {
  slices: number;
  restarts: number;
  kills: number;
  snapshots: number;
  installs: number;
}

interface StoredSnapshot {
  readonly last: LogId;
  readonly chunks: readonly Uint8Array[];
}

/**
 * A node that gets a log in slices by chance, is stopped and killed and started again, takes snapshots and gets those of others.
 * After each slice it is compared with the machine that got the log entry by entry.
 */
export class CutNode {
  readonly counts: CutCounts = { slices: 0, restarts: 0, kills: 0, snapshots: 0, installs: 0 };
  private tested!: TestedMachine;
  private snapshot: StoredSnapshot | undefined;
  /** Up to here this node, in some life of it, was handed the log. */
  private handed = 0;

  constructor(
    private readonly context: StateMachineConformanceContext,
    private readonly log: GeneratedLog,
    private readonly random: SeededRandom,
  ) {}

  /** @param joins begins with a snapshot of another node @returns the machine, which has the whole log */
  async run(joins: boolean): Promise<TestedMachine> {
    this.tested = await this.context.create();
    if (joins) await this.install();
    while (this.tested.lastIndex < this.log.entries.length) await this.step();
    return this.tested;
  }

  get machine(): TestedMachine {
    return this.tested;
  }

  /** Asks for every session and key once more: a node that has other tables of clients answers otherwise. */
  async probe(): Promise<readonly CommandOutcome[]> {
    for (;;)
      try {
        await this.tested.apply(this.log.entries.slice(this.tested.lastIndex), () => false);
        return await probe(this.tested, this.log);
      } catch (error) {
        if (this.context.subject.isKilled?.(error) !== true) throw error;
        this.counts.kills++;
        await this.restart();
      }
  }

  private async step(): Promise<void> {
    const chance = this.random.next();
    if (chance < 0.12) await this.restart();
    else if (chance < 0.24) await this.takeSnapshot();
    else if (chance < 0.28) await this.install();
    else await this.applySlice();
  }

  private async applySlice(): Promise<void> {
    const { tested, log, random } = this;
    const from = tested.lastIndex;
    const length = random.next() < 0.3 ? 1 : random.between(1, 80);
    const slice = log.entries.slice(from, from + length);
    const waitsFor = random.next();
    const wanted = (index: number): boolean => index > this.handed && (index * 7919) % 100 < waitsFor * 100;
    const isReplay = (index: number): boolean => index <= this.handed;
    let outcomes: readonly CommandOutcome[];
    try {
      outcomes = await tested.apply(slice, wanted);
    } catch (error) {
      if (this.context.subject.isKilled?.(error) !== true) throw error;
      this.counts.kills++;
      this.handed = Math.max(this.handed, from + slice.length);
      await this.restart();
      return;
    }
    this.counts.slices++;
    for (const [at, entry] of slice.entries())
      this.compare(entry, outcomes[at]!, wanted(entry.index), isReplay(entry.index));
    this.handed = Math.max(this.handed, from + slice.length);
    await this.compareState(`after the entries ${from + 1} to ${from + slice.length} in one slice`);
  }

  /**
   * A value is there where somebody waits. Of a command that a state held before this process nobody knows what it answered,
   * unless it can be repeated; nobody waits for it, either.
   */
  private compare({ index, kind }: Entry, outcome: CommandOutcome, isWanted: boolean, isReplay: boolean): void {
    if (isReplay && kind === 'command' && !this.log.repeatable.has(index)) return;
    const expected = this.log.outcomes.get(index)!;
    const [here, there] = isWanted ? [outcome, expected] : [withoutValue(outcome), withoutValue(expected)];
    assert.deepEqual(here, there, `the outcome of entry ${index} (${kind})`);
  }

  private async compareState(when: string): Promise<void> {
    const { tested, log, context } = this;
    if (tested.lastIndex === 0 || tested.lastIndex < this.handed) return;
    assert.equal(await context.stateOf(tested), log.states.get(tested.lastIndex), `the state ${when}`);
  }

  /** The process ends, and the next one begins with what lasts: the newest snapshot, and a state that outlasts it. */
  private async restart(): Promise<void> {
    const { subject } = this.context;
    const { machine } = this.tested;
    await machine.close?.();
    this.counts.restarts++;
    this.handed = Math.max(this.handed, this.tested.lastIndex);
    this.tested = new TestedMachine(await (subject.restart?.(machine) ?? subject.create()));
    const { last } = await this.tested.machine.applied();
    if (last.index > 0) this.tested.lastIndex = last.index;
    else if (this.snapshot !== undefined) await this.tested.restore(this.snapshot.last, this.snapshot.chunks);
  }

  private async takeSnapshot(): Promise<void> {
    const { machine, last } = this.tested;
    if (last.index === ORIGIN.index || ((await machine.appliedElsewhere?.()) ?? 0) > last.index) return;
    this.snapshot = { last, chunks: await this.context.chunksOf(this.tested) };
    await machine.snapshotStored?.(last.index);
    this.counts.snapshots++;
  }

  /** A snapshot of another node takes the place of the state, and of the log up to it. */
  private async install(): Promise<void> {
    const { tested, log, random } = this;
    if (((await tested.machine.appliedElsewhere?.()) ?? 0) > tested.lastIndex) return;
    const later = [...log.snapshots].filter(([index]) => index > tested.lastIndex);
    const [index, chunks] = later[random.between(0, Math.min(3, later.length))] ?? [0, []];
    if (index === 0) return;
    const { term } = log.entries[index - 1]!;
    await tested.restore({ index, term }, chunks);
    this.snapshot = { last: { index, term }, chunks };
    this.handed = Math.max(this.handed, index);
    this.counts.installs++;
    await this.compareState(`after a snapshot of entry ${index} was installed`);
  }
}

/** A result that can't be sent shows only where somebody waits for it, as the value of any other does. */
function withoutValue(outcome: CommandOutcome): CommandOutcome {
  const isApplied = outcome.status === 'applied' || (outcome.status === 'failed' && outcome.isApplied === true);
  if (!isApplied) return outcome;
  const { firstIndex } = outcome;
  return { status: 'applied', value: undefined, ...(firstIndex === undefined ? {} : { firstIndex }) };
}
