import type { CommandContext, QueryContext } from '../../../state-machine/declare/command-context';
import type { SnapshotSource } from '../../../state-machine/contract';
import {
  RaftCommand,
  RaftQuery,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
} from '../../../state-machine/declare/decorators';
import { RaftRejection } from '../../../state-machine/declare/raft-rejection';
import { SnapshotMap } from '../../../state-machine/snapshot/snapshot-map';
import { ExpiringMachine } from '../shared/expiring-machine';
import { MapIndex } from './map-index';
import {
  changeKey,
  dueKey,
  entryKey,
  HISTORY_LENGTH,
  type MapChangeEvent,
  type MapEntryRecord,
  type MapMeta,
  type MapStored,
  metaKey,
  type MapChangeRecord,
  splitKey,
} from './map-record';

export interface MapWriteOptions {
  /** Milliseconds; none: it stays. */
  readonly ttlMs?: number;
  /** The version that the key must have; 0: it must be absent. */
  readonly ifVersion?: number;
}

export interface MapPage {
  readonly entries: readonly (MapEntryRecord & { readonly key: string })[];
  /** The key to go on behind; null at the end. */
  readonly next: string | null;
}

export interface MapHistory {
  readonly changes: readonly MapChangeRecord[];
  /** The index up to which the changes are complete. */
  readonly through: number;
  /** Nothing is left behind them. */
  readonly isAll: boolean;
  readonly forgottenThrough: number;
}

const CHANGES_PER_PAGE = 256;

/** Of a map that nothing was ever put in. */
const NONE = new MapIndex();

/** The maps of a group, each by its name. */
@RaftStateMachine('raft.maps')
export class MapMachine extends ExpiringMachine {
  private readonly stored = new SnapshotMap<string, MapStored>();
  private readonly indexes = new Map<string, MapIndex>();

  /** @returns the new version */
  @RaftCommand()
  set(context: CommandContext, map: string, key: string, value: unknown, options: MapWriteOptions = {}): number {
    this.endIfDue(context, map, key);
    this.checkVersion(map, key, options.ifVersion);
    const expiresAt = options.ttlMs === undefined ? 0 : context.now + options.ttlMs;
    this.stored.set(entryKey(map, key), { value, version: context.index, expiresAt });
    this.indexOf(map).keys.add(key);
    this.setDue(context, dueKey(map, key), expiresAt === 0 ? undefined : expiresAt);
    this.note(context, map, { type: 'set', key, value, index: context.index });
    return context.index;
  }

  /** @returns whether there was such a key */
  @RaftCommand()
  delete(context: CommandContext, map: string, key: string, options: MapWriteOptions = {}): boolean {
    this.endIfDue(context, map, key);
    this.checkVersion(map, key, options.ifVersion);
    return this.remove(context, map, key, 'delete');
  }

  @RaftQuery()
  get(context: QueryContext, map: string, key: string): MapEntryRecord | null {
    const record = this.recordOf(map, key);
    return record === undefined || isEnded(record, context.now) ? null : record;
  }

  /** @returns keys with the prefix, in ascending order (of UTF-16 code units), behind `after` */
  @RaftQuery()
  scan(context: QueryContext, map: string, prefix: string, after: string | null, limit: number): MapPage {
    const { keys } = this.indexes.get(map) ?? NONE;
    const entries: (MapEntryRecord & { readonly key: string })[] = [];
    let at = after === null || after < prefix ? keys.positionOf(prefix) : keys.positionOf(after);
    if (after !== null && keys.at(at) === after) at++;
    for (let key = keys.at(at); key?.startsWith(prefix) === true; key = keys.at(++at)) {
      if (entries.length === limit) return { entries, next: entries.at(-1)!.key };
      const record = this.recordOf(map, key)!;
      if (!isEnded(record, context.now)) entries.push({ key, ...record });
    }
    return { entries, next: null };
  }

  /** @returns the number of keys; those whose ttl has just ended may be counted still */
  @RaftQuery()
  size(_context: QueryContext, map: string): number {
    return this.indexes.get(map)?.keys.length ?? 0;
  }

