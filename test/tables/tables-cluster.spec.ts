import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import {
  getStateMachineToken,
  memoryStorage,
  RaftAdminService,
  RaftModule,
  RaftService,
  type Replicated,
} from '../../libs/raft/src';
import { typeOrmStorage } from '../../libs/raft/src/storage/typeorm';
import { eventually } from '../support/eventually';
import { freePorts } from '../support/free-ports';
import { TestPostgres } from '../support/postgres';
import { BANK_ENTITIES, bankOn } from './bank';

jest.setTimeout(120_000);

const Bank = bankOn(undefined);
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
});
