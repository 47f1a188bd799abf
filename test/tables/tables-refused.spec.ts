import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { BackedState } from '../../libs/raft/src/state-machine/declare/backing';
import { typeOrmTables } from '../../libs/raft/src/state-machine/typeorm';
import { TestPostgres } from '../support/postgres';

jest.setTimeout(300_000);

@Entity()
class Thing {
  @PrimaryColumn('int') id!: number;
  @Column('text') value!: string;
}

describe('at start, what could not be the same on every node is refused:', () => {
  let postgres: TestPostgres;
  let state: BackedState;

  beforeAll(async () => {
    postgres = await TestPostgres.start();
  });
  beforeEach(async () => {
    await postgres.query('DROP SCHEMA public CASCADE');
    await postgres.query('CREATE SCHEMA public');
    state = typeOrmTables({ entities: [Thing], url: postgres.url, allowTriggers: ['harmless'] }).stateOf({
      name: 'things',
      instance: {},
      logger: undefined,
      dataSource: () => {
        throw new Error('there is no application');
      },
    });
  });
  afterEach(() => state.close());
  afterAll(() => postgres.stop());

  const PLAIN = 'CREATE TABLE thing (id int PRIMARY KEY, value text NOT NULL)';
  const NOTHING = `CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`;
  const on = (expression: string): string => `ALTER TABLE thing ALTER value SET DEFAULT ${expression}`;

  it.each<[string, readonly string[], RegExp]>([
    ['a table that is missing', [], /There is no table "thing": run the application's migrations/],
    ['an unlogged table', [PLAIN, 'ALTER TABLE thing SET UNLOGGED'], /"thing" is unlogged: a crash empties it/],
    ['a view', ['CREATE VIEW thing AS SELECT 1 AS id'], /no plain table \(relkind 'v'\)/],
    [
      'a partitioned table',
      ['CREATE TABLE thing (id int PRIMARY KEY, value text) PARTITION BY RANGE (id)'],
      /no plain table \(relkind 'p'\)/,
    ],
    [
      'a trigger',
      [PLAIN, NOTHING, 'CREATE TRIGGER busy AFTER INSERT ON thing FOR EACH ROW EXECUTE FUNCTION nothing()'],
      /thing has the trigger busy, whose effects may differ .* name it in allowTriggers/,
    ],
    [
      'a rule',
      [
        PLAIN,
        'CREATE TABLE seen (id int)',
        'CREATE RULE busy AS ON INSERT TO thing DO ALSO INSERT INTO seen VALUES (new.id)',
      ],
      /thing has the rule busy, which writes something else/,
    ],
    [
      'a default of the clock',
      [PLAIN, on('clock_timestamp()::text')],
      /"thing"\.value has the default .*clock_timestamp/,
    ],
    ['a default of now', [PLAIN, on('now()::text')], /has the default .*now\(\).*context.date\(\)/],
    ['a default of chance', [PLAIN, on('random()::text')], /has the default .*random\(\)/],
    ['a default of who is connected', [PLAIN, on('CURRENT_USER')], /has the default .*CURRENT_USER/],
    [
      'a default of an own volatile function',
      [PLAIN, `CREATE FUNCTION lucky() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT 'x' $$`, on('lucky()')],
      /has the default lucky\(\)/,
    ],
    [
      'a sequence that skips numbers',
      [PLAIN, 'CREATE SEQUENCE numbers CACHE 10', on(`nextval('numbers')`)],
      /numbers has CACHE 10/,
    ],
    [
      'a reference to a table of this node alone',
      ['CREATE TABLE place (id int PRIMARY KEY)', PLAIN, 'ALTER TABLE thing ADD FOREIGN KEY (id) REFERENCES place'],
      /refers to place .*, which isn't replicated: add its entity/,
    ],
  ])('%s', async (_what, statements, sentence) => {
    for (const statement of statements) await postgres.query(statement);
    await expect(state.prepare()).rejects.toMatchObject({
      code: 'RAFT_CONFIGURATION',
      message: expect.stringMatching(sentence),
    });
  });

  it('and nothing of a table whose defaults and triggers are the same everywhere', async () => {
    await postgres.query(PLAIN);
    await postgres.query(on(`upper('x')`));
    await postgres.query(NOTHING);
    await postgres.query('CREATE TRIGGER harmless BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION nothing()');
    await state.prepare();
    const triggers = await postgres.query(`SELECT tgname FROM pg_trigger WHERE tgname LIKE 'nestjs_raft%'`);
    expect(triggers.length).toBeGreaterThanOrEqual(4);
  });
});
