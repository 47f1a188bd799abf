import { Client } from 'pg';
import type { BackedCommand } from '../../libs/raft/src/state-machine/declare/backing';
import { TestPostgres } from '../support/postgres';
import { TablesUnderTest, valueOf } from './tables-under-test';

jest.setTimeout(300_000);

const WRONG = [
  ['a column that is missing', '42703', `UPDATE account SET note = 'x'`],
  ['a table that is missing', '42P01', 'SELECT * FROM nowhere'],
  ['wrong syntax', '42601', 'SELEC 1'],
  ['what the server does not support', '0A000', 'SELECT owner FROM account GROUP BY owner FOR UPDATE'],
] as const;

describe('a command of replicated tables that makes an SQL mistake', () => {
  let postgres: TestPostgres;
  let one: TablesUnderTest;
  let other: TablesUnderTest;

  beforeAll(async () => {
    postgres = await TestPostgres.start();
  });
  afterAll(() => postgres.stop());

  beforeEach(async () => {
    one = await TablesUnderTest.make(postgres);
    other = await TablesUnderTest.make(postgres);
    await one.open('c1');
    await other.open('c1');
    knowEachOther();
    for (const node of [one, other]) {
      await node.run('open', 'ada', 100);
      await node.run('open', 'bob', 100);
    }
  });
  afterEach(async () => {
    await one.stop();
    await other.stop();
  });

  function knowEachOther(): void {
    const asks = (node: TablesUnderTest) => async (indexes: readonly number[]) => ({
      answers: new Map([['another', await node.state.fatesOf(indexes)]]),
      silent: [],
    });
    one.state.askOthers(asks(other));
    other.state.askOthers(asks(one));
  }

  const migrate = (node: TablesUnderTest): Promise<unknown> =>
    node.admin.query(`ALTER TABLE account ADD COLUMN IF NOT EXISTS note text`);
  const noteOf = async (node: TablesUnderTest): Promise<unknown> =>
    node.admin.query(`SELECT note FROM account WHERE owner = 'ada'`);
  /** As a leader takes it in while the voters' schemas differ. */
  const unstamped = (command: BackedCommand): BackedCommand => ({ ...command, schemaHash: undefined });
  const NOTE = `UPDATE account SET note = 'x' WHERE owner = 'ada'`;

  it('is there on two databases with one hash of the schema, whose names of schemas may differ', async () => {
    expect(one.state.schemaHash()).toMatch(/^[0-9a-f]{16}$/);
    expect(other.state.schemaHash()).toBe(one.state.schemaHash());
  });

  it.each(WRONG)(
    'pays for %s (%s) itself, on every node alike, and nothing around it does',
    async (_what, state, sql) => {
      const commands = [
        one.command('transfer', 'ada', 'bob', 1),
        one.command('sql', sql),
        one.command('caught', sql),
        one.command('transfer', 'bob', 'ada', 2),
        one.command('transfer', 'bob', 'ada', 500),
        one.command('transfer', 'bob', 'ada', 3),
      ];
      const outcomes = (await one.state.apply(commands)).map(({ outcome }) => outcome);
      expect(outcomes.map(({ status }) => status)).toEqual([
        'applied',
        'failed',
        'failed',
        'applied',
        'rejected',
        'applied',
      ]);
      expect(outcomes[1]).toMatchObject({ message: expect.stringContaining(`SQLSTATE ${state}`) });
      expect(one.told.join('\n')).toContain('made an SQL mistake');
      const others = [];
      for (const command of commands) others.push(...(await other.state.apply([command])));
      expect(others.map(({ outcome }) => outcome)).toEqual(outcomes);
      expect(await other.content()).toBe(await one.content());
      expect(other.state.hash()).toBe(one.state.hash());
    },
  );

  it('takes back what it did before, and the numbers that it drew', async () => {
    const half = `INSERT INTO transfer ("fromId", "toId", amount, at) SELECT id, id, 1, now() FROM account; SELECT nothing()`;
    const commands = [one.command('sql', half), one.command('transfer', 'ada', 'bob', 1)];
    const answers = (await one.state.apply(commands)).map(valueOf);
    expect(answers).toEqual([expect.objectContaining({ status: 'failed' }), 1]);
    expect((await other.state.apply(commands)).map(valueOf)).toEqual(answers);
    expect(await other.content()).toBe(await one.content());
  });

  it('makes a node wait whose schema is behind, which goes on when it is migrated, without a restart', async () => {
    await migrate(one);
    const command = unstamped(one.command('sql', NOTE));
    await one.state.apply([command]);
    const applied = other.state.apply([command]);
    await until(() => other.state.waitsFor() !== undefined);
    expect(other.state.waitsFor()).toMatch(
      /bank\.sql of entry 3 can't be run on this node's database \(SQLSTATE 42703: .*note.*another has carried it out.*run its migrations here/,
    );
    await migrate(other);
    expect((await applied)[0]!.outcome.status).toBe('applied');
    expect(other.state.waitsFor()).toBeUndefined();
    expect(await noteOf(other)).toEqual([{ note: 'x' }]);
    expect(other.state.hash()).toBe(one.state.hash());
  });

  it('costs itself on a node that could have carried it out, where others had answered it before', async () => {
    const command = one.command('sql', NOTE);
    const [mistaken] = await one.state.apply([command]);
    expect(mistaken!.outcome.status).toBe('failed');
    // Migrated between the leader's stamp and its turn here.
    await other.state.close();
    await migrate(other);
    const again = await TablesUnderTest.on(other.url);
    await again.admin.query('SELECT 1');
    await migrate(again);
    await again.open('c1');
    again.state.askOthers(async (indexes) => ({
      answers: new Map([['another', await one.state.fatesOf(indexes)]]),
      silent: [],
    }));
    expect(again.state.schemaHash()).not.toBe(command.schemaHash);
    expect((await again.state.apply([command]))[0]!.outcome).toEqual(mistaken!.outcome);
    expect(await noteOf(again)).toEqual([{ note: null }]);
    await again.stop();
  });

  it('waits for a member that may have applied it under the schema of before, and says for whom', async () => {
    const command = one.command('sql', NOTE);
    await migrate(other);
    await other.state.apply([unstamped(command)]);
    const later = { ...one.command('sql', NOTE), schemaHash: command.schemaHash };
    other.state.askOthers(() => Promise.resolve({ answers: new Map(), silent: ['n3'] }));
    const applied = other.state.apply([later]);
    await until(() => other.state.waitsFor() !== undefined);
    expect(other.state.waitsFor()).toMatch(/bank\.sql of entry 4 isn't run here yet.*no answer: n3/);
    other.state.stopWaiting();
    await expect(applied).rejects.toThrow(/is being stopped/);
  });

  it('is decided by the schema of now where nobody has applied it and all have one', async () => {
    await migrate(one);
    await migrate(other);
    const command = { ...one.command('sql', `UPDATE account SET nothing = 1`), schemaHash: '0123456789abcdef' };
    const [outcome] = await one.state.apply([command]);
    expect(outcome!.outcome.status).toBe('failed');
    expect((await other.state.apply([command]))[0]!.outcome).toEqual(outcome!.outcome);
  });

  it('never is one that lacks a right, which another node may have: the node waits until it is granted', async () => {
    await postgres.query('CREATE ROLE clerk LOGIN');
    const clerk = await TablesUnderTest.make(postgres, postgres.port, {}, 'clerk');
    await clerk.open('c1');
    const applied = clerk.run('sql', 'SELECT count(*) FROM pg_authid');
    await until(() => clerk.state.waitsFor() !== undefined);
    expect(clerk.state.waitsFor()).toMatch(/SQLSTATE 42501: permission denied.*lacks a right: grant it/);
    const url = new URL(clerk.url);
    url.username = 'postgres';
    const root = new Client({ connectionString: url.href });
    await root.connect();
    await root.query('GRANT SELECT ON pg_authid TO clerk');
    await root.end();
    expect(await applied).toEqual([{ count: expect.any(String) }]);
    await clerk.stop();
  });

  it('is none where only a session has prepared it under the schema of before', async () => {
    const read = 'SELECT * FROM account WHERE owner = $1';
    for (let n = 0; n < 3; n++) await one.run('sql', read, ['ada']);
    const command = one.command('sql', read, ['ada']);
    await other.state.apply([command]);
    await migrate(one);
    const [outcome] = await one.state.apply([command]);
    expect(valueOf(outcome!)).toMatchObject([{ owner: 'ada', note: null }]);
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}
