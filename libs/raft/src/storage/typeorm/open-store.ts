import type { DataSource } from 'typeorm';
import type { Entry } from '../../core/base/entry';
import type { GroupId, LogId } from '../../core/base/types';
import {
  type GroupWrite,
  type LoadedGroup,
  type LogTail,
  type NewOwner,
  type SnapshotMetadata,
  type StoreBoot,
  StoreCorruptError,
  StoreFencedError,
  type StoreIdentity,
  StoreUnavailableError,
} from '../contract';
import { GroupPosition } from '../group-position';
import { snapshotOfUnknownGroup, snapshotWentBack } from '../refusals';
import { BatchStatements, type WriteGuard } from './statements/batch-statements';
import { type LogSlice, measureTail, readPage } from './statements/entry-reader';
import { groupChecksum, rowAfter, type StoredGroup } from './statements/group-row';
import { migrate } from './migrate';
import { PinnedConnection } from './connection/pinned-connection';
import { clientOf, cutAfter, type PostgresClient } from './connection/postgres-client';
import { serverIdentity } from './connection/server-identity';
import { setTablesAside } from './statements/set-aside';
import { SnapshotRows } from './statements/snapshot-rows';
import { patienceOf } from './connection/storage-options';
import { StoreLock } from './store-lock';
import { StoreRow } from './statements/store-row';
import { addMissingChecksums, loadGroup, readGroups } from './statements/stored-groups';
import { Sweep } from './statements/sweep';
import { type Tables, tablesOf } from './entities/tables';
import { WriteOrder } from './statements/write-order';

/** Batches between two sweeps of their table. */
const BATCHES_PER_SWEEP = 1_024;
/** How long `close` waits for the server before it cuts the connection. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * An open store: the session that holds the lock, what it knows of each group, and the writes, one behind the other. After a
 * write whose outcome is unknown it refuses everything until `recover` has found out.
 */
export class OpenStore {
  readonly sweep: Sweep;
  private readonly statements: BatchStatements;
  private readonly snapshots: SnapshotRows;
  private groups: Map<GroupId, StoredGroup> = new Map();
  private readonly order: WriteOrder;

  private constructor(
    readonly dataSource: DataSource,
    private readonly tables: Tables,
    private readonly row: StoreRow,
    private readonly lock: StoreLock,
    private readonly nodeName: string,
    private readonly epoch: number,
    private session: PinnedConnection,
  ) {
    this.order = new WriteOrder(tables.schema);
    this.statements = new BatchStatements(tables);
    this.snapshots = new SnapshotRows(dataSource, tables);
    this.sweep = new Sweep(dataSource, tables, this.snapshots);
  }

  /** Lock, then the epoch, then what is stored: all on the session that will write. */
  static async open(
    dataSource: DataSource,
    schema: string,
    lockWaitMs: number,
    boot: StoreBoot,
  ): Promise<{ store: OpenStore; identity: StoreIdentity }> {
    const tables = tablesOf(schema);
    const row = new StoreRow(tables);
    const lock = new StoreLock(schema, lockWaitMs);
    const session = await PinnedConnection.connect(dataSource, applicationName(boot.nodeName));
    try {
      await migrate(session, schema);
      // Asked before the lock, so that another node's store is called by its name, and again behind it.
      await row.refuseOtherOwner(session, boot.nodeName);
      await lock.take(session, () => row.nodeName(session));
      await row.refuseOtherOwner(session, boot.nodeName);
      const identity = await row.raiseEpoch(session, boot);
      const store = new OpenStore(dataSource, tables, row, lock, boot.nodeName, identity.epoch, session);
      await addMissingChecksums(session, tables);
      store.groups = await readGroups(session, tables);
      store.sweep.start();
      return { store, identity };
    } catch (error) {
      await session.destroy('the store was not opened');
      throw error;
    }
  }

  /** Lock, then the move: see `RaftStorage.setAside`. */
  static async setAside(dataSource: DataSource, schema: string, lockWaitMs: number, owner: NewOwner): Promise<string> {
    const tables = tablesOf(schema);
    const row = new StoreRow(tables);
    const lock = new StoreLock(schema, lockWaitMs);
    const session = await PinnedConnection.connect(dataSource, applicationName(owner.nodeName));
    try {
      await migrate(session, schema);
      await lock.take(session, () => row.nodeName(session));
      await row.refuseOtherOwner(session, owner.nodeName);
      const where = await setTablesAside(session, tables, owner, await serverIdentity(session));
      await lock.release(session);
      return where;
    } finally {
      await session.destroy('the store was set aside');
    }
  }

