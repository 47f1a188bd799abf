import { makeEntry } from '../../../core/base/entry';
import { DEFAULT_GROUP } from '../../../core/base/types';
import { StoreFencedError, StoreLockedError, StoreUnavailableError, type GroupWrite } from '../../../storage/contract';
import { Chance } from '../base/chance';
import { PathCounts } from '../base/paths';
import { SimulatedDisk } from './simulated-disk';
import { SimulatedProcess } from './simulated-process';
import { SimulatedStorage, type DiskConditions } from './simulated-storage';
import { Trace } from '../base/trace';
import { Verdict } from '../base/violation';
import { VirtualTime } from '../base/virtual-time';

const IDENTITY = { clusterId: 'c', replicaId: 1 };
const EMPTY = {
  members: [],
  voters: [1],
  outgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
  target: null,
  added: [],
  nextReplicaId: 2,
};

function batch(number: number): GroupWrite {
  const first = number === 1 ? { identity: IDENTITY, configuration: { index: 0, configuration: EMPTY } } : {};
  const entries = [makeEntry(number, 1, { kind: 'noop', schemaVersion: 0, data: new Uint8Array(0) })];
  return { group: DEFAULT_GROUP, number, commitIndex: 0, hardState: { term: 1, votedFor: 1 }, entries, ...first };
}

const UNWATCHED = { persisting: () => undefined, storingSnapshot: () => undefined };

async function* none(): AsyncGenerator<Uint8Array> {}

function setUp(seed: number, changes: Partial<DiskConditions> = {}) {
  const time = new VirtualTime();
  const world = { time, paths: new PathCounts(), trace: new Trace(time), verdict: new Verdict() };
  const conditions: DiskConditions = {
    writeMs: 1,
    readMs: 1,
    writeFailures: 0,
    readFailures: 0,
    away: false,
    stalledUntilMs: 0,
    ...changes,
  };
  const disk = new SimulatedDisk('n1', { landing: () => undefined, landed: () => undefined });
  const lock = { owner: undefined };
  const chance = new Chance(seed);
  let lives = 0;
  const begin = () => {
    const process = new SimulatedProcess(time, `n1.${++lives}`, () => undefined);
    const storage = new SimulatedStorage(disk, lock, conditions, process, chance, world, UNWATCHED);
    return { process, storage };
  };
  /** Lets virtual time pass until the promise has settled. */
  const settle = async <T>(promise: Promise<T>): Promise<T | Error> => {
    const results: (T | Error)[] = [];
    promise.then(
      (value) => results.push(value ?? (true as T)),
      (error: Error) => results.push(error),
    );
    do await new Promise((resolve) => setImmediate(resolve));
    while (results.length === 0 && time.runNext(time.nowMs + 1000));
    return results[0]!;
  };
  const boot = { nodeName: 'n1', newIncarnation: 'i'.repeat(32), bootNonce: 'b'.repeat(32) };
  const lastBatch = () => disk.groups.get(DEFAULT_GROUP)?.lastBatch ?? 0;
  return { ...begin(), begin, conditions, disk, settle, boot, lastBatch };
}

describe('the simulated storage', () => {
  it('keeps what has landed through a crash, and what was in flight whole or not at all', async () => {
    const found = new Set<number>();
    for (let seed = 1; seed <= 30; seed++) {
      const { storage, process, begin, settle, boot, lastBatch } = setUp(seed);
      await settle(storage.open(boot));
      await settle(storage.persist([batch(1)]));
      void storage.persist([batch(2)]);
      process.crash();
      storage.crashed();
      const next = begin().storage;
      expect(await settle(next.open(boot))).toMatchObject({ takenOver: true, epoch: 2 });
      expect(await settle(next.load(DEFAULT_GROUP))).toMatchObject({ lastBatch: lastBatch(), lastIndex: lastBatch() });
      found.add(lastBatch());
    }
    expect([...found].sort((left, right) => left - right)).toEqual([1, 2]);
  });

  it('says nothing of a failed write: it may have landed, land until the recovery ends, or never', async () => {
    const after = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const { storage, settle, boot, lastBatch } = setUp(seed, { writeFailures: 1 });
      await settle(storage.open(boot));
      expect(await settle(storage.persist([batch(1)]))).toBeInstanceOf(StoreUnavailableError);
      const atTheError = lastBatch();
      const recovered = await settle(storage.recover());
      expect(recovered).toEqual(lastBatch() === 0 ? new Map() : new Map([[DEFAULT_GROUP, 1]]));
      after.add(`${atTheError} then ${lastBatch()}`);
    }
    expect([...after].sort()).toEqual(['0 then 0', '0 then 1', '1 then 1']);
  });

  it('refuses every write behind an error until it is recovered', async () => {
    const { storage, settle, boot, conditions } = setUp(3, { writeFailures: 1 });
    await settle(storage.open(boot));
    await settle(storage.persist([batch(1)]));
    conditions.writeFailures = 0;
    expect(await settle(storage.persist([batch(1)]))).toBeInstanceOf(StoreUnavailableError);
    const batches = (await settle(storage.recover())) as ReadonlyMap<string, number>;
    const next = (batches.get(DEFAULT_GROUP) ?? 0) + 1;
    expect(await settle(storage.persist([batch(next)]))).toBe(true);
  });

  it('has one owner, and fences the one before', async () => {
    const { storage, begin, settle, boot, lastBatch } = setUp(1);
    await settle(storage.open(boot));
    expect(await settle(begin().storage.open(boot))).toBeInstanceOf(StoreLockedError);
    storage.cutSession();
    expect(await settle(begin().storage.open(boot))).toMatchObject({ takenOver: true });
    expect(await settle(storage.persist([batch(1)]))).toBeInstanceOf(StoreFencedError);
    expect(await settle(storage.recover())).toBeInstanceOf(StoreFencedError);
    expect(lastBatch()).toBe(0);
  });

  it('finds a second write behind one that is under way, and a batch that is another when it is sent again', async () => {
    const { storage, settle, boot } = setUp(1);
    await settle(storage.open(boot));
    void storage.persist([batch(1)]);
    expect(() => storage.persist([batch(2)])).toThrow('one write at a time');

    const failing = setUp(3, { writeFailures: 1 });
    await failing.settle(failing.storage.open(failing.boot));
    await failing.settle(failing.storage.persist([batch(1)]));
    await failing.settle(failing.storage.recover());
    expect(() => failing.storage.persist([{ ...batch(1), commitIndex: 1 }])).toThrow('a repeated batch is the same');
  });

  it('keeps the newest snapshot where an older one comes late, as every store does', async () => {
    const { storage, settle, boot } = setUp(1);
    await settle(storage.open(boot));
    await settle(storage.persist([batch(1)]));
    const write = (index: number) => {
      const configuration = { index: 0, configuration: EMPTY };
      return settle(
        storage.writeSnapshot(DEFAULT_GROUP, { last: { term: 1, index }, configuration, format: 1 }, none()),
      );
    };
    expect(await write(5)).toBe(true);
    expect(await write(4)).toMatchObject({ message: expect.stringContaining('there is one at index 5 already') });
    expect(await settle(storage.readSnapshot(DEFAULT_GROUP))).toMatchObject({ metadata: { last: { index: 5 } } });
  });

  it('tells an owner that let go from one that was killed', async () => {
    const { storage, begin, settle, boot } = setUp(1);
    await settle(storage.open(boot));
    await settle(storage.close());
    expect(await settle(begin().storage.open(boot))).toMatchObject({ takenOver: false });
  });
});
