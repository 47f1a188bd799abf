import type { MachineBacking } from './backing';
import type { AsyncCommandContext, CommandContext, QueryContext } from './command-context';
import type { SnapshotSource } from '../contract';
import { decorateMethod, ownMetadata, type RaftCommandOptions } from './machine-metadata';

type AnyMethod = (...args: never[]) => unknown;
type IsAny<T> = 0 extends 1 & T ? true : false;

/** The method, if its first parameter says what it is: a caller's type is made by that, as decorators can't change types. */
type WithContext<M extends AnyMethod, Context> =
  Parameters<M> extends readonly [infer First, ...unknown[]]
    ? IsAny<First> extends true
      ? never
      : First extends Context
        ? M
        : never
    : never;

/** The method, if its result is there when it returns. */
type Synchronous<M extends AnyMethod> =
  IsAny<ReturnType<M>> extends true ? M : [Extract<ReturnType<M>, PromiseLike<unknown>>] extends [never] ? M : never;

/** The method, unless its context says that its state is in the process, and it returns before it is done. */
type Timely<M extends AnyMethod> =
  Parameters<M> extends readonly [infer First, ...unknown[]]
    ? First extends AsyncCommandContext
      ? M
      : Synchronous<M>
    : Synchronous<M>;

type CommandMethod = (context: never, ...args: never[]) => unknown;
type QueryMethod = CommandMethod;
type RestoreMethod = (chunks: AsyncIterable<Uint8Array>, from: { readonly version: number }) => Promise<void>;

/**
 * Makes a class a state machine: its state is the same on every node, because every node runs the same commands in the same
 * order. Register it with `RaftModule.forFeature([Class])`, inject it with `@InjectStateMachine(Class)`.
 *
 * @param name 1 to 63 characters of `[A-Za-z0-9_.-]`, beginning with a letter. It stands in the log and in snapshots: keep it
 *   when the class is renamed.
 * @param backing where the state is kept, such as `typeOrmTables({ entities })`. Default: in the instance's own fields, in memory
 * @example
 * ```ts
 * @RaftStateMachine('counters')
 * export class Counters {
 *   private readonly values = new SnapshotMap<string, number>();
 *
 *   @RaftCommand()
 *   increment(_context: CommandContext, name: string, by = 1): number {
 *     const value = (this.values.get(name) ?? 0) + by;
 *     this.values.set(name, value);
 *     return value;
 *   }
 *
 *   @RaftQuery()
 *   current(_context: QueryContext, name: string): number {
 *     return this.values.get(name) ?? 0;
 *   }
 *
 *   @RaftSnapshot()
 *   capture(): SnapshotSource {
 *     return this.values.capture();
 *   }
 *
 *   @RaftRestore()
 *   restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
 *     return this.values.restore(chunks);
 *   }
 * }
 * ```
 * @publicApi
 */
export function RaftStateMachine(name: string, backing?: MachineBacking) {
  return (type: abstract new (...args: never[]) => object): void => {
    const metadata = ownMetadata(type.prototype as object);
    metadata.name = name;
    metadata.backing = backing;
  };
}

/**
 * Makes a method a command: it changes the state, on every node, in the order of the log. Its first parameter is a
 * {@link CommandContext}; it returns its result, not a Promise of it, and depends on nothing but its arguments, the context and
 * the machine's state. Arguments and result are plain data. It refuses with `throw new RaftRejection(reason, details)`.
 *
 * @publicApi
 */
export function RaftCommand(options: RaftCommandOptions = {}) {
  return <M extends CommandMethod>(
    target: object,
    key: string | symbol,
    _descriptor: TypedPropertyDescriptor<M> & TypedPropertyDescriptor<WithContext<Timely<M>, CommandContext>>,
  ): void => decorateMethod(target, key, 'command', options);
}

/**
 * Makes a method a query: it reads the local state, and changes nothing. Its first parameter is a {@link QueryContext}.
 * Arguments and result are plain data.
 *
 * @publicApi
 */
export function RaftQuery() {
  return <M extends QueryMethod>(
    target: object,
    key: string | symbol,
    _descriptor: TypedPropertyDescriptor<M> & TypedPropertyDescriptor<WithContext<M, QueryContext>>,
  ): void => decorateMethod(target, key, 'query');
}

/**
 * Marks the method that captures the machine's state: at once, cheaply, and untouched by the commands that follow. Chunks are
 * made when they are asked for. `SnapshotMap.capture()` does all this.
 *
 * @param options `version`: of what is written, raised when it changes; it is given to the method with {@link RaftRestore}. A node
 *   with a lower version refuses the snapshot. Default 0
 * @publicApi
 */
export function RaftSnapshot(options: { readonly version?: number } = {}) {
  return (target: object, key: string | symbol, _descriptor: TypedPropertyDescriptor<() => SnapshotSource>): void =>
    decorateMethod(target, key, 'snapshot', { schemaVersion: options.version ?? 0 });
}

/**
 * Marks the method that replaces the machine's whole state by what {@link RaftSnapshot} captured: it gets the very chunks, in
 * order. No chunk at all means the state that the machine began with. Replace the state when the last chunk was read, not
 * before: the chunks may end in an error. Its second parameter says which version of the machine wrote them, so that state of an
 * older version can be brought up to date: `(chunks, { version })`.
 *
 * @publicApi
 */
export function RaftRestore() {
  return <M extends RestoreMethod>(
    target: object,
    key: string | symbol,
    _descriptor: TypedPropertyDescriptor<M>,
  ): void => decorateMethod(target, key, 'restore');
}
