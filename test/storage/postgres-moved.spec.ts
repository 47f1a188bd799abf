import { boot, founding } from '../../libs/raft/src/testing/storage-conformance/sample-writes';
import { TestPostgres } from '../support/postgres';
import { StoresOfOneSchema } from './postgres-under-test';

jest.setTimeout(300_000);

describe('safety 10: a database that another server wrote, or another history of this one', () => {
  let postgres: TestPostgres;
  let stores: StoresOfOneSchema;
  beforeAll(async () => {
    postgres = await TestPostgres.start();
  });
  afterAll(() => postgres.stop());
  beforeEach(() => {
    stores = new StoresOfOneSchema(postgres);
  });
  afterEach(() => stores.dispose());

  /** Opens the store and closes it again. */
  async function start(number: number, write = false): Promise<string | null> {
    const storage = await stores.another();
    const { moved } = await storage.open(boot(number));
    if (write) await storage.persist([founding()]);
    await storage.close();
    return moved;
  }

  it('is told at each start, with what happened and what to do, until an administrator vouches for it', async () => {
    expect(await start(1, true)).toBeNull();
    expect(await start(2)).toBeNull();
    await stores.query(
      "UPDATE $schema.raft_store SET server = regexp_replace(server, 'timeline .*', 'timeline 0000000F')",
    );
    for (const number of [3, 4])
      expect(await start(number)).toMatch(
        /was written by Postgres system \d+, database \d+, timeline 0000000F, and is served by system \d+, .*00000001 now.*restored from a backup.*Repair the node.*SET server = NULL/,
      );
    await stores.query('UPDATE $schema.raft_store SET server = NULL');
    expect(await start(5)).toBeNull();
    expect(await start(6)).toBeNull();
  });

  it('does not matter where nothing was ever promised from it', async () => {
    expect(await start(1)).toBeNull();
    await stores.query("UPDATE $schema.raft_store SET server = 'system 1, database 2, timeline 3'");
    expect(await start(2)).toBeNull();
    expect(await start(3, true)).toBeNull();
    expect(await start(4)).toBeNull();
  });

  it('is told apart by a role that is no superuser, too', async () => {
    await postgres.query('CREATE ROLE plain LOGIN');
    await postgres.query('SET ROLE plain');
    try {
      const [row] = await postgres.query(
        'SELECT system_identifier::text AS system, pg_walfile_name(pg_current_wal_lsn()) AS file FROM pg_control_system()',
      );
      expect(row).toMatchObject({ system: expect.stringMatching(/^\d+$/), file: expect.stringMatching(/^0000/) });
    } finally {
      await postgres.query('RESET ROLE');
    }
  });
});