  /** @returns the changes of keys with the prefix from this index on, some at once */
  @RaftQuery()
  changesFrom(context: QueryContext, map: string, prefix: string, fromIndex: number): MapHistory {
    const index = this.indexes.get(map) ?? NONE;
    const { forgottenThrough } = index;
    const changes: MapChangeRecord[] = [];
    const begin = this.firstChangeFrom(index, map, fromIndex);
    for (let number = begin; number < index.nextChange; number++) {
      const change = this.stored.get(changeKey(map, number)) as MapChangeRecord;
      // What one entry changed stays together.
      const before =
        number > begin ? (this.stored.get(changeKey(map, number - 1)) as MapChangeRecord).index : undefined;
      if (number - begin >= CHANGES_PER_PAGE && before !== undefined && before !== change.index)
        return { changes, through: before, isAll: false, forgottenThrough };
      if (change.key.startsWith(prefix)) changes.push(change);
    }
    return { changes, through: context.index, isAll: true, forgottenThrough };
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.stored.capture();
  }

  @RaftRestore()
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.stored.restore(chunks);
    this.indexes.clear();
    this.forgetDue();
    for (const [storedKey, stored] of this.stored) this.derive(storedKey, stored);
  }

  protected override expireKey(context: CommandContext, key: string): void {
    this.endIfDue(context, ...splitKey(key));
  }

  private endIfDue(context: CommandContext, map: string, key: string): void {
    const record = this.recordOf(map, key);
    if (record === undefined) return;
    if (isEnded(record, context.now)) this.remove(context, map, key, 'expire');
    else this.setDue(context, dueKey(map, key), record.expiresAt === 0 ? undefined : record.expiresAt);
  }

  private checkVersion(map: string, key: string, expected: number | undefined): void {
    if (expected === undefined) return;
    const version = this.recordOf(map, key)?.version ?? 0;
    if (version !== expected) throw new RaftRejection('CONFLICT', { version });
  }

  private remove(context: CommandContext, map: string, key: string, type: 'delete' | 'expire'): boolean {
    if (!this.stored.delete(entryKey(map, key))) return false;
    this.indexOf(map).keys.delete(key);
    this.setDue(context, dueKey(map, key), undefined);
    this.note(context, map, { type, key, index: context.index });
    return true;
  }

  private note(context: CommandContext, map: string, change: MapChangeRecord): void {
    const index = this.indexOf(map);
    this.stored.set(changeKey(map, index.nextChange++), change);
    context.emit({ map, ...change } satisfies MapChangeEvent);
    if (index.nextChange - index.firstChange <= HISTORY_LENGTH) return;
    const oldest = changeKey(map, index.firstChange++);
    index.forgottenThrough = (this.stored.get(oldest) as MapChangeRecord).index;
    this.stored.delete(oldest);
    this.stored.set(metaKey(map), { forgottenThrough: index.forgottenThrough });
  }

  private firstChangeFrom({ firstChange, nextChange }: MapIndex, map: string, fromIndex: number): number {
    let from = firstChange;
    let to = nextChange;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.stored.get(changeKey(map, middle)) as MapChangeRecord).index < fromIndex) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  private recordOf(map: string, key: string): MapEntryRecord | undefined {
    return this.stored.get(entryKey(map, key)) as MapEntryRecord | undefined;
  }

  private indexOf(map: string): MapIndex {
    let index = this.indexes.get(map);
    if (index === undefined) this.indexes.set(map, (index = new MapIndex()));
    return index;
  }

  private derive(storedKey: string, stored: MapStored): void {
    const [kind, rest] = splitKey(storedKey);
    const [map, part] = splitKey(rest);
    const index = this.indexOf(map);
    if (kind === 'm') index.forgottenThrough = (stored as MapMeta).forgottenThrough;
    else if (kind === 'e') {
      const { expiresAt } = stored as MapEntryRecord;
      index.keys.add(part);
      if (expiresAt !== 0) this.setDue(undefined, dueKey(map, part), expiresAt);
    } else {
      // They come in the order in which they were made.
      const number = Number(part);
      if (index.nextChange === 0) index.firstChange = number;
      index.nextChange = number + 1;
    }
  }
}

function isEnded({ expiresAt }: MapEntryRecord, nowMs: number): boolean {
  return expiresAt !== 0 && expiresAt <= nowMs;
}
