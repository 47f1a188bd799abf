import { DataSource } from 'typeorm';
import type { DataSourceOptions } from 'typeorm';
import type { Entry } from '../../core/base/entry';
import type { GroupId, LogId } from '../../core/base/types';
import {
  type GroupWrite,
  type LoadedGroup,
  type LogTail,
  type NewOwner,
  type RaftStorage,
  type SnapshotMetadata,
  type StoreBoot,
  StoreFencedError,
  type StoreIdentity,
  StoreUnavailableError,
} from '../contract';
import type { NeedsDataSource } from '../named-data-source';
import {
  checkedSchema,
  connectionTo,
  DEFAULT_LOCK_WAIT_MS,
  DEFAULT_SCHEMA,
  ownDataSourceOptions,
  type TypeOrmStorageOptions,
} from './connection/storage-options';
import { OpenStore } from './open-store';
import { unreachable } from './connection/pinned-connection';

/**
 * Keeps the log and snapshots in Postgres, in tables of a schema of their own. Made by {@link typeOrmStorage}.
 *
 * @publicApi
 */
export class TypeOrmStorage implements RaftStorage, NeedsDataSource {
  private readonly schema: string;
  private readonly lockWaitMs: number;
  private connection: DataSourceOptions | undefined;
  private store: OpenStore | undefined;

  constructor(private readonly options: TypeOrmStorageOptions) {
    this.schema = checkedSchema(options.schema ?? DEFAULT_SCHEMA);
    this.lockWaitMs = options.lockWaitMs ?? DEFAULT_LOCK_WAIT_MS;
    if ('url' in options) this.connection = connectionTo(options.url);
    else if ('dataSourceOptions' in options) this.connection = options.dataSourceOptions;
  }

  get dataSourceName(): string | undefined {
    return this.connection === undefined && 'dataSource' in this.options ? this.options.dataSource : undefined;
  }

  useDataSourceOptions(options: object): void {
    this.connection = options as DataSourceOptions;
  }

  /** The data source while the store is open, for an administrator's queries on {@link RAFT_ENTITIES}. */
  get dataSource(): DataSource | undefined {
    return this.store?.dataSource;
  }

  async open(boot: StoreBoot): Promise<StoreIdentity> {
    return this.connected(async (dataSource) => {
      const { store, identity } = await OpenStore.open(dataSource, this.schema, this.lockWaitMs, boot);
      this.store = store;
      return identity;
    });
  }

  async setAside(owner: NewOwner): Promise<string> {
    return this.connected(async (dataSource) => {
      const where = await OpenStore.setAside(dataSource, this.schema, this.lockWaitMs, owner);
      await dataSource.destroy();
      return where;
    });
  }

  /** Makes a data source for `use`, which closes it; where that fails, it is closed here. */
  private async connected<T>(use: (dataSource: DataSource) => Promise<T>): Promise<T> {
    if (this.store) throw new StoreUnavailableError('This storage is open already. Make one for each node.');
    this.requireUrl();
    if (!this.connection)
      throw new StoreUnavailableError(
        `typeOrmStorage({ dataSource: '${this.dataSourceName}' }) has no connection options yet: it works within RaftModule.forRoot(). ` +
          'Elsewhere, give it { url } or { dataSourceOptions }.',
      );
    const dataSource = new DataSource(ownDataSourceOptions(this.connection, this.schema));
    try {
      await dataSource.initialize();
    } catch (error) {
      throw unreachable(error);
    }
    try {
      return await use(dataSource);
    } catch (error) {
      await dataSource.destroy().catch(() => undefined);
      throw error;
    }
  }

  async load(group: GroupId): Promise<LoadedGroup | undefined> {
    return this.opened().load(group);
  }

  async persist(writes: readonly GroupWrite[]): Promise<void> {
    return this.opened().persist(writes);
  }

  async recover(): Promise<ReadonlyMap<GroupId, number>> {
    return this.opened().recover();
  }

  async probe(): Promise<void> {
    return this.opened().probe();
  }

  async entries(group: GroupId, from: number, to: number, maxBytes: number): Promise<readonly Entry[]> {
    return this.opened().entries(group, from, to, maxBytes);
  }

  async tail(group: GroupId, from: number, to: number, maxBytes: number): Promise<LogTail> {
    return this.opened().tail(group, from, to, maxBytes);
  }

  async writeSnapshot(group: GroupId, metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.opened().writeSnapshot(group, metadata, chunks);
  }

  async readSnapshot(group: GroupId, fromChunk = 0) {
    return this.opened().readSnapshot(group, fromChunk);
  }

  async compact(group: GroupId, to: LogId): Promise<void> {
    return this.opened().compact(group, to);
  }

  async saveNotes(notes: string): Promise<void> {
    return this.opened().saveNotes(notes);
  }

  async close(): Promise<void> {
    const { store } = this;
    this.store = undefined;
    await store?.close();
  }

  /** Resolves when everything that no longer counts has been deleted; for tests. @internal */
  async swept(): Promise<void> {
    await this.opened().sweep.settled();
  }

  /** Asked when it opens, not when it is made: a module's file can then be loaded where the variable is absent, in tests for instance. */
  private requireUrl(): void {
    if (!('url' in this.options)) return;
    const { url } = this.options;
    if (typeof url === 'string' && /^postgres(ql)?:\/\//.test(url)) return;
    throw new StoreUnavailableError(
      `The option 'url' of typeOrmStorage() is ${url === undefined ? 'undefined' : 'no such address'}: it must be the address of a Postgres database, postgresql://user:password@host:port/database.`,
    );
  }

  private opened(): OpenStore {
    if (!this.store)
      throw new StoreFencedError('This storage is not open; nothing was read or written. Call open() first.');
    return this.store;
  }
}

/**
 * A store in Postgres: give each node a database, or a schema, of its own.
 *
 * @example
 * typeOrmStorage({ url: process.env.DATABASE_URL })
 * typeOrmStorage({ dataSource: 'raft', schema: 'raft_n1' })
 * @publicApi
 */
export function typeOrmStorage(options: TypeOrmStorageOptions): TypeOrmStorage {
  return new TypeOrmStorage(options);
}
