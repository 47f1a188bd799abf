import { DataSource } from 'typeorm';
import { type TypeOrmStorage, typeOrmStorage } from '../../libs/raft/src/storage/typeorm';
import { RAFT_MIGRATIONS } from '../../libs/raft/src/storage/typeorm/migrations';
import { PinnedConnection } from '../../libs/raft/src/storage/typeorm/connection/pinned-connection';
import {
  batch,
  boot,
  entries,
  founding,
  openWithLog,
} from '../../libs/raft/src/testing/storage-conformance/sample-writes';
import { TestPostgres } from '../support/postgres';
import { TransactionPooler } from '../support/transaction-pooler';
import { StoresOfOneSchema } from './postgres-under-test';

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

/** How pg and we say that a connection is gone. */
const LOST =
  /Connection terminated|The session with Postgres is lost|read ECONNRESET|Client has encountered a connection error/;

describe('two processes on one store', () => {
  it('the second is told who has it and what to do', async () => {
    await opened();
    const second = await stores.another();
    await expect(second.open(boot(2))).rejects.toMatchObject({
      name: 'StoreLockedError',
      message: expect.stringMatching(
        /^The store in schema "case_\d+" is in use by node 'n1' \(backend \d+, 'nestjs-raft n1', connected from 127\.0\.0\.1\)\. Two processes must never share a store: give each node a database or a schema of its own, or end the other process\.$/,
      ),
    });
  });

  it('another node is told whose store it is, also while that one runs', async () => {
    await opened();
    const other = await stores.another();
    await expect(other.open(boot(2, 'n2'))).rejects.toMatchObject({
      name: 'StoreOwnerError',
      message: expect.stringContaining(
        `Node 'n2' was started on the store in schema "${stores.schema}", which belongs to node 'n1'.`,
      ),
    });
  });

  it('the second gets the store where the first ends while it waits', async () => {
    const first = await opened();
    const second = await stores.another({ lockWaitMs: 20_000 });
    const waiting = second.open(boot(2));
    await first.close();
    expect(await waiting).toMatchObject({ epoch: 2, takenOver: false });
  });

  it('three that start at once on an empty database migrate once, and one gets the store', async () => {
    const three = await Promise.all([stores.another(), stores.another(), stores.another()]);
    const outcomes = await Promise.allSettled(three.map((storage, at) => storage.open(boot(at + 1))));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ name: 'StoreLockedError' });
    expect(await stores.query('SELECT count(*)::int AS migrations FROM $schema.raft_migrations')).toEqual([
      { migrations: RAFT_MIGRATIONS.length },
    ]);
  });

  it('two schemas of one database are two stores', async () => {
    await opened();
    const elsewhere = new StoresOfOneSchema(postgres);
    const other = await elsewhere.another();
    await other.open(boot(1, 'n2'));
    await other.persist([founding()]);
    await elsewhere.dispose();
  });

  it('an owner whose lock was taken from it writes nothing, though its own session came back', async () => {
    const first = await opened();
    await stores.kill(first);
    const thief = await stores.another();
    expect(await thief.open(boot(2))).toMatchObject({ takenOver: true });
    await expect(first.persist([batch(3, { entries: entries(4, 4, 1) })])).rejects.toThrow(LOST);
    await expect(first.recover()).rejects.toMatchObject({ name: 'StoreFencedError' });
    await thief.close();
    await expect(first.recover()).rejects.toMatchObject({ name: 'StoreFencedError' });
    await expect(first.persist([batch(3)])).rejects.toMatchObject({ name: 'StoreFencedError' });
  });

  it.each([
    ['the epoch was raised', 'UPDATE $schema.raft_store SET epoch = epoch + 1'],
    [
      'the next batch is there already',
      `INSERT INTO $schema.raft_batch (group_id, number, epoch, commit_index, last_index, generation, checksum) VALUES (1, 3, 1, 0, 3, 0, 0)`,
    ],
    ['the batch before it is gone', 'DELETE FROM $schema.raft_batch'],
  ])('nothing lands where %s behind its back, though the session lives', async (_what, statement) => {
    const storage = await opened();
    await stores.query(statement);
    for (const write of [
      batch(3, { entries: entries(4, 5, 1) }),
      batch(3, { truncateFrom: 2, hardState: { term: 8, votedFor: 1 } }),
    ])
      await expect(storage.persist([write])).rejects.toMatchObject({ name: 'StoreFencedError' });
    const [found] = await stores.query(
      'SELECT (SELECT count(*) FROM $schema.raft_entry)::int AS entries, (SELECT term FROM $schema.raft_group)::int AS term',
    );
    expect(found).toEqual({ entries: 3, term: 1 });
  });
});

describe('a server or a way to it that would lose what was promised', () => {
  it.each([
    ['that hides the process id of its backends', { showsBackendPid: false, order: 'lastFirst' }],
    ['that gives out last what came back last', { showsBackendPid: true, order: 'firstFirst' }],
    ['that gives out first what came back last', { showsBackendPid: true, order: 'lastFirst' }],
  ] as const)('is refused where it is a transaction pooler %s', async (_which, options) => {
    const pooler = await TransactionPooler.start(postgres.socket, options);
    const storage = typeOrmStorage({ url: postgres.urlThrough(pooler.port), schema: stores.schema });
    await expect(storage.open(boot(1))).rejects.toMatchObject({
      name: 'StoreUnavailableError',
      message: expect.stringContaining('goes through a pooling proxy'),
    });
    await pooler.stop();
  });

  it('is refused where fsync is off', async () => {
    await postgres.query('ALTER SYSTEM SET fsync = off');
    await postgres.query('SELECT pg_reload_conf()');
    const until = async (value: string) => {
      while ((await postgres.query('SHOW fsync'))[0]?.fsync !== value);
    };
    await until('off');
    const storage = await stores.another();
    await expect(storage.open(boot(1))).rejects.toThrow('runs with fsync = off');
    await postgres.query('ALTER SYSTEM RESET fsync');
    await postgres.query('SELECT pg_reload_conf()');
    await until('on');
  });

  it('is refused with the reason where it does not answer', async () => {
    const storage = typeOrmStorage({ url: 'postgresql://postgres@127.0.0.1:1/raft' });
    await expect(storage.open(boot(1))).rejects.toMatchObject({
      name: 'StoreUnavailableError',
      message: expect.stringMatching(/^Postgres can't be used: .*ECONNREFUSED/),
    });
    await storage.close();
  });

  it('defaults of the database change nothing of the session that writes', async () => {
    for (const setting of ['synchronous_commit = off', "statement_timeout = '5s'", "idle_session_timeout = '5s'"])
      await postgres.query(`ALTER DATABASE raft SET ${setting}`);
    const dataSource = new DataSource({ type: 'postgres', url: postgres.url });
    await dataSource.initialize();
    const session = await PinnedConnection.connect(dataSource, 'settings');
    const show = async (name: string) => (await session.query({ text: `SHOW ${name}`, rowMode: 'array' }))[0]?.[0];
    expect(await show('synchronous_commit')).toBe('on');
    expect(await show('statement_timeout')).toBe('0');
    expect(await show('idle_session_timeout')).toBe('0');
    expect(await show('client_connection_check_interval')).toBe('1s');
    await session.end();
    await dataSource.destroy();
    await postgres.query('ALTER DATABASE raft RESET ALL');
  });
});
