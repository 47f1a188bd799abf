import { needsDataSource } from '../../libs/raft/src/storage/named-data-source';
import {
  RaftEntryEntity,
  RaftGroupEntity,
  type TypeOrmStorage,
  typeOrmStorage,
} from '../../libs/raft/src/storage/typeorm';
import { expectLog } from '../../libs/raft/src/testing/storage-conformance/expectations';
import {
  ALPHA,
  batch,
  BETA,
  boot,
  chunksOf,
  dataOf,
  entries,
  founding,
  openWithLog,
  snapshotMetadata,
} from '../../libs/raft/src/testing/storage-conformance/sample-writes';
import { TestPostgres } from '../support/postgres';
import { STATE_DAMAGE, StoresOfOneSchema } from './postgres-under-test';

jest.setTimeout(300_000);

let postgres: TestPostgres;
let stores: StoresOfOneSchema;
beforeAll(async () => {
  postgres = await TestPostgres.start();
});
afterAll(() => postgres.stop());
beforeEach(() => {
  stores = new StoresOfOneSchema(postgres);
});
afterEach(() => stores.dispose());

/** Opens a store with three entries of term 1 in two batches. */
async function opened(): Promise<TypeOrmStorage> {
  const storage = await stores.another();
  await openWithLog(storage, [3, 1]);
  return storage;
}

describe('writes', () => {
  it('are one round trip and one commit each, and leave the state row alone while only entries come', async () => {
    const storage = await opened();
    const wire = stores.wireOf(storage);
    await storage.persist([batch(3, { entries: entries(4, 5, 1), commitIndex: 3 })]);
    const stateRow = () => stores.query('SELECT ctid::text, xmin::text FROM $schema.raft_group');
    const [before, requests] = [await stateRow(), wire.requestsOfWriter];
    for (let number = 4; number < 14; number++)
      await storage.persist([batch(number, { entries: entries(number + 2, number + 2, 1), commitIndex: number })]);
    expect(wire.requestsOfWriter - requests).toBe(10);
    expect(await stateRow()).toEqual(before);
    const [rows] = await stores.query(
      'SELECT count(DISTINCT xmin::text)::int AS commits FROM $schema.raft_batch WHERE number BETWEEN 4 AND 13',
    );
    expect(rows?.commits).toBe(10);
  });

  it('of everything at once, for several groups, are one round trip too', async () => {
    const storage = await opened();
    await storage.persist([founding(BETA)]);
    await storage.persist([batch(3, { truncateFrom: 3 })]);
    const wire = stores.wireOf(storage);
    const requests = wire.requestsOfWriter;
    await storage.persist([
      batch(4, { hardState: { term: 4, votedFor: 0 }, entries: [...entries(3, 4, 3), ...entries(5, 6, 4)] }),
      batch(2, { group: BETA, entries: entries(1, 5, 1), commitIndex: 2 }),
    ]);
    expect(wire.requestsOfWriter - requests).toBe(1);
    await expectLog(storage, [...entries(1, 2, 1), ...entries(3, 4, 3), ...entries(5, 6, 4)]);
  });

  it('can be read as entities by an administrator', async () => {
    const storage = await opened();
    const { dataSource } = storage;
    const found = await dataSource?.getRepository(RaftEntryEntity).find({ order: { index: 'ASC' } });
    expect(found?.map(({ index, term, kind }) => [index, term, kind])).toEqual([
      [1, 1, 2],
      [2, 1, 2],
      [3, 1, 2],
    ]);
    expect(await dataSource?.getRepository(RaftGroupEntity).findOneByOrFail({ name: ALPHA })).toMatchObject({
      term: 1,
      votedFor: 2,
      generation: 0,
    });
  });
});

