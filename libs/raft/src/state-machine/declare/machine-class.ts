import { types } from 'node:util';
import { RaftError } from '../../errors/raft-error';
import type { MachineBacking } from './backing';
import { DECORATOR_NAMES, type DecoratedMethod, type MachineMetadata, metadataOf } from './machine-metadata';

/** The class of a state machine. @publicApi */
export type StateMachineClass<T extends object = object> = abstract new (...args: never[]) => T;

/** What is known of a class that has passed every check. */
export interface MachineDescription {
  readonly name: string;
  readonly commands: ReadonlyMap<string, DecoratedMethod>;
  readonly queries: ReadonlyMap<string, DecoratedMethod>;
  /** Undefined where the state has a backing. */
  readonly snapshot: string | undefined;
  readonly restore: string | undefined;
  /** Of what a capture writes. */
  readonly snapshotVersion: number;
  readonly backing: MachineBacking | undefined;
}

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;

/**
 * Names that the injected object can't have as its own: `then` would make it a promise, Nest would call its life-cycle hooks
 * as commands, and inherited ones are called by everybody.
 */
const RESERVED: ReadonlySet<string> = new Set([
  'then',
  'onModuleInit',
  'onApplicationBootstrap',
  'onModuleDestroy',
  'beforeApplicationShutdown',
  'onApplicationShutdown',
  'constructor',
  'toJSON',
  ...Object.getOwnPropertyNames(Object.prototype),
]);

const described = new WeakMap<object, MachineDescription>();

/**
 * Checks a class that is used as a state machine.
 *
 * @throws RaftError `RAFT_CONFIGURATION`, with a sentence for each fault: what is wrong and what to write instead
 * @publicApi
 */
export function describeMachineClass(type: StateMachineClass): MachineDescription {
  const known = described.get(type);
  if (known !== undefined) return known;
  const metadata = metadataOf(type);
  const label = type.name === '' ? 'A class without a name' : type.name;
  // Only its own name counts: a subclass that inherits it would stand in the log under its parent's.
  const name = metadata !== undefined && ownsMetadata(type, metadata) ? metadata.name : undefined;
  if (metadata === undefined || name === undefined)
    throw refusal(`${label} has no @RaftStateMachine(name): put it on the class.`);
  const faults = faultsOf(type, metadata, name);
  if (faults.length > 0) throw refusal(`${label} can't be a state machine. ${faults.join(' ')}`);
  const description: MachineDescription = {
    name,
    commands: methodsOf(metadata, 'command'),
    queries: methodsOf(metadata, 'query'),
    snapshot: methodNames(metadata, 'snapshot')[0],
    restore: methodNames(metadata, 'restore')[0],
    snapshotVersion: metadata.methods.find(({ role }) => role === 'snapshot')?.schemaVersion ?? 0,
    backing: metadata.backing,
  };
  described.set(type, description);
  return description;
}

function ownsMetadata(type: StateMachineClass, metadata: MachineMetadata): boolean {
  const parent: unknown = Object.getPrototypeOf(type);
  return typeof parent !== 'function' || metadataOf(parent) !== metadata;
}

function faultsOf(type: StateMachineClass, metadata: MachineMetadata, name: string): string[] {
  const faults = [...metadata.faults];
  if (typeof name !== 'string' || !NAME.test(name))
    faults.push(
      `Its name is ${JSON.stringify(name)}: it must be 1 to 63 characters of [A-Za-z0-9_.-] and begin with a letter.`,
    );
  if (methodNames(metadata, 'command').length === 0)
    faults.push('It has no command: put @RaftCommand() on the methods that change its state.');
  faults.push(...pairFaults(metadata));
  for (const method of metadata.methods) faults.push(...methodFaults(type, method, metadata.backing !== undefined));
  return faults;
}

function pairFaults(metadata: MachineMetadata): string[] {
  const snapshots = methodNames(metadata, 'snapshot');
  const restores = methodNames(metadata, 'restore');
  const { backing } = metadata;
  if (backing !== undefined) {
    if (snapshots.length + restores.length === 0) return [];
    return [
      `It has ${backing.kind}(), which takes snapshots automatically: remove @RaftSnapshot() and @RaftRestore().`,
    ];
  }
  if (snapshots.length === 0 && restores.length === 0)
    return [
      'It has neither @RaftSnapshot() nor @RaftRestore(): without them its log could never be shortened. ' +
        'With its state in a SnapshotMap they are one line each: map.capture() and map.restore(chunks).',
    ];
  const faults: string[] = [];
  if (snapshots.length === 0) faults.push('It has @RaftRestore() and no @RaftSnapshot(): it needs the pair.');
  if (restores.length === 0) faults.push('It has @RaftSnapshot() and no @RaftRestore(): it needs the pair.');
  if (snapshots.length > 1) faults.push(`It has @RaftSnapshot() on ${snapshots.join(' and ')}: one is needed.`);
  if (restores.length > 1) faults.push(`It has @RaftRestore() on ${restores.join(' and ')}: one is needed.`);
  return faults;
}

function methodFaults(type: StateMachineClass, { name, role }: DecoratedMethod, isBacked: boolean): string[] {
  const decorator = DECORATOR_NAMES[role];
  const method = (type.prototype as Record<string, unknown>)[name];
  if (typeof method !== 'function') return [`${name} has ${decorator}() and is no method.`];
  const faults: string[] = [];
  if (role === 'command' && !isBacked && types.isAsyncFunction(method))
    faults.push(
      `The command ${name} is async: a command ends before the next one begins. Wait for what it needs before the call, and pass it as an argument.`,
    );
  if (types.isGeneratorFunction(method) && role !== 'restore')
    faults.push(`${name} has ${decorator}() and is a generator: return a value.`);
  if ((role === 'command' || role === 'query') && (RESERVED.has(name) || name.startsWith('$')))
    faults.push(`${name} can't be called from outside, as the name has another meaning there: rename the method.`);
  if (Buffer.byteLength(name) > 255) faults.push(`The name of ${name} has more than 255 bytes: shorten it.`);
  return faults;
}

function methodNames(metadata: MachineMetadata, role: DecoratedMethod['role']): string[] {
  return metadata.methods.filter((method) => method.role === role).map((method) => method.name);
}

function methodsOf(metadata: MachineMetadata, role: DecoratedMethod['role']): ReadonlyMap<string, DecoratedMethod> {
  return new Map(metadata.methods.filter((method) => method.role === role).map((method) => [method.name, method]));
}

function refusal(sentence: string): RaftError {
  return new RaftError('RAFT_CONFIGURATION', sentence);
}