  load(group: GroupId): Promise<LoadedGroup | undefined> {
    return this.order.inTurn(async () => {
      const stored = this.groups.get(group);
      return stored && loadGroup(this.session, this.tables, group, stored);
    });
  }

  persist(writes: readonly GroupWrite[]): Promise<void> {
    return this.order.inTurn(async () => {
      if (writes.length === 0) return;
      const groups = writes.map(({ group }) => this.groups.get(group));
      let nextId = Math.max(0, ...[...this.groups.values()].map(({ id }) => id)) + 1;
      const stored = groups.map((known) => known ?? newGroup(nextId++));
      writes.forEach((write, at) => stored[at]?.position.refuseUnlessNext(write));

      const landed = await this.order.attempt(() => this.session.write(this.statements.of(this.guard, writes, stored)));
      if (landed !== writes.length) throw await this.fence();
      writes.forEach((write, at) => {
        const group = stored[at] as StoredGroup;
        group.position.advance(write);
        group.row = rowAfter(group.row, write);
        this.groups.set(write.group, group);
        if (write.number % BATCHES_PER_SWEEP === 0) this.sweep.start();
      });
    });
  }

  recover(): Promise<ReadonlyMap<GroupId, number>> {
    // At once, not in turn: a write that hangs on the old session settles only when that is cut.
    this.order.suspend(new Error('the session is being replaced'));
    void this.session.destroy('the session was replaced');
    return this.order.queued(async () => {
      if (this.order.fenced) throw this.order.fenced;
      const earlier = this.session;
      await earlier.destroy('the session was replaced');
      const session = await PinnedConnection.connect(this.dataSource, applicationName(this.nodeName));
      try {
        const { readMs } = patienceOf(this.dataSource.options);
        this.groups = await cutAfter(session.client, 2 * this.lock.waitMs + readMs, async () => {
          await this.lock.awaitEnd(session, earlier);
          await this.retake(session);
          return readGroups(session, this.tables);
        });
      } catch (error) {
        await session.destroy('the store was not recovered');
        throw error;
      }
      this.session = session;
      this.order.resume();
      return new Map([...this.groups].map(([group, { position }]) => [group, position.lastBatch]));
    });
  }

  /** Takes the lock again, unless another process has opened the store meanwhile. */
  private async retake(session: PinnedConnection): Promise<void> {
    const ours = async () => {
      if ((await this.row.epoch(session)) !== this.epoch)
        throw this.order.stop('another process has opened it meanwhile');
      return this.nodeName;
    };
    await ours();
    try {
      await this.lock.take(session, ours);
    } catch (error) {
      if (error instanceof StoreFencedError) throw error;
      throw new StoreUnavailableError(
        'The lock on the store is held by another session that has not opened it yet. Trying again.',
        {
          cause: error,
        },
      );
    }
    await ours();
  }

  probe(): Promise<void> {
    return this.order.inTurn(async () => {
      const [row] = await this.order.attempt(() =>
        this.session.query({
          name: 'raft_probe',
          text: `SELECT epoch = $1::bigint AND pg_backend_pid() = $2::int FROM ${this.tables.store}`,
          values: [this.epoch, this.session.backendPid],
          rowMode: 'array',
        }),
      );
      if (row?.[0] !== true) throw await this.fence();
    });
  }

  async entries(group: GroupId, from: number, to: number, maxBytes: number): Promise<readonly Entry[]> {
    const stored = this.groups.get(group);
    const slice = stored && sliceOf(group, stored, from, to);
    if (!stored || !slice || from <= stored.position.origin.index) return [];
    // A cut that came in between may have taken the rows with it, some of them or all; what was read then isn't needed.
    const isCut = () => from <= stored.position.origin.index;
    try {
      const page = await this.reading((client) => readPage(client, this.tables, slice, maxBytes));
      return isCut() ? [] : page;
    } catch (error) {
      if (error instanceof StoreCorruptError && isCut()) return [];
      throw error;
    }
  }

  async tail(group: GroupId, from: number, to: number, maxBytes: number): Promise<LogTail> {
    const stored = this.groups.get(group);
    const slice = stored && sliceOf(group, stored, Math.max(from, stored.position.origin.index + 1), to);
    if (!slice) return { firstIndex: to + 1, sizeBytes: 0 };
    return this.reading((client) => measureTail(client, this.tables, slice, maxBytes));
  }

