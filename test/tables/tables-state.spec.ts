import { withReplicatedTablesWritable } from '../../libs/raft/src/state-machine/typeorm';
import { TestPostgres } from '../support/postgres';
import { TablesUnderTest, valueOf } from './tables-under-test';

jest.setTimeout(300_000);

describe('the state of replicated tables', () => {
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
  });
  afterEach(async () => {
    await one.stop();
    await other.stop();
  });

  it('runs a command in a transaction and answers entities as plain data', async () => {
    expect(await one.run('open', 'ada', 100)).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/),
      owner: 'ada',
      balance: '100',
      rate: null,
      kind: 'checking',
      notes: {},
      tags: [],
      createdAt: new Date(1_700_000_000_001),
      updatedAt: new Date(1_700_000_000_001),
      version: 1,
    });
  });

  it('makes the same rows on two nodes, generated ones included, whatever the batches are', async () => {
    const commands = [
      one.command('open', 'ada', 100),
      one.command('open', 'bob', 50),
      one.command('transfer', 'ada', 'bob', 30),
      one.command('transfer', 'bob', 'ada', 500),
      one.command('transfer', 'bob', 'ada', 5),
      one.command(
        'sql',
        `INSERT INTO transfer ("fromId", "toId", amount, at) SELECT a.id, a.id, 1, now() FROM account a WHERE owner = 'ada' RETURNING id`,
      ),
      one.command(
        'sql',
        `UPDATE account SET notes = jsonb_build_object('x', random(), 'id', gen_random_uuid()), "updatedAt" = CURRENT_TIMESTAMP WHERE owner = 'bob'`,
      ),
    ];
    const outcomes = await one.state.apply(commands);
    const others = [];
    for (const command of commands) others.push(...(await other.state.apply([command])));
    expect(outcomes.map(valueOf)).toEqual(others.map(valueOf));
    expect(await one.content()).toBe(await other.content());
    expect(await one.content()).toContain('ada');
    expect(one.state.hash()).toBe(other.state.hash());
    expect(one.state.hash()).not.toBe('0');
  });

  it('makes the same rows with a transaction for each command as with one for all', async () => {
    const single = await TablesUnderTest.make(postgres, postgres.port, { commandsPerTransaction: 1 });
    await single.open('c1');
    const commands = ['ada', 'bob', 'eve'].map((owner) => one.command('open', owner, 10));
    const together = await one.state.apply(commands);
    expect((await single.state.apply(commands)).map(valueOf)).toEqual(together.map(valueOf));
    expect(await single.content()).toBe(await one.content());
    const transactions = async (node: TablesUnderTest): Promise<number> =>
      (await node.admin.query<unknown[]>('SELECT DISTINCT xmin FROM account')).length;
    expect([await transactions(one), await transactions(single)]).toEqual([1, 3]);
    await single.stop();
  });

  it('takes back what a refused command did, and nothing of the commands around it', async () => {
    const outcomes = await one.state.apply([
      one.command('open', 'ada', 10),
      one.command('open', 'bob', 0),
      one.command('transfer', 'ada', 'bob', 100),
      one.command('transfer', 'ada', 'bob', 4),
    ]);
    expect(outcomes[2]!.outcome).toMatchObject({ status: 'rejected', reason: 'INSUFFICIENT_FUNDS' });
    expect(outcomes[3]!.outcome).toMatchObject({ status: 'applied' });
    const rows = await one.admin.query<{ owner: string; balance: string }[]>(
      'SELECT owner, balance FROM account ORDER BY owner',
    );
    expect(rows).toEqual([
      { owner: 'ada', balance: '6' },
      { owner: 'bob', balance: '4' },
    ]);
  });

  it('answers a broken constraint alike on every node', async () => {
    await one.run('open', 'ada');
    const again = await one.run('open', 'ada');
    expect(again).toMatchObject({
      status: 'rejected',
      reason: 'UNIQUE_VIOLATION',
      details: { sqlState: '23505', table: 'account' },
    });
  });

  it('trap 40: goes on from the last command after a restart, and refuses the tables of another cluster', async () => {
    await one.run('open', 'ada');
    await one.run('open', 'bob');
    await one.state.close();
    const again = await TablesUnderTest.on(one.url);
    expect(await again.open('c1')).toMatchObject({ last: { index: 2, term: 1 } });
    await again.stop();
    const foreign = await TablesUnderTest.on(one.url);
    await expect(foreign.open('c2')).rejects.toThrow(/another cluster/);
    await foreign.stop();
  });

  it('moves to another node in a snapshot taken while commands go on, and goes on alike there', async () => {
    await one.run('open', 'ada', 1000);
    await one.run('open', 'bob', 1000);
    for (let n = 0; n < 20; n++) await one.run('transfer', 'ada', 'bob', n);
    const before = await one.content();
    const hash = one.state.hash();
    const source = await one.state.capture();
    await one.run('transfer', 'bob', 'ada', 7);
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.chunks()) chunks.push(chunk);
    source.release();
    await other.run('open', 'zoe', 5);
    await other.state.restore({ index: 22, term: 1 }, stream(chunks));
    expect(await other.content()).toBe(before);
    expect(other.state.hash()).toBe(hash);
    const next = { ...one.command('transfer', 'ada', 'bob', 3), index: 24 };
    const missed = { ...one.command('transfer', 'bob', 'ada', 7), index: 23, timeMs: 1_700_000_000_023 };
    await other.state.apply([missed, next]);
    await one.state.apply([next]);
    expect(await other.content()).toBe(await one.content());
    expect(other.state.hash()).toBe(one.state.hash());
  });

  it('is the same on three nodes with every kind of column, relations and cascades, also behind a restore of one', async () => {
    const third = await TablesUnderTest.make(postgres);
    try {
      await third.open('c1');
      const first = [
        one.command('open', 'ada', 100),
        one.command('settle', 'eve', 'ada', [1, 2, 3]),
        one.command('settle', 'fay', 'ada', [4]),
        one.command('transfer', 'eve', 'ada', 5),
        one.command('transfer', 'ada', 'eve', 5000),
        one.command('close', 'fay', 'eve'),
      ];
      const outcomes = await one.state.apply(first);
      expect(outcomes.map(({ outcome }) => outcome.status)).toEqual([
        'applied',
        'applied',
        'applied',
        'applied',
        'rejected',
        'applied',
      ]);
      for (const command of first) await other.state.apply([command]);
      const source = await one.state.capture();
      await third.state.restore({ index: 6, term: 1 }, source.chunks());
      source.release();
      expect(await other.content()).toBe(await one.content());
      expect(await third.content()).toBe(await one.content());

      const behind = [
        one.command('settle', 'gus', 'eve', [7, 8]),
        one.command('transfer', 'eve', 'gus', 9),
        one.command('open', 'hal', 1),
        one.command('transfer', 'hal', 'ada', 2),
        one.command('close', 'gus', 'hal'),
        one.command('transfer', 'eve', 'hal', 1),
      ];
      const answers = [];
      for (const { state } of [one, other, third]) answers.push((await state.apply(behind)).map(valueOf));
      expect(answers[1]).toEqual(answers[0]);
      expect(answers[2]).toEqual(answers[0]);
      const content = await one.content();
      expect(content).toContain('"with, comma"');
      expect(content).not.toContain('fay,');
      for (const node of [other, third]) {
        expect(await node.content()).toBe(content);
        expect(node.state.hash()).toBe(one.state.hash());
        expect(node.state.version()).toBe(one.state.version());
      }
      // What cascades took along is in the hash that was kept on the way as it is in one of everything.
      const runner = third.admin.createQueryRunner();
      await withReplicatedTablesWritable(runner, () => runner.query('DELETE FROM account WHERE false'));
      await runner.release();
      await third.state.apply([one.command('sql', 'SELECT 1')]);
      expect(third.state.hash()).toBe(one.state.hash());
      expect(third.state.version()).not.toBe(one.state.version());
    } finally {
      await third.stop();
    }
  });

  it('warns of rows that come in no order, once for a statement, and of nothing that TypeORM looks up to write', async () => {
    await one.run('open', 'ada', 10);
    await one.run('open', 'bob', 10);
    await one.run('transfer', 'ada', 'bob', 1);
    await one.run('sql', 'SELECT owner FROM account ORDER BY owner');
    expect(one.told).toEqual([]);
    for (let n = 0; n < 2; n++) await one.run('sql', 'SELECT owner FROM account');
    expect(one.told).toEqual([expect.stringMatching(/reads 2 rows without ORDER BY.*SELECT owner FROM account/)]);
  });

  it.each([
    ['the time', 'timestamptz', 'now()', `SELECT now() - now()`],
    ['chance', 'float8', 'random()', 'SELECT random()'],
    ['a UUID', 'uuid', 'gen_random_uuid()', 'SELECT gen_random_uuid()'],
    ['a UUID of Postgres 18', 'uuid', 'uuidv4()', 'SELECT uuidv4()'],
  ])(
    'gives %s to no function of the application that asks behind the command’s back',
    async (_what, type, call, seen) => {
      for (const node of [one, other])
        await node.admin.query(
          `CREATE FUNCTION hidden() RETURNS ${type} LANGUAGE plpgsql AS $$ BEGIN RETURN ${call}; END $$`,
        );
      await one.run('open', 'ada');
      await other.run('open', 'ada');
      const hidden = `UPDATE account SET notes = to_jsonb(hidden()::text)`;
      const commands = [
        one.command('sql', hidden),
        one.command('caught', hidden),
        one.command('sql', `${seen}, hidden()`),
      ];
      const answers = (await one.state.apply(commands)).map(valueOf);
      expect(answers.slice(0, 2)).toEqual([
        expect.objectContaining({
          status: 'failed',
          message: expect.stringContaining('context.uuid() as a parameter'),
        }),
        expect.objectContaining({ status: 'failed', message: expect.stringContaining('went on after a statement') }),
      ]);
      expect((await other.state.apply(commands)).map(valueOf)).toEqual(answers);
      expect(await other.content()).toBe(await one.content());
    },
  );

  it('refuses writes outside of commands, also of an administrator, and lets a migration through', async () => {
    await one.run('open', 'ada');
    await expect(one.admin.query(`UPDATE account SET balance = 1`)).rejects.toThrow(
      /replicated table: UPDATE outside of a command/,
    );
    await expect(one.admin.query(`TRUNCATE account CASCADE`)).rejects.toThrow(/replicated table: TRUNCATE/);
    const runner = one.admin.createQueryRunner();
    await runner.query(`SET nestjs_raft.writer = 'maintenance'`);
    await runner.query(`UPDATE account SET balance = 77`);
    await runner.query(`RESET nestjs_raft.writer`);
    await runner.release();
    await one.run('open', 'bob');
    const hash = one.state.hash();
    await one.state.close();
    const again = await TablesUnderTest.on(one.url);
    await again.open('c1');
    expect(again.state.hash()).toBe(hash);
    await again.stop();
  });
});

async function* stream(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}
