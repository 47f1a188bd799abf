import { crc32c } from '../../core/base/checksum';
import { RaftError } from '../../errors/raft-error';
import type { Entry } from '../../core/base/entry';
import type { LogId } from '../../core/base/types';
import { readCommandName } from '../entries/command-envelope';
import type { AppliedState, CommandOutcome, ReplicatedStateMachine, SnapshotSource } from '../contract';
import { describeMachineClass, type StateMachineClass } from '../declare/machine-class';
import { StateMachineHost, type StateMachineHostOptions } from './state-machine-host';
import { encodeValue } from '../codec/value-codec';

const EVERYTHING = (): boolean => true;
/** How many entries are applied between two looks at the whole state. */
const COMPARE_STATE_EVERY = 1024;

/** A command gave something else, or left another state, when it was run again: replicas would differ. */
export class UnrepeatableCommandError extends Error {
  override readonly name = 'UnrepeatableCommandError';
}

/**
 * Runs every command twice, on two instances of each machine that share nothing, and stops where they differ: in answers at once,
 * in state every thousand entries and at each snapshot. For development; it doubles memory and time.
 *
 * @internal
 */
export class TwinCheckedHost implements ReplicatedStateMachine {
  private readonly host: StateMachineHost;
  private readonly twin: StateMachineHost;
  private sinceLook = 0;

  /**
   * @param machines instances of classes with `@RaftStateMachine`, in memory
   * @param twins other instances of the same classes
   */
  constructor(machines: readonly object[], twins: readonly object[], options: StateMachineHostOptions = {}) {
    const backed = machines.find((machine) => describeMachineClass(machine.constructor as StateMachineClass).backing);
    if (backed !== undefined)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `checkDeterminism runs commands twice on a copy, and the state of ${backed.constructor.name} is in a database: turn it off for this group.`,
      );
    this.host = new StateMachineHost(machines, options);
    this.twin = new StateMachineHost(twins);
  }

  applied(): Promise<AppliedState> {
    return this.host.applied();
  }

  async apply(entries: readonly Entry[]): Promise<readonly CommandOutcome[]> {
    const outcomes = await this.host.apply(entries, EVERYTHING);
    const again = await this.twin.apply(entries.map(copied), EVERYTHING);
    entries.forEach((entry, at) => {
      if (!isSame(outcomes[at]!, again[at]!))
        throw unrepeatable(`${commandOf(entry)} at entry ${entry.index} gave another answer when it was run again`);
    });
    this.sinceLook += entries.length;
    if (this.sinceLook >= COMPARE_STATE_EVERY) await this.compareStates();
    return outcomes;
  }

  refusalOf(command: Uint8Array): string | undefined {
    return this.host.refusalOf(command);
  }

  query(query: Uint8Array): Promise<CommandOutcome> {
    return this.host.query(query);
  }

  async capture(): Promise<SnapshotSource> {
    await this.compareStates();
    return this.host.capture();
  }

  async restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const kept: Uint8Array[] = [];
    await this.host.restore(last, keeping(chunks, kept));
    await this.twin.restore(last, again(kept));
  }

  clusterTimeMs(): number {
    return this.host.clusterTimeMs();
  }

  nextExpiryMs(): number | undefined {
    return this.host.nextExpiryMs();
  }

  commands(): ReadonlyMap<string, number> {
    return this.host.commands();
  }

  nameOf(command: Uint8Array): string | undefined {
    return this.host.nameOf(command);
  }

  digest(index?: number): ReturnType<StateMachineHost['digest']> {
    return this.host.digest(index);
  }

  stateToHash(): ReturnType<StateMachineHost['stateToHash']> {
    return this.host.stateToHash();
  }

  async close(): Promise<void> {
    await this.host.close();
    await this.twin.close();
  }

  private async compareStates(): Promise<void> {
    this.sinceLook = 0;
    if ((await hashOf(this.host)) !== (await hashOf(this.twin)))
      throw unrepeatable('The commands up to here left another state when they were run again');
  }
}

function unrepeatable(what: string): UnrepeatableCommandError {
  return new UnrepeatableCommandError(
    `${what}: it depends on something that isn't the same on every node, such as Date.now(), Math.random(), a module's own variables or an injected service. Use context.now, context.random() and the machine's state alone.`,
  );
}

function commandOf(entry: Entry): string {
  if (entry.kind !== 'command') return `An entry of kind ${entry.kind}`;
  const { machine, command } = readCommandName(entry.data);
  return `The command ${machine}.${command}`;
}

function isSame(one: CommandOutcome, other: CommandOutcome): boolean {
  return Buffer.compare(encodeValue({ ...one }), encodeValue({ ...other })) === 0;
}

/** Of bytes of its own: a machine may keep what it is given. */
function copied(entry: Entry): Entry {
  return { ...entry, data: entry.data.slice() };
}

async function hashOf(host: StateMachineHost): Promise<number> {
  const source = await host.capture();
  let hash = 0;
  try {
    for await (const chunk of source.chunks()) hash = crc32c(hash, chunk);
  } finally {
    source.release();
  }
  return hash;
}

async function* keeping(chunks: AsyncIterable<Uint8Array>, kept: Uint8Array[]): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    kept.push(chunk.slice());
    yield chunk;
  }
}

async function* again(kept: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of kept) yield await Promise.resolve(chunk);
}
