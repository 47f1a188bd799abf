import { Observable } from 'rxjs';
import type { Replicated } from '../../../state-machine/calls/replicated';
import { checkedCount, checkedKey, checkedMs } from '../shared/checked';
import type { PrimitiveParts } from '../../common/primitive';
import { type RaftReadOptions, readsOf } from '../shared/read-options';
import { refusing, type Refusals } from '../shared/refusals';
import type { MapMachine, MapWriteOptions } from './map.machine';
import { MapWatcher } from './map-watcher';
import type { MapEntryRecord, RaftMapChange } from './map-record';

/** A key with its value. @publicApi */
export interface RaftMapEntry<T> {
  readonly key: string;
  readonly value: T;
  /** The log index of the command that set it: it only grows, and is what {@link RaftMap.compareAndSet} compares. */
  readonly version: number;
  /** When it ends, by the cluster's time; undefined where it stays. */
  readonly expiresAt: Date | undefined;
}

/** @publicApi */
export interface RaftMapSetOptions {
  /** How long the key stays, in milliseconds by the cluster's time. Setting the key begins a new time. Default: until it is deleted. */
  readonly ttlMs?: number;
}

/** @publicApi */
export interface RaftMapScanOptions extends RaftReadOptions {
  /** Default: every key. */
  readonly prefix?: string;
  /** The `next` of the page before. Default: from the first key on. */
  readonly cursor?: string;
  /** Entries of one page, 1 to 1,000. Default 100. */
  readonly limit?: number;
}

/** @publicApi */
export interface RaftMapPage<T> {
  readonly entries: readonly RaftMapEntry<T>[];
  /** The cursor of the next page; undefined at the end. */
  readonly next: string | undefined;
  /** The index that the page is of: to watch from the index behind it misses nothing. */
  readonly index: number;
}

/** @publicApi */
export interface RaftMapWatchOptions {
  /** Default: every key. */
  readonly prefix?: string;
  /** The first index whose changes are told. Default: what comes from now on. */
  readonly fromIndex?: number;
}

const VERSION_CONFLICT: Refusals = {
  CONFLICT: [
    'RAFT_CONFLICT',
    (details) => {
      const { version } = details as { readonly version: number };
      const found = version === 0 ? 'the key is absent' : `its version is ${version}`;
      return `The key's version is another than expected: ${found}. Nothing was changed. Read it, and decide again.`;
    },
  ],
};

const PAGE_LIMIT = 1_000;

/**
 * A replicated map from text to plain data. Inject it with `@InjectRaftMap('name')`.
 *
 * Every method fails with a `RaftError`. A write whose answer was lost (`RAFT_INDETERMINATE`, `RAFT_TIMEOUT`) may be repeated, as
 * setting twice is setting once; {@link compareAndSet} tells whether somebody else came between.
 *
 * @example
 * ```ts
 * await this.flags.set('dark', { on: true });
 * const { value, version } = (await this.flags.entry('dark'))!;
 * await this.flags.compareAndSet('dark', version, { on: !value.on });
 * ```
 * @publicApi
 */
export class RaftMap<T> {
  private readonly caller: Replicated<MapMachine>;

  constructor(
    /** The map's name. */
    readonly name: string,
    private readonly parts: PrimitiveParts,
  ) {
    this.caller = parts.caller as Replicated<MapMachine>;
  }

  /** @returns the value; undefined where there is no such key */
  async get(key: string, options?: RaftReadOptions): Promise<T | undefined> {
    return (await this.record(key, options))?.value as T | undefined;
  }

  /** @returns the value with its version and its end; undefined where there is no such key */
  async entry(key: string, options?: RaftReadOptions): Promise<RaftMapEntry<T> | undefined> {
    const record = await this.record(key, options);
    return record === null ? undefined : entryOf(key, record);
  }

  /** @returns whether there is such a key */
  async has(key: string, options?: RaftReadOptions): Promise<boolean> {
    return (await this.record(key, options)) !== null;
  }

  /** @returns the new version */
  async set(key: string, value: T, options: RaftMapSetOptions = {}): Promise<number> {
    return this.caller.set(this.name, this.checked(key), value, this.writeOptions(options));
  }

