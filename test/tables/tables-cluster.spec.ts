import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import {
  getStateMachineToken,
  memoryStorage,
  RaftAdminService,
  RaftModule,
  RaftService,
  type Replicated,
} from '../../libs/raft/src';
import { withReplicatedTablesWritable } from '../../libs/raft/src/state-machine/typeorm';
import { typeOrmStorage } from '../../libs/raft/src/storage/typeorm';
import { eventually } from '../support/eventually';
import { freePorts } from '../support/free-ports';
import { TestPostgres } from '../support/postgres';
import { Account, BANK_ENTITIES, bankOn } from './bank';

jest.setTimeout(300_000);

/** Databases that stumble are given all the time that calls have: how fast they get over it is the machine’s. */
const Bank = bankOn(undefined, { retryForMs: 60_000 });
type Bank = InstanceType<typeof Bank>;

describe('replicated tables in three Nest applications', () => {
  let postgres: TestPostgres;
  const apps: INestApplicationContext[] = [];
  let ports: number[];

  beforeAll(async () => {
    postgres = await TestPostgres.start();
    ports = await freePorts(4);
    for (const n of [1, 2, 3, 4]) await postgres.query(`CREATE DATABASE shop_${n}`);
    await Promise.all([1, 2, 3].map((n) => start(n)));
  });
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await postgres.stop();
  });

  function urlOf(n: number): string {
    const url = new URL(postgres.url);
    url.pathname = `/shop_${n}`;
    return url.href;
  }

  async function start(n: number, join?: string[]): Promise<void> {
    const members = [1, 2, 3].map((each) => ({ id: `n${each}`, peer: `127.0.0.1:${ports[each - 1]}` }));
    const peer = `127.0.0.1:${ports[n - 1]}`;
    const moduleRef = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: urlOf(n),
          entities: BANK_ENTITIES,
          synchronize: true,
          uuidExtension: 'pgcrypto',
          installExtensions: false,
        }),
        RaftModule.forRoot({
          nodeId: `n${n}`,
          clusterName: 'shop',
          ...(join === undefined ? { members } : { join }),
          peers: { listen: peer, advertise: peer },
          // The log is in the tables' own database on the first node, and elsewhere on the others.
          storage: n === 1 ? typeOrmStorage({ dataSource: 'default' }) : memoryStorage(),
          election: { timeoutMs: 1000, heartbeatIntervalMs: 100 },
          // Each command makes several round trips to three databases, on whatever machine this is.
          requestTimeoutMs: 60_000,
        }),
        RaftModule.forFeature([Bank]),
      ],
    }).compile();
    const app = moduleRef.createNestApplication({ logger: false });
    await app.init();
    apps[n - 1] = app;
  }

  const bankOf = (n: number): Replicated<Bank> => apps[n - 1]!.get<Replicated<Bank>>(getStateMachineToken(Bank));

  async function contentOf(n: number): Promise<unknown> {
    const source = apps[n - 1]!.get(DataSource);
    return [
      await source.query('SELECT * FROM account ORDER BY owner'),
      await source.query('SELECT * FROM transfer ORDER BY id'),
    ];
  }

  it('are written on any node, read on any node, and equal', async () => {
    await bankOf(1).open('ada', 1000);
    await bankOf(2).open('bob', 1000);
    const amounts = Array.from({ length: 30 }, (_, at) => at + 1);
    await Promise.all(amounts.map((amount) => bankOf((amount % 3) + 1).transfer('ada', 'bob', amount)));
    await expect(bankOf(3).transfer('ada', 'bob', 5000)).rejects.toMatchObject({
      code: 'RAFT_REJECTED',
      reason: 'INSUFFICIENT_FUNDS',
    });
    expect(await Promise.all([1, 2, 3].map((n) => bankOf(n).total()))).toEqual(['2000', '2000', '2000']);
    const [ada] = await bankOf(3).accounts();
    expect(ada).toMatchObject({ owner: 'ada', balance: '535', version: 31 });
    expect(ada!.sent).toHaveLength(30);
    expect(await contentOf(1)).toEqual(await contentOf(2));
    expect(await contentOf(3)).toEqual(await contentOf(2));
  });

  it.each<[string, (source: DataSource) => Promise<unknown>]>([
    ['a repository', (source) => source.getRepository(Account).save({ owner: 'eve' })],
    ['a query builder', (source) => source.createQueryBuilder().update(Account).set({ balance: '1' }).execute()],
    ['SQL', (source) => source.query('DELETE FROM transfer')],
    ['TRUNCATE', (source) => source.query('TRUNCATE account CASCADE')],
    ['a transaction', (source) => source.transaction((manager) => manager.delete(Account, { owner: 'ada' }))],
  ])('refuse %s of the application, and say what to write instead', async (_what, write) => {
    const before = await contentOf(2);
    await expect(write(apps[1]!.get(DataSource))).rejects.toMatchObject({
      code: 'RAFT_OUTSIDE_COMMAND',
      notApplied: true,
      message: expect.stringMatching(/^public\.(account|transfer) was not written: .*@RaftCommand\(\)/),
    });
    expect(await contentOf(2)).toEqual(before);
  });

  it('refuse whoever else is connected, and let a migration through', async () => {
    const stranger = new Client({ connectionString: urlOf(2) });
    await stranger.connect();
    await expect(stranger.query('UPDATE account SET balance = 1')).rejects.toMatchObject({
      code: 'RF001',
      hint: expect.stringContaining('@RaftCommand()'),
    });
    await stranger.end();
    const runner = apps[1]!.get(DataSource).createQueryRunner();
    await withReplicatedTablesWritable(runner, () => runner.query('UPDATE account SET balance = balance WHERE false'));
    await expect(runner.query('UPDATE account SET balance = balance')).rejects.toMatchObject({
      code: 'RAFT_OUTSIDE_COMMAND',
    });
    await runner.release();
  });

  it('are asked at whatever consistency, with full SQL', async () => {
    const { value: id, index } = await bankOf(1).$ordered().transfer('bob', 'ada', 1);
    const read = { sum: '2000', last: id };
    expect(await bankOf(2).$after(index).report()).toEqual(read);
    expect(await bankOf(3).$lease().report()).toEqual(read);
    expect(await bankOf(3).report()).toEqual(read);
    expect(await bankOf(2).$stale({ maxLagMs: 60_000 }).report()).toEqual(read);
    const behind = await bankOf(3).$stale().$ordered().report();
    expect(behind.value.sum).toBe('2000');
    await bankOf(1).transfer('ada', 'bob', 1);
  });

  it('stand against a query that writes', async () => {
    await expect(bankOf(2).misguided()).rejects.toMatchObject({ code: 'RAFT_REJECTED', reason: 'QUERY_FAILED' });
  });

  it.each([
    ['40P01', 'deadlocks'],
    ['40001', 'serialization failures'],
  ])('are the same, and answered the same, where one database alone has %s (%s)', async (sqlState) => {
    const source = apps[2]!.get(DataSource);
    await source.query(`CREATE SEQUENCE stumbles`);
    // Commands are applied together, and again together: where this went on for ever, a batch would never get through.
    await source.query(`CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN
      n := nextval('stumbles');
      IF n <= 6 AND n % 2 = 0 THEN RAISE EXCEPTION USING ERRCODE = '${sqlState}'; END IF; RETURN NEW; END $$`);
    await source.query(`CREATE TRIGGER stumble BEFORE INSERT ON transfer FOR EACH ROW EXECUTE FUNCTION stumble()`);
    const { value: before } = await bankOf(1).$ordered().transfer('ada', 'bob', 1);
    const ids = await Promise.all([1, 2, 3].map((n) => bankOf(n).transfer('bob', 'ada', 1)));
    const last = await bankOf(3).transfer('ada', 'bob', 2);
    await source.query('DROP TRIGGER stumble ON transfer; DROP FUNCTION stumble; DROP SEQUENCE stumbles');
    expect([...ids].sort((a, b) => a - b)).toEqual([before + 1, before + 2, before + 3]);
    expect(last).toBe(before + 4);
    await Promise.all([1, 2, 3].map((n) => bankOf(n).total()));
    expect(await contentOf(1)).toEqual(await contentOf(3));
    expect(await contentOf(2)).toEqual(await contentOf(3));
  });

  it('answer an SQL mistake to its caller alone, alike on every node, and go on', async () => {
    for (const method of ['sql', 'caught'] as const)
      await expect(bankOf(2)[method]('UPDATE account SET nothing = 1')).rejects.toMatchObject({
        code: 'RAFT_REJECTED',
        reason: 'COMMAND_FAILED',
        message: expect.stringContaining('SQLSTATE 42703'),
      });
    await bankOf(1).transfer('ada', 'bob', 1);
    await bankOf(3).transfer('bob', 'ada', 1);
    await Promise.all([1, 2, 3].map((n) => bankOf(n).total()));
    expect([1, 2, 3].map((n) => apps[n - 1]!.get(RaftService).status().phase)).toEqual([
      'running',
      'running',
      'running',
    ]);
    expect(await contentOf(1)).toEqual(await contentOf(3));
    expect(await contentOf(2)).toEqual(await contentOf(3));
  });

  it('go on where those of the leader are locked by somebody else: another leads, and nothing is lost', async () => {
    const leaders = () => [1, 2, 3].filter((n) => apps[n - 1]!.get(RaftService).isLeader());
    const [old] = await eventually('one leads', async () => (leaders().length === 1 ? leaders() : undefined));
    const other = [1, 2, 3].find((n) => n !== old)!;
    const stranger = new Client({ connectionString: urlOf(old!) });
    await stranger.connect();
    await stranger.query('BEGIN; LOCK TABLE account IN ACCESS EXCLUSIVE MODE');
    try {
      // Taken in by the old leader, whose state machine hangs at it, and answered by the next one.
      await bankOf(other).transfer('ada', 'bob', 7);
      expect(leaders()).not.toContain(old);
      await bankOf(other).transfer('bob', 'ada', 7);
    } finally {
      await stranger.end();
    }
    await eventually('all are equal', async () => {
      const [first, second, third] = (await Promise.all([1, 2, 3].map(contentOf))).map((each) => JSON.stringify(each));
      return first === second && second === third ? true : undefined;
    });
    expect(await bankOf(old!).total()).toBe('2000');
  });

  it('come to a node that joins, in a snapshot where the log was cut', async () => {
    for (const n of [1, 2, 3]) await apps[n - 1]!.get(RaftAdminService).snapshot();
    await start(4, [`127.0.0.1:${ports[0]}`]);
    await eventually(
      'the new node votes',
      () =>
        apps[3]!
          .get(RaftService)
          .status()
          .members.some(({ name, role }) => name === 'n4' && role === 'voter') || undefined,
    );
    await bankOf(4).transfer('bob', 'ada', 1);
    expect(await bankOf(4).total()).toBe('2000');
    expect(await contentOf(4)).toEqual(await contentOf(1));
  });

  it('wait on a node that a migration has not reached, which says so, and take it up when it has', async () => {
    const migrate = (n: number) => apps[n - 1]!.get(DataSource).query('ALTER TABLE account ADD COLUMN note text');
    const status = (n: number) => apps[n - 1]!.get(RaftService).status();
    const late = [1, 2, 3, 4].find((n) => !status(n).isLeader)!;
    const early = [1, 2, 3, 4].filter((n) => n !== late);
    for (const n of early) await migrate(n);
    // Until the leader has looked at its schema, and heard of the other's, the old one is taken to be everywhere.
    await eventually('the leader knows of the migration', async () =>
      bankOf(early[0]!)
        .sql(`UPDATE account SET note = 'new' WHERE owner = 'ada'`)
        .then(
          () => true,
          () => undefined,
        ),
    );
    await eventually(
      'it says what it waits for',
      async () => status(late).degraded?.reason.includes('note') || undefined,
    );
    expect(status(late)).toMatchObject({
      phase: 'running',
      degraded: {
        reason: expect.stringMatching(/bank\.sql of entry \d+ can't be run .*42703.*run (its|the) migrations/),
      },
    });
    await bankOf(early[1]!).transfer('ada', 'bob', 1);
    await bankOf(early[1]!).transfer('bob', 'ada', 1);
    await migrate(late);
    await eventually('it goes on', async () => status(late).degraded === null || undefined);
    expect(await bankOf(late).total()).toBe('2000');
    expect(await contentOf(late)).toEqual(await contentOf(early[0]!));
  });

  it('are found to differ within seconds, without thousands of entries, where a row was changed past the guard', async () => {
    // Rows of the second node were changed by hand above: it isn't compared with the others, and must not lead.
    if (apps[1]!.get(RaftService).isLeader()) {
      await apps[1]!.get(RaftAdminService).transfer('n1');
      await eventually('n1 leads', async () => apps[0]!.get(RaftService).isLeader() || undefined);
    }
    const odd = [1, 3].find((n) => !apps[n - 1]!.get(RaftService).isLeader())!;
    const source = apps[odd - 1]!.get(DataSource);
    await source.query(`ALTER TABLE account DISABLE TRIGGER ALL`);
    // The guard of the application's own data source looks at the statement, and knows no function.
    await source.query(
      `DO $$ BEGIN UPDATE account SET balance = balance + 1 WHERE owner = 'ada'; END $$; ALTER TABLE account ENABLE TRIGGER ALL`,
    );
    await bankOf(2).transfer('ada', 'bob', 1);
    await eventually(
      'the odd one is quarantined',
      async () => {
        const { phase } = apps[odd - 1]!.get(RaftService).status();
        return phase === 'quarantined' || undefined;
      },
      { withinMs: 120_000 },
    );
    expect(apps[odd - 1]!.get(RaftService).status().reason).toContain('another state of the log up to entry');
    await bankOf(2).transfer('bob', 'ada', 1);
  });
});