describe('what no longer counts', () => {
  it('is deleted behind a cut, and old batches with it', async () => {
    const storage = await opened();
    let index = 3;
    for (let number = 3; number <= 300; number++, index++)
      await storage.persist([batch(number, { entries: entries(index + 1, index + 1, 1), commitIndex: index })]);
    await storage.compact(ALPHA, { index: index - 2, term: 1 });
    await storage.swept();
    const [rows] = await stores.query(
      'SELECT (SELECT count(*) FROM $schema.raft_entry)::int AS entries, (SELECT count(*) FROM $schema.raft_batch)::int AS batches',
    );
    expect(rows?.entries).toBe(2);
    expect(rows?.batches).toBeLessThanOrEqual(129);
    await storage.persist([batch(301, { entries: entries(index + 1, index + 1, 1), commitIndex: index })]);
    await expectLog(storage, entries(index - 1, index + 1, 1));
  });

  it('is deleted behind a snapshot that replaced the log', async () => {
    const storage = await opened();
    await storage.compact(ALPHA, { index: 50, term: 4 });
    await storage.persist([batch(3, { entries: entries(51, 55, 4), commitIndex: 50 })]);
    await storage.swept();
    expect(await stores.query('SELECT DISTINCT generation, count(*)::int FROM $schema.raft_entry GROUP BY 1')).toEqual([
      { generation: 1, count: 5 },
    ]);
    await expectLog(storage, entries(51, 55, 4));
  });

  it('is deleted of snapshots that were replaced or never finished, but not while one is read', async () => {
    const storage = await opened();
    const [old, young] = [
      Array.from({ length: 60 }, (_, at) => dataOf(at, 1, 9_000)),
      Array.from({ length: 5 }, (_, at) => dataOf(at, 2, 70_000)),
    ];
    await storage.writeSnapshot(ALPHA, snapshotMetadata(1, 1), chunksOf(...old));
    const reading = (await storage.readSnapshot(ALPHA))?.chunks[Symbol.asyncIterator]();
    expect((await reading?.next())?.done).toBe(false);
    await storage.writeSnapshot(ALPHA, snapshotMetadata(2, 1), chunksOf(...young));
    await storage.swept();
    let chunks = 1;
    while (!(await reading?.next())?.done) chunks++;
    expect(chunks).toBe(60);
    const unfinished = (async function* () {
      yield* young;
      throw new Error('broke off');
    })();
    await expect(storage.writeSnapshot(ALPHA, snapshotMetadata(3, 1), unfinished)).rejects.toThrow('broke off');
    await storage.compact(ALPHA, { index: 1, term: 1 });
    await storage.swept();
    const [left] = await stores.query('SELECT count(*)::int AS chunks FROM $schema.raft_snapshot_chunk');
    expect(left?.chunks).toBe(5);
  });
});

describe('the tables', () => {
  it('are those that the first release made', async () => {
    await (await stores.another()).open(boot(1));
    const columns = await postgres.query(
      `SELECT table_name || ': ' || string_agg(column_name || ' ' || data_type, ', ' ORDER BY ordinal_position) AS columns
       FROM information_schema.columns WHERE table_schema = $1 AND table_name <> 'raft_migrations'
       GROUP BY table_name ORDER BY table_name`,
      [stores.schema],
    );
    expect(columns.map((row) => row.columns)).toEqual([
      'raft_batch: group_id integer, number bigint, epoch bigint, commit_index bigint, last_index bigint, generation integer, written_at timestamp with time zone, checksum integer',
      'raft_entry: index bigint, term bigint, group_id integer, generation integer, checksum integer, format integer, schema_version integer, kind smallint, starts_term boolean, data bytea',
      'raft_group: id integer, name text, cluster_id text, replica_id bigint, term bigint, voted_for bigint, origin_index bigint, origin_term bigint, generation integer, configuration_index bigint, configuration jsonb, snapshot_id bigint, checksum integer',
      'raft_snapshot: id bigint, group_id integer, last_index bigint, last_term bigint, format integer, configuration_index bigint, configuration jsonb, chunks integer, bytes bigint, written_at timestamp with time zone, checksum integer',
      'raft_snapshot_chunk: snapshot_id bigint, sequence integer, checksum integer, data bytea',
      'raft_store: singleton boolean, node_name text, incarnation text, epoch bigint, boot_nonce text, released boolean, opened_at timestamp with time zone, notes text, server text, summed boolean',
    ]);
  });

  it('have the columns that the entities say', async () => {
    const storage = await stores.another();
    await storage.open(boot(1));
    const dataSource = storage.dataSource;
    for (const { target } of dataSource?.entityMetadatas ?? []) await dataSource?.getRepository(target).find();
    const differences = await dataSource?.driver.createSchemaBuilder().log();
    expect(
      differences?.upQueries.map(({ query }) => query).filter((query) => /ADD|DROP COLUMN|TYPE/.test(query)),
    ).toEqual([]);
  });
});

