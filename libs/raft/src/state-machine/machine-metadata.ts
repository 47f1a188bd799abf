import type { MachineBacking } from './backing';

/** The key is shared by the copies of this package in one tree, so that a library's machines are known to an application's host. */
const METADATA: unique symbol = Symbol.for('nestjs-raft.state-machine') as never;

/** What a method of a state machine is for. */
export type MethodRole = 'command' | 'query' | 'snapshot' | 'restore';

/** Options of one command. @publicApi */
export interface RaftCommandOptions {
  /** The version of the command's schema; it stands in the entry, so that old entries can be told apart. Default 0. */
  readonly schemaVersion?: number;
}

export interface DecoratedMethod {
  readonly name: string;
  readonly role: MethodRole;
  readonly schemaVersion: number;
}

/** What the decorators said of one class. Faults are kept, and told when a host or a caller is made of the class. */
export interface MachineMetadata {
  name: string | undefined;
  /** Where the state is; undefined for the instance itself. */
  backing: MachineBacking | undefined;
  readonly methods: DecoratedMethod[];
  readonly faults: string[];
}

interface Decorated {
  [METADATA]?: MachineMetadata;
}

/** @returns the class's own metadata, made where it has none: a subclass begins with a copy of what it inherits */
export function ownMetadata(target: object): MachineMetadata {
  if (Object.hasOwn(target, METADATA)) return (target as Required<Decorated>)[METADATA];
  const inherited = (target as Decorated)[METADATA];
  const metadata: MachineMetadata = {
    name: undefined,
    backing: undefined,
    methods: [...(inherited?.methods ?? [])],
    faults: [...(inherited?.faults ?? [])],
  };
  Object.defineProperty(target, METADATA, { value: metadata });
  return metadata;
}

/** @returns the metadata of a class, or undefined where nothing of it is decorated */
export function metadataOf(type: object): MachineMetadata | undefined {
  const { prototype } = type as { readonly prototype?: unknown };
  return typeof prototype === 'object' && prototype !== null ? (prototype as Decorated)[METADATA] : undefined;
}

/** Notes what a decorator said of a method; `target` is the prototype that the method stands on. */
export function decorateMethod(target: object, key: string | symbol, role: MethodRole, schemaVersion = 0): void {
  const decorator = DECORATOR_NAMES[role];
  if (typeof target === 'function') {
    ownMetadata(target.prototype as object).faults.push(
      `${String(key)} is static: ${decorator}() belongs on a method of the instance.`,
    );
    return;
  }
  const metadata = ownMetadata(target);
  if (typeof key === 'symbol') {
    metadata.faults.push(`${String(key)} has a symbol for a name: ${decorator}() belongs on a method with a name.`);
    return;
  }
  if (!Number.isSafeInteger(schemaVersion) || schemaVersion < 0 || schemaVersion > 0xffff)
    metadata.faults.push(`${key} has schemaVersion ${schemaVersion}: it must be a whole number from 0 to 65535.`);
  const at = metadata.methods.findIndex((method) => method.name === key);
  const known = metadata.methods[at];
  if (known === undefined) metadata.methods.push({ name: key, role, schemaVersion });
  // A subclass may override a method, and decorate it again alike.
  else if (known.role === role) metadata.methods[at] = { name: key, role, schemaVersion };
  else
    metadata.faults.push(
      `${key} has both ${DECORATOR_NAMES[known.role]}() and ${decorator}(): a method is one of them; make it two methods.`,
    );
}

export const DECORATOR_NAMES: Readonly<Record<MethodRole, string>> = Object.freeze({
  command: '@RaftCommand',
  query: '@RaftQuery',
  snapshot: '@RaftSnapshot',
  restore: '@RaftRestore',
});
