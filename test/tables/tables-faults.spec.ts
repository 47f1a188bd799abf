import { PostgresProxy } from '../support/postgres-proxy';
import { TestPostgres } from '../support/postgres';
import { TablesUnderTest, valueOf } from './tables-under-test';

jest.setTimeout(300_000);

describe('replicated tables on a database that fails', () => {
  let postgres: TestPostgres;
  let wire: PostgresProxy;
  let one: TablesUnderTest;
  let other: TablesUnderTest;

  beforeAll(async () => {
    postgres = await TestPostgres.start();
    wire = await PostgresProxy.start(postgres.port, (bytes) => bytes.includes('COMMIT\0'));
  });
  afterAll(async () => {
    await wire.stop();
    await postgres.stop();
  });

  beforeEach(async () => {
    one = await TablesUnderTest.make(postgres, wire.port);
    other = await TablesUnderTest.make(postgres);
    for (const node of [one, other]) {
      await node.open('c1');
      await node.run('open', 'ada', 100);
      await node.run('open', 'bob', 100);
    }
  });
  afterEach(async () => {
    await one.stop();
    await other.stop();
  });

  async function expectAlike(): Promise<void> {
    expect(await one.content()).toBe(await other.content());
    expect(one.state.hash()).toBe(other.state.hash());
  }

  it('applies again what a deadlock on this node alone has rolled back, and answers as the others', async () => {
    const stranger = one.admin.createQueryRunner();
    await stranger.startTransaction();
    await stranger.query(`SELECT 1 FROM account WHERE owner = 'bob' FOR UPDATE`);
    const applied = one.run('transfer', 'ada', 'bob', 10);
    await one.untilBlocked();
    // The stranger asks for what the command holds: one of them has to give way.
    const asked = stranger.query(`SELECT 1 FROM account WHERE owner = 'ada' FOR UPDATE`).catch(() => undefined);
    await asked;
    await stranger.rollbackTransaction().catch(() => undefined);
    await stranger.release();
    expect(await applied).toBe(await other.run('transfer', 'ada', 'bob', 10));
    await expectAlike();
  });

  it.each([
    ['40001', 'a serialization failure'],
    ['40P01', 'a deadlock'],
    ['53100', 'a full disk for a moment'],
  ])('never answers %s (%s), not even where the command caught it', async (sqlState) => {
    // On one node the function fails once, on the other it never does.
    for (const node of [one, other])
      await node.admin.query(
        `CREATE SEQUENCE failures; CREATE FUNCTION stumble() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
           IF nextval('failures') <= ${node === one ? 1 : 0} THEN RAISE EXCEPTION USING ERRCODE = '${sqlState}'; END IF; RETURN 1; END $$`,
      );
    expect(await one.run('caught', 'SELECT stumble()')).toBe('went well');
    expect(await other.run('caught', 'SELECT stumble()')).toBe('went well');
    expect(await one.run('transfer', 'ada', 'bob', 1)).toBe(await other.run('transfer', 'ada', 'bob', 1));
    await expectAlike();
  });

  it.each(['before', 'during', 'atOnce', 'after'] as const)(
    'knows what became of a commit whose connection was cut %s',
    async (mishap) => {
      await one.run('transfer', 'ada', 'bob', 1);
      wire.onNextWrite(mishap);
      expect(await one.run('transfer', 'bob', 'ada', 2)).toBe(2);
      await one.run('transfer', 'bob', 'ada', 3);
      for (const [from, to, amount] of [
        ['ada', 'bob', 1],
        ['bob', 'ada', 2],
        ['bob', 'ada', 3],
      ])
        await other.run('transfer', from, to, amount);
      await expectAlike();
    },
  );

  it('trap 40: applies again where the session was ended in the middle of a command', async () => {
    const applied = one.run('slowly', 1);
    await one.untilBlocked('pg_sleep');
    await one.admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`,
    );
    expect(await applied).toBe(await other.run('slowly', 1));
    await expectAlike();
  });

  it('stops with the reason where the database goes on failing', async () => {
    await one.admin.query(
      `CREATE FUNCTION stumble() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'could not extend file: No space left on device'; END $$`,
    );
    await expect(one.run('caught', 'SELECT stumble()')).rejects.toThrow(
      /fails since more than 2000 ms: .*No space left on device/,
    );
  });

  it('keeps sequences alike where an attempt had drawn numbers before it was rolled back', async () => {
    await one.run('transfer', 'ada', 'bob', 1);
    await other.run('transfer', 'ada', 'bob', 1);
    wire.onNextWrite('before');
    const [first] = await one.state.apply([one.command('transfer', 'ada', 'bob', 2)]);
    expect(valueOf(first!)).toBe(2);
    expect(await other.run('transfer', 'ada', 'bob', 2)).toBe(2);
    await expectAlike();
  });
});
