import { MAX_SCHEMA_VERSION } from '../../core/base/entry';
import type { MachineBacking } from './backing';
import type { StandardSchema } from './standard-schema';

/** The key is shared by the copies of this package in one tree, so that a library's machines are known to an application's host. */
const METADATA: unique symbol = Symbol.for('nestjs-raft.state-machine') as never;

/** What a method of a state machine is for. */
export type MethodRole = 'command' | 'query' | 'snapshot' | 'restore';

/** Makes arguments of one version into those of the next; it depends on nothing else, as it runs on every node. @publicApi */
export type ArgumentUpgrade = (...args: never[]) => readonly unknown[];

/** Options of one command. @publicApi */
export interface RaftCommandOptions {
  /**
   * The version of the command's arguments: raise it when they change. It stands in the entry. Callers of the new version are
   * refused until every member knows it; a node stops at an entry of a version that it doesn't know. Default 0.
   */
  readonly schemaVersion?: number;
  /**
   * By the version that it begins with: makes arguments of that version into those of the next, so that entries which an older
   * version of the application wrote can be applied. Default: the arguments are taken as they are.
   */
  readonly upgrade?: Readonly<Record<number, ArgumentUpgrade>>;
  /**
   * Checks the caller's arguments, by their place behind the context, before they are proposed: a Standard Schema (its output is
   * what is proposed) or a class with class-validator's decorators. Undefined leaves an argument unchecked. Default: none is checked.
   */
  readonly args?: readonly ArgumentCheck[];
}

/** What checks one argument. @publicApi */
export type ArgumentCheck = StandardSchema | (abstract new (...args: never[]) => object) | undefined;

export interface DecoratedMethod {
  readonly name: string;
  readonly role: MethodRole;
  /** Of a command; of the method that captures, the version of what it writes. */
  readonly schemaVersion: number;
  readonly upgrade: Readonly<Record<number, ArgumentUpgrade>>;
  readonly args: readonly ArgumentCheck[];
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
export function decorateMethod(
  target: object,
  key: string | symbol,
  role: MethodRole,
  { schemaVersion = 0, upgrade = {}, args = [] }: RaftCommandOptions = {},
): void {
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
  if (!Number.isSafeInteger(schemaVersion) || schemaVersion < 0 || schemaVersion > MAX_SCHEMA_VERSION)
    metadata.faults.push(
      `${key} has ${role === 'command' ? 'schemaVersion' : 'version'} ${schemaVersion}: it must be a whole number from 0 to ${MAX_SCHEMA_VERSION}.`,
    );
  for (const from of Object.keys(upgrade))
    if (!(Number(from) < schemaVersion))
      metadata.faults.push(
        `${key} has an upgrade from version ${from}, and schemaVersion ${schemaVersion}: an upgrade leads to the next version, up to that.`,
      );
  const method: DecoratedMethod = { name: key, role, schemaVersion, upgrade, args };
  const at = metadata.methods.findIndex((each) => each.name === key);
  const known = metadata.methods[at];
  if (known === undefined) metadata.methods.push(method);
  // A subclass may override a method, and decorate it again alike.
  else if (known.role === role) metadata.methods[at] = method;
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
