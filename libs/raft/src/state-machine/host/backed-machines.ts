import { type LogId, ORIGIN } from '../../core/base/types';
import type { BackedCommand, BackedOutcome, BackedState } from '../declare/backing';
import type { AskOthers, CommandFates, SnapshotSource } from '../contract';
import type { HostedMachine } from './hosted-machine';
import { releaseAll } from '../snapshot/snapshot-writer';
import type { RunOutcome } from '../entries/run-outcome';

/** A command that waits to be applied with others. */
export interface PendingCommand {
  readonly machine: HostedMachine;
  readonly command: BackedCommand;
  /** Called with what became of it, in log order. */
  readonly done: (outcome: BackedOutcome) => void;
}

/** How many commands are applied together at most. */
const MAX_BATCH = 64;

interface Backed {
  readonly state: BackedState;
  last: LogId;
  outcomes: ReadonlyMap<number, RunOutcome>;
  /** Outcomes up to here are in a snapshot, and no longer here. */
  forgottenThrough: number;
}

/** The machines of a group whose state isn't in the process, and the commands that are gathered for them. */
export class BackedMachines {
  private readonly states = new Map<HostedMachine, Backed>();
  private pending: PendingCommand[] = [];
  private clusterId = '';
  private claimed: Promise<void> | undefined;

  add(machine: HostedMachine, state: BackedState): void {
    this.states.set(machine, { state, last: ORIGIN, outcomes: new Map(), forgottenThrough: 0 });
  }

  get isEmpty(): boolean {
    return this.states.size === 0;
  }

  has(machine: HostedMachine): boolean {
    return this.states.has(machine);
  }

  belongsTo(clusterId: string): void {
    this.clusterId = clusterId;
  }

  async prepare(): Promise<void> {
    for (const { state } of this.states.values()) await state.prepare();
  }

  /** Takes possession of every state, once. What failed is tried again by the next caller. */
  claim(): Promise<void> {
    this.claimed ??= this.claimAll().catch((error: unknown) => {
      this.claimed = undefined;
      throw error;
    });
    return this.claimed;
  }

  private async claimAll(): Promise<void> {
    for (const backed of this.states.values()) Object.assign(backed, await backed.state.open(this.clusterId));
  }

  /** Whether the state holds this command already: it was applied before the process started. */
  holds(machine: HostedMachine, index: number): boolean {
    return this.states.get(machine)!.last.index >= index;
  }

  /** The last command that any of the states holds. */
  get lastIndex(): number {
    return Math.max(0, ...Array.from(this.states.values(), ({ last }) => last.index));
  }

  /**
   * Whether the state has come further than a snapshot of this index, by itself, and everything that a replay from there asks
   * of it is there.
   */
  isAheadOf(machine: HostedMachine, index: number): boolean {
    const { last, forgottenThrough } = this.states.get(machine)!;
    return last.index >= index && forgottenThrough <= index;
  }

  /** @returns what a command that the state holds was answered with, where that was kept */
  keptOutcome(machine: HostedMachine, index: number): RunOutcome | undefined {
    return this.states.get(machine)!.outcomes.get(index);
  }

  /** Whether what waits has to be applied before another is enqueued. */
  get isFull(): boolean {
    return this.pending.length >= MAX_BATCH;
  }

  enqueue(command: PendingCommand): void {
    this.pending.push(command);
  }

  /** Applies what waits, each machine's commands together, and tells the outcomes in log order. */
  async flush(): Promise<void> {
    if (this.pending.length === 0) return;
    const pending = this.pending;
    this.pending = [];
    const outcomes = new Map<PendingCommand, BackedOutcome>();
    for (const [machine, backed] of this.states) {
      const own = pending.filter((each) => each.machine === machine);
      if (own.length === 0) continue;
      const applied = await backed.state.apply(own.map(({ command }) => command));
      own.forEach((each, at) => outcomes.set(each, applied[at]!));
      const { index, term } = own[own.length - 1]!.command;
      backed.last = { index, term };
    }
    for (const each of pending) each.done(outcomes.get(each)!);
  }

  /** Differs where hashes can't be compared. */
  version(): string {
    return [...this.states.values()].map(({ state }) => state.version()).join(' ');
  }

  /** Of all states as of what was flushed. */
  hash(): string {
    return [...this.states.values()].map(({ state }) => state.hash()).join(' ');
  }

  /** @returns machine → hash of its database's schema */
  schemaHashes(): ReadonlyMap<string, string> {
    const hashes = new Map<string, string>();
    for (const [{ name }, { state }] of this.states) {
      const hash = state.schemaHash();
      if (hash !== undefined) hashes.set(name, hash);
    }
    return hashes;
  }

  async fatesOf(name: string, indexes: readonly number[]): Promise<CommandFates> {
    const found = [...this.states].find(([machine]) => machine.name === name);
    if (found === undefined) throw new Error(`There are no tables of '${name}' here`);
    return found[1].state.fatesOf(indexes);
  }

  askOthers(ask: AskOthers): void {
    for (const [{ name }, { state }] of this.states) state.askOthers((indexes) => ask(name, indexes));
  }

  waitsFor(): string | undefined {
    for (const { state } of this.states.values()) {
      const sentence = state.waitsFor();
      if (sentence !== undefined) return sentence;
    }
    return undefined;
  }

  stopWaiting(): void {
    for (const { state } of this.states.values()) state.stopWaiting();
  }

  stateOf(machine: HostedMachine): BackedState {
    return this.states.get(machine)!.state;
  }

  /** Captures each of these machines, in this order; those that were captured are released where one fails. */
  async captureInto(machines: readonly HostedMachine[], sources: SnapshotSource[]): Promise<void> {
    try {
      for (const machine of machines) sources.push(await this.stateOf(machine).capture());
    } catch (error) {
      releaseAll(sources);
      throw error;
    }
  }

  /** Replaces one machine's state. */
  async restore(machine: HostedMachine, last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const backed = this.states.get(machine)!;
    await backed.state.restore(last, chunks);
    backed.last = last;
    backed.outcomes = new Map();
    backed.forgottenThrough = last.index;
  }

  async keepAside(label: string): Promise<void> {
    for (const { state } of this.states.values()) await state.keepAside(label);
  }

  async snapshotStored(index: number): Promise<void> {
    for (const { state } of this.states.values()) await state.snapshotStored(index);
  }

  async close(): Promise<void> {
    for (const { state } of this.states.values()) await state.close();
  }
}