  /** Reads on a connection of its own, beside the writes; it may fail. */
  private async reading<T>(read: (client: PostgresClient) => Promise<T>): Promise<T> {
    const queryRunner = this.dataSource.createQueryRunner('master');
    try {
      const client = await clientOf(queryRunner);
      return await cutAfter(client, patienceOf(this.dataSource.options).readMs, () => read(client));
    } finally {
      await queryRunner.release();
    }
  }

  async writeSnapshot(group: GroupId, metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const written = await this.snapshots.writeChunks(chunks);
    try {
      await this.order.inTurn(async () => {
        const stored = this.groups.get(group);
        if (!stored) throw snapshotOfUnknownGroup(group);
        const before = await this.snapshots.read(stored.id, group, 0).catch(unlessCorrupt);
        if (before && before.metadata.last.index > metadata.last.index)
          throw snapshotWentBack(group, metadata.last, before.metadata.last);
        const published = await this.order.attempt(() =>
          this.snapshots.publish(this.session, this.guard, stored, metadata, written),
        );
        if (!published) throw await this.fence();
      });
    } finally {
      this.snapshots.release(written.id);
      this.sweep.start();
    }
  }

  async readSnapshot(group: GroupId, fromChunk: number) {
    const stored = this.groups.get(group);
    return stored && this.snapshots.read(stored.id, group, fromChunk);
  }

  compact(group: GroupId, to: LogId): Promise<void> {
    return this.order.inTurn(async () => {
      const stored = this.groups.get(group);
      if (!stored || to.index <= stored.position.origin.index) return;
      const drops = stored.position.termAt(to.index) !== to.term;
      const generation = drops ? stored.generation + 1 : stored.generation;
      const checksum = groupChecksum(stored.id, stored.row!, to, generation);
      const rows = await this.order.attempt(() =>
        this.session.query({
          text: `UPDATE ${this.tables.group} SET origin_index = $4::bigint, origin_term = $5::bigint, generation = $6::int,
              checksum = $7::int
            WHERE id = $3::int AND pg_backend_pid() = $2::int AND (SELECT epoch FROM ${this.tables.store}) = $1::bigint
            RETURNING 1`,
          values: [this.epoch, this.session.backendPid, stored.id, to.index, to.term, generation, checksum],
          rowMode: 'array',
        }),
      );
      if (rows.length === 0) throw await this.fence();
      stored.position.cut(to);
      stored.generation = generation;
      this.sweep.start();
    });
  }

  saveNotes(notes: string): Promise<void> {
    return this.order.inTurn(async () => {
      const saved = await this.order.attempt(() => this.row.saveNotes(this.session, this.epoch, notes));
      if (!saved) throw await this.fence();
    });
  }

  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    });
    const inOrder = this.order
      .queued(async () => {
        if (!this.order.isSuspended) {
          await this.row.release(this.session, this.epoch);
          await this.lock.release(this.session);
        }
        await this.session.end();
      })
      .catch(() => undefined);
    await Promise.race([Promise.all([inOrder, this.sweep.stop()]), tooLong]);
    clearTimeout(timer);
    this.order.end(new StoreFencedError('This storage was closed; nothing was written.'));
    await this.session.destroy('the storage was closed');
    await Promise.race([this.dataSource.destroy().catch(() => undefined), tooLong]);
  }

  private get guard(): WriteGuard {
    return { epoch: this.epoch, backendPid: this.session.backendPid };
  }

  /** A write that met its conditions not: says which, and stops for good. */
  private async fence(): Promise<StoreFencedError> {
    const epoch = await this.row.epoch(this.session).catch(() => undefined);
    return this.order.stop(
      epoch === undefined || epoch === this.epoch
        ? 'its session or the number of its last batch is not what this process left'
        : `another process has opened it since (epoch ${epoch} after ${this.epoch})`,
    );
  }
}

/** @returns undefined where there is nothing between the two */
function sliceOf(group: GroupId, { id, generation, position }: StoredGroup, from: number, to: number) {
  const slice: LogSlice = { group, groupId: id, generation, from, to: Math.min(to, position.lastIndex) };
  return slice.from > slice.to ? undefined : slice;
}

/** A damaged snapshot is replaced by any. */
function unlessCorrupt(error: unknown): undefined {
  if (!(error instanceof StoreCorruptError)) throw error;
}

function newGroup(id: number): StoredGroup {
  return { id, generation: 0, position: new GroupPosition(), row: undefined };
}

function applicationName(nodeName: string): string {
  return `nestjs-raft ${nodeName}`.slice(0, 63);
}
