import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RAFT_MIGRATIONS } from 'nestjs-raft/typeorm';
import { DataSource } from 'typeorm';
import { type CommandCall, encodeCommand } from '../../libs/raft/src/state-machine/entries/command-envelope';
import { encodeQuery } from '../../libs/raft/src/state-machine/entries/query-envelope';
import { decodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';
import { TestPostgres } from '../support/postgres';
import { makeStore, nodeOn } from './make-store';

const FILE = join(__dirname, 'files', 'store.sql');
const SCHEMA = 'golden';

/** Makes the tables of the build that wrote the rows, then the rows. */
async function load(postgres: TestPostgres, text: string): Promise<void> {
  const names = /^-- migrations: (.*)$/m.exec(text)![1]!.split(' ');
  const migrations = RAFT_MIGRATIONS.filter((migration) => names.includes(migration.name));
  expect(migrations.map(({ name }) => name)).toEqual(names);
  await postgres.query(`CREATE SCHEMA ${SCHEMA}`);
  const options = { type: 'postgres', url: postgres.url, schema: SCHEMA, installExtensions: false } as const;
  const old = await new DataSource({ ...options, migrations, migrationsTableName: 'raft_migrations' }).initialize();
  await old.runMigrations({ transaction: 'all' });
  await old.destroy();
  await postgres.query(text.replaceAll('$schema', SCHEMA));
  // Another server: what an administrator does who has moved the database.
  await postgres.query(`UPDATE ${SCHEMA}.raft_store SET server = NULL`);
}

describe('A store that an earlier build wrote', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await TestPostgres.start();
    if (process.env['RAFT_GOLDEN'] === 'add' && !existsSync(FILE))
      writeFileSync(FILE, await makeStore(postgres, 'made'));
    await load(postgres, readFileSync(FILE, 'utf8'));
  }, 120_000);
  afterAll(() => postgres?.stop());

  it('is opened by this one: members, session, snapshot, log and values are there', async () => {
    const [before] = await postgres.query(`SELECT epoch::int, incarnation FROM ${SCHEMA}.raft_store`);
    const [{ term, votedFor }] = (await postgres.query(
      `SELECT term::int, voted_for::int AS "votedFor" FROM ${SCHEMA}.raft_group`,
    )) as [{ term: number; votedFor: number }];
    expect({ ...before, term, votedFor }).toMatchObject({ epoch: 2, votedFor: 1 });

    const node = nodeOn(postgres.url, SCHEMA);
    await node.start();
    try {
      await node.barrier();
      expect(node.status()).toMatchObject({ phase: 'running', isLeader: true });
      expect(node.status().term).toBeGreaterThan(term);
      const configuration = await postgres.query(`SELECT configuration FROM ${SCHEMA}.raft_group`);
      expect(configuration).toEqual([
        {
          configuration: expect.objectContaining({
            members: [{ id: 1, name: 'n1', peer: '127.0.0.1:7001', http: '', incarnation: before!['incarnation'] }],
            voters: [1],
            nextReplicaId: 2,
          }) as unknown,
        },
      ]);
      expect(node.members().members).toHaveLength(1);

      expect(node.status().snapshot).toMatchObject({ index: 4 });
      const [session] = node.sessions();
      expect(session).toBeDefined();
      const ask = async (machine: string, query: string, ...args: unknown[]): Promise<unknown> => {
        const { value } = await node.query(encodeQuery({ machine, query, args }));
        return value.status === 'applied' ? decodeValue(value.value!) : value;
      };
      expect(await ask('raft.counters', 'get', 'visits')).toBe(42);
      expect(await ask('raft.maps', 'get', 'users', 'u1')).toMatchObject({ value: { owner: 'n1', tags: ['a', 'b'] } });

      // The session has its answer still.
      const call: CommandCall = { machine: 'raft.counters', command: 'add', args: ['visits', 40] };
      const again = { ...call, session: { clientId: session!.id, sequence: 1, ackedThrough: 0 } };
      const { value } = await node.propose(encodeCommand(again));
      expect(value.status === 'applied' && decodeValue(value.value!)).toBe(40);
      expect(await ask('raft.counters', 'get', 'visits')).toBe(42);
      expect((await node.snapshot()).index).toBeGreaterThan(4);
    } finally {
      await node.stop();
    }
    const [after] = await postgres.query(`SELECT epoch::int, incarnation, notes FROM ${SCHEMA}.raft_store`);
    expect(after).toMatchObject({ epoch: 3, incarnation: before!['incarnation'] });
    // Both starts of the earlier build and this one.
    expect(
      (JSON.parse(String(after!['notes'])) as { lives: { number: number }[] }).lives.map(({ number }) => number),
    ).toEqual([3, 2, 1]);
  });
});