  /**
   * Sets a key that has this version still.
   *
   * @param version of {@link entry}, or of the write before; 0: the key must be absent
   * @returns the new version
   * @throws RaftError `RAFT_CONFLICT` it has another; `details.version` says which (0: absent)
   */
  async compareAndSet(key: string, version: number, value: T, options: RaftMapSetOptions = {}): Promise<number> {
    const ifVersion = checkedCount('The expected version', version, 0);
    return refusing(
      VERSION_CONFLICT,
      this.caller.set(this.name, this.checked(key), value, { ...this.writeOptions(options), ifVersion }),
    );
  }

  /** @returns whether there was such a key */
  async delete(key: string): Promise<boolean> {
    return this.caller.delete(this.name, this.checked(key));
  }

  /**
   * Deletes a key that has this version still.
   *
   * @throws RaftError `RAFT_CONFLICT`
   */
  async compareAndDelete(key: string, version: number): Promise<void> {
    const ifVersion = checkedCount('The expected version', version, 1);
    await refusing(VERSION_CONFLICT, this.caller.delete(this.name, this.checked(key), { ifVersion }));
  }

  /** @returns a page of the keys with a prefix, in ascending order (of UTF-16 code units); each page is a read of its own */
  async scan(options: RaftMapScanOptions = {}): Promise<RaftMapPage<T>> {
    const { prefix = '', cursor = null, limit = 100 } = options;
    const most = checkedCount('limit of a scan', limit, 1, PAGE_LIMIT);
    const { value, index } = await readsOf(this.caller, options).$ordered().scan(this.name, prefix, cursor, most);
    const entries = value.entries.map(({ key, ...record }) => entryOf<T>(key, record));
    return { entries, next: value.next ?? undefined, index };
  }

  /** Every key with a prefix, page by page. What changes meanwhile may be in it or not. */
  async *entries(options: Omit<RaftMapScanOptions, 'cursor'> = {}): AsyncGenerator<RaftMapEntry<T>, void, undefined> {
    let cursor: string | undefined;
    do {
      const page: RaftMapPage<T> = await this.scan({ limit: PAGE_LIMIT, ...options, cursor });
      yield* page.entries;
      cursor = page.next;
    } while (cursor !== undefined);
  }

  /** @returns the number of keys */
  async size(options?: RaftReadOptions): Promise<number> {
    return readsOf(this.caller, options).size(this.name);
  }

  /**
   * Every change, once and in the order of the log, as this node applies it; a node that lags tells it later. The last 1,000
   * changes of each map are kept, on every node and in snapshots, so that a watch can go on elsewhere: with `fromIndex` one more
   * than the last index that was told. It completes when the node has stopped, and fails with `RAFT_COMPACTED` where changes that
   * it owes are kept no more: then read the map ({@link scan} says of which index it is), and watch from the index behind it.
   *
   * @example
   * ```ts
   * this.flags.watch({ prefix: 'ui.' }).subscribe(({ type, key, value }) => this.apply(type, key, value));
   * ```
   */
  watch({ prefix = '', fromIndex }: RaftMapWatchOptions = {}): Observable<RaftMapChange<T>> {
    if (fromIndex !== undefined) checkedCount('fromIndex of a watch', fromIndex, 0);
    const through = fromIndex === undefined ? undefined : Math.max(0, fromIndex - 1);
    return new Observable<RaftMapChange>((subscriber) => {
      const watcher = new MapWatcher(this.name, prefix, through, this.parts, subscriber);
      return () => watcher.stop();
    }) as Observable<RaftMapChange<T>>;
  }

  private async record(key: string, options?: RaftReadOptions): Promise<MapEntryRecord | null> {
    return readsOf(this.caller, options).get(this.name, this.checked(key));
  }

  private checked(key: string): string {
    return checkedKey(`A key of the map '${this.name}'`, key);
  }

  private writeOptions({ ttlMs }: RaftMapSetOptions): MapWriteOptions {
    return ttlMs === undefined ? {} : { ttlMs: checkedMs(`ttlMs of a key of the map '${this.name}'`, ttlMs, 1) };
  }
}

function entryOf<T>(key: string, { value, version, expiresAt }: MapEntryRecord): RaftMapEntry<T> {
  return { key, value: value as T, version, expiresAt: expiresAt === 0 ? undefined : new Date(expiresAt) };
}
