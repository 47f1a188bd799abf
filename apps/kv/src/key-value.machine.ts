import {
  CommandContext,
  QueryContext,
  RaftCommand,
  RaftQuery,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type SnapshotSource,
} from 'nestjs-raft';

/** What a key holds: JSON as it came, and the index of the command that wrote it, which is its version. */
export interface Item {
  readonly json: string;
  readonly version: number;
}

/** What those who watch hear: the value, or null where the key was removed. */
export interface KeyChange {
  readonly key: string;
  readonly json: string | null;
}

/**
 * What must hold for a write to happen. `present`: any version; `absent`: none; else one of these versions.
 */
export type Precondition = 'present' | 'absent' | readonly number[];

/** `version` is that of the item which the precondition met: null where there was none. */
export type WriteResult =
  { readonly done: true; readonly existed: boolean } | { readonly done: false; readonly version: number | null };

/** The replicated store: keys are paths, values are JSON. */
@RaftStateMachine('key-value')
export class KeyValueMachine {
  private readonly items = new SnapshotMap<string, Item>();

  @RaftCommand()
  put(context: CommandContext, key: string, json: string, ifItIs?: Precondition): WriteResult {
    const before = this.items.get(key);
    if (!holds(ifItIs, before)) return { done: false, version: before?.version ?? null };
    this.items.set(key, { json, version: context.index });
    context.emit({ key, json } satisfies KeyChange);
    return { done: true, existed: before !== undefined };
  }

  @RaftCommand()
  remove(context: CommandContext, key: string, ifItIs?: Precondition): WriteResult {
    const before = this.items.get(key);
    if (!holds(ifItIs, before)) return { done: false, version: before?.version ?? null };
    const existed = this.items.delete(key);
    if (existed) context.emit({ key, json: null } satisfies KeyChange);
    return { done: true, existed };
  }

  @RaftQuery()
  get(_context: QueryContext, key: string): Item | null {
    return this.items.get(key) ?? null;
  }

  @RaftQuery()
  size(_context: QueryContext): number {
    return this.items.size;
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.items.capture();
  }

  @RaftRestore()
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.items.restore(chunks);
  }
}

function holds(precondition: Precondition | undefined, item: Item | undefined): boolean {
  if (precondition === undefined) return true;
  if (precondition === 'absent') return item === undefined;
  if (precondition === 'present') return item !== undefined;
  return item !== undefined && precondition.includes(item.version);
}
