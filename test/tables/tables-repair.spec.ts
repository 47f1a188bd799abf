import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import {
  getStateMachineToken,
  RaftAdminService,
  RaftModule,
  RaftService,
  type RaftStatus,
  type Replicated,
} from '../../libs/raft/src';
import { typeOrmStorage } from '../../libs/raft/src/storage/typeorm';
import { eventually } from '../support/eventually';
import { freePorts } from '../support/free-ports';
import { TestPostgres } from '../support/postgres';
import { BANK_ENTITIES, bankOn } from './bank';

jest.setTimeout(300_000);

const Bank = bankOn(undefined);
type Bank = InstanceType<typeof Bank>;

/** Waits until the expectations hold. */
async function holds(expectations: () => Promise<void>): Promise<void> {
  await eventually('the expectations hold', async () => {
    await expectations();
    return true;
  });
}

describe('safety 31: nodes whose log and tables are in Postgres are repaired', () => {
  let postgres: TestPostgres;
  const apps: INestApplicationContext[] = [];
  let ports: number[];

  beforeAll(async () => {
    postgres = await TestPostgres.start();
    ports = await freePorts(3);
    for (const n of [1, 2, 3]) await postgres.query(`CREATE DATABASE shop_${n}`);
    await Promise.all([1, 2, 3].map((n) => start(n)));
    await bankOf(1).open('ada', 1000);
    await bankOf(2).open('bob', 1000);
    for (let at = 1; at <= 10; at++) await bankOf((at % 3) + 1).transfer('ada', 'bob', at);
  });
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await postgres.stop();
  });

  async function start(n: number): Promise<void> {
    const members = [1, 2, 3].map((each) => ({ id: `n${each}`, peer: `127.0.0.1:${ports[each - 1]}` }));
    const url = new URL(postgres.url);
    url.pathname = `/shop_${n}`;
    const moduleRef = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: url.href,
          entities: BANK_ENTITIES,
          synchronize: true,
          uuidExtension: 'pgcrypto',
          installExtensions: false,
        }),
        RaftModule.forRoot({
          nodeId: `n${n}`,
          clusterName: 'shop',
          members,
          peers: { listen: `127.0.0.1:${ports[n - 1]}`, advertise: `127.0.0.1:${ports[n - 1]}` },
          storage: typeOrmStorage({ dataSource: 'default' }),
          election: { timeoutMs: 1000, heartbeatIntervalMs: 100 },
          snapshots: { trailingEntries: 2 },
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
  const statusOf = (n: number): RaftStatus => apps[n - 1]!.get(RaftService).status();
  const adminOf = (n: number): RaftAdminService => apps[n - 1]!.get(RaftAdminService);
  const contentOf = async (n: number): Promise<unknown> => {
    const source = apps[n - 1]!.get(DataSource);
    return [
      await source.query('SELECT * FROM account ORDER BY owner'),
      await source.query('SELECT * FROM transfer ORDER BY id'),
    ];
  };

  /** Stops a node, changes what its database holds, and starts it again. */
  async function damage(n: number, ...statements: string[]): Promise<number> {
    const { replicaId } = statusOf(n);
    await adminOf(n).snapshot();
    await holds(async () => expect(statusOf(n).firstIndex).toBeGreaterThan(1));
    await bankOf(1).transfer('ada', 'bob', 1);
    await holds(async () => expect(statusOf(n).appliedIndex).toBe(statusOf(1).commitIndex));
    const source = apps[n - 1]!.get(DataSource);
    await source.query("SET nestjs_raft.writer = 'maintenance'");
    for (const statement of statements) await source.query(`SET nestjs_raft.writer = 'maintenance'; ${statement}`);
    await apps[n - 1]!.close();
    await start(n);
    await holds(async () => expect(statusOf(n).phase).toBe('quarantined'));
    return replicaId;
  }

  async function isBack(n: number, before: number): Promise<void> {
    await holds(async () => {
      const [member, ...more] = statusOf(1).members.filter(({ name }) => name === `n${n}`);
      expect(more).toEqual([]);
      expect(member!.voter).toBe(true);
      expect(member!.id).toBeGreaterThan(before);
      expect(statusOf(1).membershipChanging).toBe(false);
    });
    await bankOf(n).transfer('ada', 'bob', 1);
    expect(await bankOf(n).total()).toBe('2000');
    await holds(async () => expect(await contentOf(n)).toEqual(await contentOf(1)));
  }

  it('where the snapshot’s rows are gone: tables that were changed, too, come from the others', async () => {
    const before = await damage(
      3,
      'DELETE FROM raft.raft_snapshot',
      "UPDATE account SET balance = '999999' WHERE owner = 'ada'",
    );
    expect(statusOf(3).reason).toMatch(/is damaged: The snapshot of group 'default' is gone/);
    await expect(bankOf(3).total()).rejects.toMatchObject({ code: 'RAFT_QUARANTINED' });

    const { keptAs, label } = await adminOf(3).repair();
    expect(keptAs).toBe(`the tables of schema "raft_damaged_${label}"`);
    await isBack(3, before);
    const source = apps[2]!.get(DataSource);
    expect(await source.query(`SELECT node_name FROM raft_damaged_${label}.raft_store`)).toEqual([{ node_name: 'n3' }]);
    const [tables] = await source.query<{ readonly names: string }[]>(
      `SELECT string_agg(format('%s.%s', table_schema, table_name), ' ' ORDER BY 1) AS names
       FROM information_schema.tables WHERE table_schema LIKE '%damaged_${label}'`,
    );
    expect(tables!.names).toMatch(/damaged_\w+\.\w*account/);
  });

  it('where an entry changed: what is found out while it runs is repaired by the next process', async () => {
    const last = '(SELECT max(index) FROM raft.raft_entry WHERE kind = 2)';
    const before = await damage(2, `UPDATE raft.raft_entry SET data = set_byte(data, 3, 7) WHERE index = ${last}`);
    expect(statusOf(2).reason).toMatch(/is damaged: Entry \d+ of group 'default' isn't what was written/);
    await expect(adminOf(2).repair()).rejects.toMatchObject({ code: 'RAFT_QUARANTINED' });
    await apps[1]!.close();
    await start(2);
    await isBack(2, before);
  });

  it('where rows of the log are gone', async () => {
    const before = await damage(
      3,
      'DELETE FROM raft.raft_entry WHERE index = (SELECT max(index) FROM raft.raft_entry)',
    );
    expect(statusOf(3).reason).toMatch(/is damaged: The log of group 'default' should hold the entries/);
    await adminOf(3).repair();
    await isBack(3, before);
  });
});
