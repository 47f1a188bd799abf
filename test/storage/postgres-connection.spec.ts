import type { RaftStorage } from '../../libs/raft/src/storage/contract';
import type { TypeOrmStorage } from '../../libs/raft/src/storage/typeorm';
import { expectLog, loaded } from '../../libs/raft/src/testing/storage-conformance/expectations';
import {
  ALPHA,
  batch,
  boot,
  entries,
  openWithLog,
} from '../../libs/raft/src/testing/storage-conformance/sample-writes';
import { TestPostgres } from '../support/postgres';
import type { Mishap } from '../support/postgres-proxy';
import { StoresOfOneSchema } from './postgres-under-test';

jest.setTimeout(300_000);

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

/** Opens a store with three entries of term 1 in two batches. */
async function opened(timing: { connectTimeoutMS?: number } = {}): Promise<TypeOrmStorage> {
  const storage = await stores.another(timing);
  await openWithLog(storage, [3, 1]);
  return storage;
}

/** How pg and we say that a connection is gone. */
const LOST =
  /Connection terminated|The session with Postgres is lost|read ECONNRESET|Client has encountered a connection error/;

describe('a connection that is cut', () => {
  const write = batch(3, { entries: entries(4, 6, 1), commitIndex: 3 });
  const withTruncation = batch(3, { truncateFrom: 3, entries: entries(3, 6, 2), hardState: { term: 2, votedFor: 0 } });

  /** Fails the write, recovers, sends it again if it hasn't landed, and checks that it is there once. */
  async function writesOnce(storage: RaftStorage, mishap: Mishap, lost: typeof write): Promise<number | undefined> {
    stores.wireOf(storage).onNextWrite(mishap);
    await expect(storage.persist([lost])).rejects.toThrow(LOST);
    await expect(storage.persist([lost])).rejects.toThrow('recover() has not succeeded');
    const number = (await storage.recover()).get(ALPHA);
    if (number === 2) await storage.persist([lost]);
    const from = lost.entries[0]?.index ?? 0;
    await expectLog(storage, [...entries(1, from - 1, 1), ...lost.entries]);
    expect(await loaded(storage)).toMatchObject({ lastBatch: 3, lastIndex: 6, commitIndex: lost.commitIndex });
    await storage.persist([batch(4, { commitIndex: 4, entries: entries(7, 7, 2) })]);
    return number;
  }

  it.each<[string, Mishap, number]>([
    ['before the write reached the server', 'before', 2],
    ['in the middle of the write', 'during', 2],
    ['after COMMIT, before its answer', 'after', 3],
  ])('%s: recovery says whether it landed, and it is there once', async (_when, mishap, lands) => {
    const storage = await opened();
    expect(await writesOnce(storage, mishap, write)).toBe(lands);
  });

  it.each<[string, Mishap, number]>([
    ['before the write reached the server', 'before', 2],
    ['in the middle of the write', 'during', 2],
    ['after COMMIT, before its answer', 'after', 3],
  ])('%s, with a truncation and a new term: whole or not at all', async (_when, mishap, lands) => {
    const storage = await opened();
    expect(await writesOnce(storage, mishap, withTruncation)).toBe(lands);
  });

  it('while the server commits: recovery waits for the old session, and its answer stays true', async () => {
    const storage = await opened();
    let number = 2;
    let index = 3;
    for (let round = 0; round < 15; round++) {
      number++;
      const racing = batch(number, { entries: entries(index + 1, index + 40, 1), commitIndex: index });
      index += 40;
      stores.wireOf(storage).onNextWrite('atOnce');
      await expect(storage.persist([racing])).rejects.toThrow(LOST);
      const found = (await storage.recover()).get(ALPHA);
      expect([number - 1, number]).toContain(found);
      if (found === number - 1) await storage.persist([racing]);
    }
    await expectLog(storage, entries(1, index, 1));
    expect(await loaded(storage)).toMatchObject({ lastBatch: number, lastIndex: index });
  });

  it('a write that hangs on the way never lands once recovery is through', async () => {
    const storage = await opened();
    const wire = stores.wireOf(storage);
    wire.onNextWrite('hold');
    const hanging = storage.persist([write]).catch((error: unknown) => error);
    await wire.untilHeld();
    expect((await storage.recover()).get(ALPHA)).toBe(2);
    expect(await hanging).toMatchObject({ message: expect.stringMatching(LOST) });
    const other = batch(3, { truncateFrom: 3, entries: entries(3, 3, 2) });
    await storage.persist([other]);
    wire.letGo();
    await storage.probe();
    await expectLog(storage, [...entries(1, 2, 1), ...entries(3, 3, 2)]);
    expect((await loaded(storage)).lastBatch).toBe(3);
  });

  it('while nothing is written shows at the next probe, and recovery brings the lock back', async () => {
    const storage = await opened();
    await stores.kill(storage);
    await expect(storage.probe()).rejects.toThrow(LOST);
    await storage.recover();
    await storage.probe();
    await expect((await stores.another()).open(boot(2))).rejects.toThrow('is in use by node');
  });

  it('for longer lets recovery fail, and succeed once Postgres can be reached again', async () => {
    const storage = await opened();
    const wire = stores.wireOf(storage);
    wire.unreachable = true;
    wire.cutAll();
    await expect(storage.persist([write])).rejects.toThrow(LOST);
    for (let attempt = 0; attempt < 3; attempt++)
      await expect(storage.recover()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    await expect(storage.persist([write])).rejects.toThrow('recover() has not succeeded');
    wire.unreachable = false;
    expect((await storage.recover()).get(ALPHA)).toBe(2);
    await storage.persist([write]);
    await expectLog(storage, entries(1, 6, 1));
  });

  it('is brought back once, however often recovery is asked for', async () => {
    const storage = await opened();
    stores.wireOf(storage).cutAll();
    const [first, second] = await Promise.all([storage.recover(), storage.recover()]);
    expect([first.get(ALPHA), second.get(ALPHA)]).toEqual([2, 2]);
    await storage.persist([write]);
    await expectLog(storage, entries(1, 6, 1));
  });
});

describe('connections that are half open', () => {
  const write = batch(3, { entries: entries(4, 6, 1), commitIndex: 3 });
  /** What was asked for is on its way. */
  const sent = () => new Promise((resolve) => setImmediate(resolve));

  it('are given up by a recovery, which ends their sessions on the server too and goes on with new ones', async () => {
    const storage = await opened({ connectTimeoutMS: 300 });
    const wire = stores.wireOf(storage);
    wire.blackHole();
    const hanging = storage.persist([write]).catch((error: unknown) => error);
    await sent();
    expect((await storage.recover()).get(ALPHA)).toBe(2);
    expect(await hanging).toMatchObject({ message: expect.stringMatching(LOST) });
    await storage.persist([write]);
    await expectLog(storage, entries(1, 6, 1));
  });

  it('let a probe that hangs settle when recovery begins', async () => {
    const storage = await opened({ connectTimeoutMS: 300 });
    stores.wireOf(storage).blackHole();
    const hanging = storage.probe().catch((error: unknown) => error);
    await sent();
    await storage.recover();
    expect(await hanging).toMatchObject({ message: expect.stringMatching(LOST) });
    await storage.probe();
  });

  it('let a recovery fail within bounded time, and the next one go through', async () => {
    const storage = await opened({ connectTimeoutMS: 300 });
    const wire = stores.wireOf(storage);
    wire.cutAll();
    wire.silent = true;
    await expect(storage.recover()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    wire.silent = false;
    expect((await storage.recover()).get(ALPHA)).toBe(2);
    await storage.persist([write]);
  });

  it('let a recovery fail within bounded time where they fall silent while it goes on', async () => {
    const storage = await opened({ connectTimeoutMS: 300 });
    const wire = stores.wireOf(storage);
    wire.cutAll();
    wire.afterRequests(4, () => {
      wire.blackHole();
      wire.silent = true;
    });
    await expect(storage.recover()).rejects.toThrow(
      /no answer within|timeout expired|timeout exceeded|Connection terminated/,
    );
    wire.blackHole();
    wire.silent = false;
    await untilItSucceeds(() => storage.recover());
    await storage.persist([write]);
    await expectLog(storage, entries(1, 6, 1));
  });

  it('let a page of entries fail within bounded time, and come where no other of them is left in the pool', async () => {
    const storage = await opened({ connectTimeoutMS: 100 });
    await expectLog(storage, entries(1, 3, 1));
    stores.wireOf(storage).blackHole();
    await expect(storage.entries(ALPHA, 1, 3, 10_000)).rejects.toThrow('no answer within');
    await untilItSucceeds(() => expectLog(storage, entries(1, 3, 1)));
  });
});

/** As the runtime does: asks again, and again. */
async function untilItSucceeds(ask: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++)
    try {
      await ask();
      return;
    } catch (error) {
      if (attempt === 20) throw error;
    }
}
