import { RaftError } from '../../errors/raft-error';
import type { MachineBacking } from '../declare/backing';
import type { SnapshotSource } from '../contract';
import { describeMachineClass, type MachineDescription, type StateMachineClass } from '../declare/machine-class';
import { machineSeed } from './machine-context';

type Method = (...args: unknown[]) => unknown;

/** One machine in a host: its instance, and what its class says of it. */
export class HostedMachine {
  readonly name: string;
  /** Where its state is; undefined for the instance itself. */
  readonly backing: MachineBacking | undefined;
  /** Seeds what its commands draw. */
  readonly seed: number;
  private readonly description: MachineDescription;
  private readonly methods: Readonly<Record<string, Method>>;

  constructor(readonly instance: object) {
    this.description = describeMachineClass(instance.constructor as StateMachineClass);
    this.name = this.description.name;
    this.backing = this.description.backing;
    this.seed = machineSeed(this.name);
    this.methods = instance as unknown as Record<string, Method>;
  }

  hasCommand(name: string): boolean {
    return this.description.commands.has(name);
  }

  hasQuery(name: string): boolean {
    return this.description.queries.has(name);
  }

  /** The version of the arguments that a command takes. */
  versionOf(command: string): number {
    return this.description.commands.get(command)!.schemaVersion;
  }

  /** The version of what a capture writes. */
  get snapshotVersion(): number {
    return this.description.snapshotVersion;
  }

  /** @returns the commands and the versions of their arguments */
  commandVersions(): readonly (readonly [command: string, version: number])[] {
    return [...this.description.commands.values()].map(({ name, schemaVersion }) => [name, schemaVersion]);
  }

  /** Brings arguments that an older version wrote up to this one. */
  upgraded(command: string, args: readonly unknown[], from: number): readonly unknown[] {
    const { schemaVersion, upgrade } = this.description.commands.get(command)!;
    let upgraded = args;
    for (let version = from; version < schemaVersion; version++) {
      const step = upgrade[version] as ((...args: readonly unknown[]) => readonly unknown[]) | undefined;
      if (step !== undefined) upgraded = step(...upgraded);
    }
    return upgraded;
  }

  call(method: string, context: object, args: readonly unknown[]): unknown {
    return this.methods[method]!.call(this.instance, context, ...args);
  }

  capture(): SnapshotSource {
    const method = this.description.snapshot!;
    const source = this.methods[method]!.call(this.instance);
    if (isSnapshotSource(source)) return source;
    throw new Error(
      `${this.name}.${method} has @RaftSnapshot() and must return a SnapshotSource at once: { chunks(), release() }`,
    );
  }

  /** @param version of the machine that wrote the chunks */
  async restore(chunks: AsyncIterable<Uint8Array>, version: number): Promise<void> {
    await this.methods[this.description.restore!]!.call(this.instance, chunks, { version });
  }
}

/**
 * Puts the machines of a group together.
 *
 * @throws RaftError `RAFT_CONFIGURATION` one of them can't be a state machine, or two have one name
 */
export function hostMachines(instances: readonly object[]): ReadonlyMap<string, HostedMachine> {
  const machines = new Map<string, HostedMachine>();
  for (const instance of instances) {
    const machine = new HostedMachine(instance);
    const other = machines.get(machine.name);
    if (other !== undefined)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `Two state machines of one group are named '${machine.name}': the name stands in the log and tells them apart. ` +
          'Give each class a name of its own in @RaftStateMachine(name).',
      );
    machines.set(machine.name, machine);
  }
  return machines;
}

function isSnapshotSource(value: unknown): value is SnapshotSource {
  if (typeof value !== 'object' || value === null) return false;
  const { chunks, release } = value as Partial<SnapshotSource>;
  return typeof chunks === 'function' && typeof release === 'function';
}