describe('a store that a build without checksums wrote', () => {
  const withoutChecksums = [
    // It knew nothing of this field either.
    ...['raft_group', 'raft_snapshot'].map(
      (table) => `UPDATE $schema.${table} SET configuration = configuration - 'added'`,
    ),
    ...['raft_group', 'raft_batch', 'raft_snapshot'].map(
      (table) => `ALTER TABLE $schema.${table} DROP COLUMN checksum`,
    ),
    'ALTER TABLE $schema.raft_store DROP COLUMN summed',
    "DELETE FROM $schema.raft_migrations WHERE name = 'AddRaftChecksums1764600000000'",
  ];

  async function writtenByEarlierBuild(): Promise<void> {
    const storage = await opened();
    await storage.writeSnapshot(ALPHA, snapshotMetadata(2, 1), chunksOf(dataOf(1, 1, 500)));
    await storage.compact(ALPHA, { index: 2, term: 1 });
    await storage.close();
    for (const statement of withoutChecksums) await stores.query(statement);
  }

  it('is taken as it is once, and has its checksums from then on', async () => {
    await writtenByEarlierBuild();
    for (let start = 2; start < 4; start++) {
      const next = await stores.another();
      await next.open(boot(start));
      expect(await next.load(ALPHA)).toMatchObject({ lastIndex: 3, hardState: { term: 1, votedFor: 2 } });
      expect((await next.load(ALPHA))?.configuration.configuration.added).toEqual([]);
      const snapshot = await next.readSnapshot(ALPHA);
      expect(snapshot?.metadata.last).toEqual({ index: 2, term: 1 });
      expect(snapshot?.metadata.configuration.configuration.added).toEqual([]);
      await next.close();
    }
    await stores.query(STATE_DAMAGE.vote);
    await expect((await stores.another()).open(boot(4))).rejects.toMatchObject({ name: 'StoreCorruptError' });
  });

  it('has no row without one after that', async () => {
    await writtenByEarlierBuild();
    const next = await stores.another();
    await next.open(boot(2));
    await next.close();
    await stores.query('UPDATE $schema.raft_group SET checksum = NULL');
    await expect((await stores.another()).open(boot(3))).rejects.toMatchObject({ name: 'StoreCorruptError' });
  });

  it('is not written by such a build afterwards, as its rows would have none', async () => {
    await opened();
    const row = '(group_id, number, epoch, commit_index, last_index, generation) VALUES (1, 3, 1, 0, 3, 0)';
    await expect(stores.query(`INSERT INTO $schema.raft_batch ${row}`)).rejects.toThrow(/raft_has_checksum/);
  });
});

describe('a log of a hundred thousand entries', () => {
  it('is loaded without being read, and read in pages of bounded size', async () => {
    const storage = await stores.another();
    await storage.open(boot(1));
    await storage.persist([founding()]);
    const [count, portion] = [100_000, 5_000];
    for (let at = 0, number = 2; at < count; at += portion, number++)
      await storage.persist([batch(number, { entries: entries(at + 1, at + portion, 1, { bytes: 128 }) })]);
    await storage.close();
    const next = await stores.another();
    await next.open(boot(2));
    const started = performance.now();
    const state = await next.load(ALPHA);
    const loadedAfterMs = performance.now() - started;
    expect(state).toMatchObject({ lastIndex: count, terms: [{ firstIndex: 1, term: 1 }] });
    let read = 0;
    let pages = 0;
    while (read < count) {
      const page = await next.entries(ALPHA, read + 1, count, 4 << 20);
      expect(page[0]?.index).toBe(read + 1);
      expect(page.length).toBeLessThanOrEqual(10_000);
      read += page.length;
      pages++;
    }
    const readAfterMs = performance.now() - started - loadedAfterMs;
    process.stdout.write(
      `100,000 entries of 128 B: loaded in ${loadedAfterMs.toFixed(0)} ms, read in ${readAfterMs.toFixed(0)} ms and ${pages} pages\n`,
    );
  });
});

describe('the options of typeOrmStorage()', () => {
  it('take the connection of another data source, and nothing else of it', async () => {
    const storage = typeOrmStorage({
      dataSourceOptions: {
        type: 'postgres',
        url: postgres.url,
        entities: ['nowhere/*.js'],
        synchronize: true,
        entityPrefix: 'x_',
        schema: 'public',
        extra: { binary: true },
      },
      schema: stores.schema,
    });
    await openWithLog(storage, [2, 1]);
    await expectLog(storage, entries(1, 2, 1));
    await storage.close();
  });

  it('wait for the options of a named data source', async () => {
    const storage = typeOrmStorage({ dataSource: 'raft', schema: stores.schema });
    expect(needsDataSource(storage) && storage.dataSourceName).toBe('raft');
    await expect(storage.open(boot(1))).rejects.toThrow(
      "typeOrmStorage({ dataSource: 'raft' }) has no connection options",
    );
    storage.useDataSourceOptions({ type: 'postgres', url: postgres.url });
    expect(needsDataSource(storage)).toBe(false);
    await storage.open(boot(1));
    await storage.close();
  });

  it('are refused with a sentence where they cannot work', async () => {
    await expect(typeOrmStorage({ url: 'mysql://localhost/raft' }).open(boot(1))).rejects.toThrow(
      "The option 'url' of typeOrmStorage() is no such address: it must be the address of a Postgres database",
    );
    expect(() => typeOrmStorage({ url: postgres.url, schema: 'a b' })).toThrow('The option \'schema\' is "a b"');
    const wrongType = typeOrmStorage({ dataSourceOptions: { type: 'sqljs' } });
    await expect(wrongType.open(boot(1))).rejects.toThrow("The data source is of type 'sqljs'");
  });
});
