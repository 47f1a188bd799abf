import { TestPostgres } from '../support/postgres';
import { TablesUnderTest } from './tables-under-test';

jest.setTimeout(300_000);

describe('tables that are replaced by a snapshot', () => {
  let postgres: TestPostgres;
  const made: TablesUnderTest[] = [];

  beforeAll(async () => {
    postgres = await TestPostgres.start();
    await postgres.query('CREATE ROLE plain LOGIN');
  });
  afterEach(async () => {
    for (const tables of made.splice(0)) await tables.stop();
  });
  afterAll(() => postgres.stop());

  async function make(role?: string): Promise<TablesUnderTest> {
    const tables = await TablesUnderTest.make(postgres, postgres.port, { allowTriggers: ['stamp'] }, role);
    made.push(tables);
    return tables;
  }

  /** A trigger that may stay, as what it does follows from the row; done twice, it is something else. */
  async function stamp({ admin }: TablesUnderTest): Promise<void> {
    await admin.query(
      `CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.tags = NEW.tags || 'stamped'::text; RETURN NEW; END $$`,
    );
    await admin.query('CREATE TRIGGER stamp BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION stamp()');
  }

  it.each([
    ['a role that may act as a replica', undefined],
    ['a role that owns the tables, and may do nothing else', 'plain'],
  ])('have the rows of the snapshot, and what triggers did to them once, for %s', async (_who, role) => {
    const [one, other] = [await make(), await make(role)];
    for (const tables of [one, other]) {
      await stamp(tables);
      await tables.open('c1');
      for (const owner of ['ada', 'bob']) await tables.run('open', owner, 100);
    }
    for (const amount of [1, 2, 3]) {
      await one.run('transfer', 'ada', 'bob', amount);
      await other.run('transfer', 'bob', 'ada', 10 * amount);
    }
    const source = await one.state.capture();
    await other.state.restore({ index: 5, term: 1 }, source.chunks());
    source.release();
    expect(await one.content()).toContain('{stamped}');
    expect(await other.content()).toBe(await one.content());
    expect(other.state.hash()).toBe(one.state.hash());
    // Guard, hash and the application's trigger are there again.
    await expect(other.admin.query(`UPDATE account SET balance = 1`)).rejects.toThrow(/outside of a command/);
    for (const tables of [one, other]) {
      await tables.run('open', 'eve', 7);
      await tables.run('transfer', 'eve', 'ada', 7);
    }
    expect(await other.content()).toBe(await one.content());
    expect(other.state.hash()).toBe(one.state.hash());
  });

  it('may not be referred to by a table of the node alone', async () => {
    const tables = await make();
    await tables.admin.query('CREATE TABLE favourite (account uuid REFERENCES account (id) ON DELETE CASCADE)');
    await expect(tables.open('c1')).rejects.toThrow(
      /favourite isn't replicated and refers to account .*depends on this node's own rows: add its entity/,
    );
  });
});
