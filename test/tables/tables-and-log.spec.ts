import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import { setTimeout as sleep } from 'node:timers/promises';
import { getStateMachineToken, isRaftError, RaftAdminService, RaftModule, type Replicated } from '../../libs/raft/src';
import { typeOrmStorage } from '../../libs/raft/src/storage/typeorm';
import { freePorts } from '../support/free-ports';
import { PostgresProxy } from '../support/postgres-proxy';
import { TestPostgres } from '../support/postgres';
import { BANK_ENTITIES, bankOn } from './bank';

jest.setTimeout(300_000);

type Bank = Replicated<InstanceType<ReturnType<typeof bankOn>>>;

/** One life of a node: the wires to its log and to its tables, which are cut where it crashes. */
interface Life {
  readonly app: INestApplication;
  readonly bank: Bank;
  readonly log: PostgresProxy;
  readonly tables: PostgresProxy;
}

const isCommit = (bytes: Buffer): boolean => bytes.includes('COMMIT\0');

describe.each([
  ['one database', 'bank', 'bank'],
  ['two databases', 'bank_log', 'bank_tables'],
])('a node with log and tables in %s that crashes', (_where, logDatabase, tablesDatabase) => {
  let postgres: TestPostgres;
  let admin: DataSource;
  let peer: string;
  const lives: Life[] = [];

  beforeAll(async () => {
    postgres = await TestPostgres.start();
  });
  beforeEach(async () => {
    for (const name of new Set([logDatabase, tablesDatabase])) await postgres.query(`CREATE DATABASE ${name}`);
    admin = await tablesMade();
    const [port] = await freePorts(1);
    peer = `127.0.0.1:${port}`;
  });
  afterEach(async () => {
    for (const life of [...lives]) await crash(life);
    await admin.destroy();
    for (const name of new Set([logDatabase, tablesDatabase]))
      await postgres.query(`DROP DATABASE ${name} WITH (FORCE)`);
  });
  afterAll(() => postgres.stop());

  function urlOf(database: string, port: number): string {
    const url = new URL(postgres.urlThrough(port));
    url.pathname = `/${database}`;
    return url.href;
  }

  function tablesMade(): Promise<DataSource> {
    return new DataSource({
      type: 'postgres',
      url: urlOf(tablesDatabase, postgres.port),
      entities: BANK_ENTITIES,
      synchronize: true,
      installExtensions: false,
      uuidExtension: 'pgcrypto',
    }).initialize();
  }

  async function start(): Promise<Life> {
    const log = await PostgresProxy.start(postgres.port);
    const tables = await PostgresProxy.start(postgres.port, isCommit);
    const Bank = bankOn(urlOf(tablesDatabase, tables.port));
    const moduleRef = await Test.createTestingModule({
      imports: [
        RaftModule.forRoot({
          nodeId: 'n1',
          clusterName: 'shop',
          members: [{ id: 'n1', peer }],
          peers: { listen: peer, advertise: peer },
          storage: typeOrmStorage({ url: urlOf(logDatabase, log.port) }),
          requestTimeoutMs: 60_000,
          shutdownTimeoutMs: 1_000,
        }),
        RaftModule.forFeature([Bank]),
      ],
    }).compile();
    const app = moduleRef.createNestApplication({ logger: false });
    const life = { app, bank: moduleRef.get<Bank>(getStateMachineToken(Bank)), log, tables };
    lives.push(life);
    await app.init();
    return life;
  }

  function crashWire(wire: PostgresProxy): void {
    wire.unreachable = true;
    wire.cutAll();
  }

  /** As the databases see it: nothing comes from it any more. The next life has its port. */
  async function crash(life: Life): Promise<void> {
    const { app, log, tables } = life;
    lives.splice(lives.indexOf(life), 1);
    for (const wire of [log, tables]) crashWire(wire);
    await app.close();
    await Promise.all([log.stop(), tables.stop()]);
  }

  /** A disk that is busy with something else refuses a call now and then; it isn't applied then. */
  async function sent<T>(call: () => Promise<T>): Promise<T> {
    for (;;)
      try {
        return await call();
      } catch (error) {
        if (!isRaftError(error) || !error.notApplied || error.code === 'RAFT_SHUTTING_DOWN') throw error;
        await sleep(100);
      }
  }

  async function transfers(): Promise<readonly object[]> {
    return admin.query<object[]>('SELECT id, amount FROM transfer ORDER BY id');
  }

  async function appliedIndex(): Promise<number> {
    const [row] = await admin.query<{ index: string }[]>(
      'SELECT applied_index AS index FROM raft_tables.raft_tables_state',
    );
    return Number(row!.index);
  }

  async function opened(): Promise<Life> {
    const life = await start();
    for (const owner of ['ada', 'bob']) await sent(() => life.bank.open(owner, 100));
    return life;
  }

  it('trap 40: before what is in its log was applied, applies it in its next life, once', async () => {
    const first = await opened();
    const before = await appliedIndex();
    first.tables.onNextWrite('hold');
    const lost = sent(() => first.bank.$idempotencyKey('k1').transfer('ada', 'bob', 10));
    lost.catch(() => undefined);
    await first.tables.untilHeld();
    await crash(first);
    expect(await appliedIndex()).toBe(before);
    expect(await transfers()).toEqual([]);

    const { bank } = await start();
    expect(await sent(() => bank.$idempotencyKey('k1').transfer('ada', 'bob', 10))).toBe(1);
    expect(await sent(() => bank.transfer('ada', 'bob', 5))).toBe(2);
    expect(await transfers()).toEqual([
      { id: 1, amount: '10' },
      { id: 2, amount: '5' },
    ]);
  });

  it('trap 40: behind the transaction of its tables, which its log knows nothing of, applies it no second time', async () => {
    const first = await opened();
    const before = await appliedIndex();
    for (const wire of [first.log, first.tables]) wire.unreachable = true;
    first.tables.onNextWrite('after');
    const lost = sent(() => first.bank.$idempotencyKey('k1').transfer('ada', 'bob', 10));
    lost.catch(() => undefined);
    while ((await appliedIndex()) === before);
    await crash(first);

    const { bank } = await start();
    expect(await transfers()).toEqual([{ id: 1, amount: '10' }]);
    expect(await sent(() => bank.$idempotencyKey('k1').transfer('ada', 'bob', 10))).toBe(1);
    expect(await sent(() => bank.transfer('ada', 'bob', 5))).toBe(2);
    expect(await transfers()).toEqual([
      { id: 1, amount: '10' },
      { id: 2, amount: '5' },
    ]);
    expect(await sent(() => bank.total())).toBe('200');
  });

  it('some time after a snapshot gives each retry the first answer, whether the snapshot has it or the tables', async () => {
    const first = await opened();
    expect(await sent(() => first.bank.$idempotencyKey('k1').transfer('ada', 'bob', 10))).toBe(1);
    await sent(() => first.app.get(RaftAdminService).snapshot());
    expect(await sent(() => first.bank.$idempotencyKey('k2').transfer('ada', 'bob', 20))).toBe(2);
    await expect(sent(() => first.bank.$idempotencyKey('k3').transfer('ada', 'bob', 500))).rejects.toMatchObject({
      reason: 'INSUFFICIENT_FUNDS',
    });
    await crash(first);

    const { bank } = await start();
    expect(await sent(() => bank.$idempotencyKey('k1').transfer('ada', 'bob', 10))).toBe(1);
    expect(await sent(() => bank.$idempotencyKey('k2').transfer('ada', 'bob', 20))).toBe(2);
    await expect(sent(() => bank.$idempotencyKey('k3').transfer('ada', 'bob', 500))).rejects.toMatchObject({
      reason: 'INSUFFICIENT_FUNDS',
    });
    expect(await transfers()).toHaveLength(2);
  });

  it('and finds answers forgotten that its snapshot has not has tables and answers again, from its snapshot and its log', async () => {
    const first = await opened();
    expect(await sent(() => first.bank.$idempotencyKey('k1').transfer('ada', 'bob', 10))).toBe(1);
    await sent(() => first.app.get(RaftAdminService).snapshot());
    expect(await sent(() => first.bank.$idempotencyKey('k2').transfer('ada', 'bob', 20))).toBe(2);
    const all = [await transfers(), await admin.query('SELECT * FROM account ORDER BY owner')];
    await crash(first);
    // As if a later snapshot had been stored, which is gone: the tables are ahead of the one that is there.
    await admin.query('UPDATE raft_tables.raft_tables_state SET forgotten_index = applied_index');
    await admin.query('DELETE FROM raft_tables.raft_tables_outcome');

    const { bank } = await start();
    expect(await sent(() => bank.$idempotencyKey('k2').transfer('ada', 'bob', 20))).toBe(2);
    expect(await sent(() => bank.$idempotencyKey('k1').transfer('ada', 'bob', 10))).toBe(1);
    expect([await transfers(), await admin.query('SELECT * FROM account ORDER BY owner')]).toEqual(all);
    expect(await sent(() => bank.transfer('ada', 'bob', 5))).toBe(3);
  });

  it('and loses its tables has them again, from its snapshot and its log', async () => {
    const first = await opened();
    await sent(() => first.bank.transfer('ada', 'bob', 10));
    await sent(() => first.app.get(RaftAdminService).snapshot());
    await sent(() => first.bank.transfer('ada', 'bob', 20));
    const all = [await transfers(), await admin.query('SELECT * FROM account ORDER BY owner')];
    await crash(first);
    await admin.query('DROP SCHEMA raft_tables CASCADE; DROP TABLE transfer; DROP TABLE account');
    await admin.synchronize();

    const { bank } = await start();
    expect(await sent(() => bank.total())).toBe('200');
    expect([await transfers(), await admin.query('SELECT * FROM account ORDER BY owner')]).toEqual(all);
    expect(await sent(() => bank.transfer('ada', 'bob', 5))).toBe(3);
  });
});
