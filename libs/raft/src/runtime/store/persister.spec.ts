import type { PersistBatch } from '../../core/base/effects';
import { SeededRandom } from '../../core/base/random';
import { type GroupWrite, type RaftStorage, StoreFencedError } from '../../storage/contract';
import { MachineClock, SimulatedScheduler } from '../../testing/simulator/simulated/simulated-scheduler';
import { SimulatedProcess } from '../../testing/simulator/simulated/simulated-process';
import { VirtualTime } from '../../testing/simulator/base/virtual-time';
import { Persister } from './persister';
import { StoreOwnershipProof } from './store-ownership-proof';

interface Call<T> {
  readonly sent: unknown;
  resolve(value: T): void;
  reject(error: Error): void;
}

/** A store whose every answer the test gives. */
class ScriptedStorage {
  readonly persists: Call<void>[] = [];
  readonly recovers: Call<ReadonlyMap<string, number>>[] = [];
  readonly probes: Call<void>[] = [];

  persist(writes: readonly GroupWrite[]): Promise<void> {
    return this.call(this.persists, writes[0]);
  }
  recover(): Promise<ReadonlyMap<string, number>> {
    return this.call(this.recovers, undefined);
  }
  probe(): Promise<void> {
    return this.call(this.probes, undefined);
  }

  private call<T>(calls: Call<T>[], sent: unknown): Promise<T> {
    return new Promise((resolve, reject) => calls.push({ sent, resolve, reject }));
  }
}

const PATIENCE_MS = 10_000;
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const batch = (number: number): PersistBatch => ({ number, commitIndex: number, entries: [] });

function setUp(lastLanded = 4) {
  const time = new VirtualTime();
  const process = new SimulatedProcess(time, 'n1', () => undefined);
  const scheduler = new SimulatedScheduler(process, new MachineClock(time, 1, 0, 0), new SeededRandom(1));
  const storage = new ScriptedStorage();
  const proof = new StoreOwnershipProof(scheduler, 500);
  const events: string[] = [];
  const persister = new Persister(
    storage as unknown as RaftStorage,
    'default',
    scheduler,
    proof,
    {
      landed: (number) => events.push(`landed ${number}`),
      proved: () => events.push('proved'),
      failed: () => events.push('troubled'),
      recovered: () => events.push('recovered'),
      lost: (sentence) => events.push(`lost: ${sentence}`),
    },
    lastLanded,
    PATIENCE_MS,
  );
  const pass = async (ms: number): Promise<void> => {
    await settle();
    const untilMs = time.nowMs + ms;
    time.schedule(untilMs, 2, () => undefined);
    while (time.runNext(untilMs)) await settle();
  };
  return {
    persister,
    storage,
    proof,
    events,
    pass,
    landings: () => events.filter((event) => event.startsWith('landed')),
  };
}

const stored = (number: number): ReadonlyMap<string, number> => new Map([['default', number]]);

describe('Persister', () => {
  it('reports a batch as landed only when the store has resolved', async () => {
    const { persister, storage, landings } = setUp();
    persister.write(batch(5));
    await settle();
    expect(landings()).toEqual([]);
    storage.persists[0]!.resolve();
    await settle();
    expect(landings()).toEqual(['landed 5']);
  });

  it('goes on behind a rejected batch that has landed all the same, without writing it again', async () => {
    const { persister, storage, landings, pass } = setUp();
    persister.write(batch(5));
    storage.persists[0]!.reject(new Error('connection lost'));
    await pass(50);
    expect(persister.isDegraded).toBe(true);
    storage.recovers[0]!.resolve(stored(5));
    await settle();
    expect(landings()).toEqual(['landed 5']);
    expect(storage.persists).toHaveLength(1);
    expect(persister.isDegraded).toBe(false);
  });

  it('sends the same bytes again where the rejected batch has not landed', async () => {
    const { persister, storage, landings, pass } = setUp();
    persister.write(batch(5));
    storage.persists[0]!.reject(new Error('connection lost'));
    await pass(50);
    storage.recovers[0]!.resolve(stored(4));
    await settle();
    expect(landings()).toEqual([]);
    expect(storage.persists[1]!.sent).toBe(storage.persists[0]!.sent);
    storage.persists[1]!.resolve();
    await settle();
    expect(landings()).toEqual(['landed 5']);
  });

  it('asks again, ever more slowly, for as long as the store can not be reached', async () => {
    const { persister, storage, landings, pass } = setUp();
    persister.write(batch(5));
    storage.persists[0]!.reject(new Error('connection lost'));
    for (let attempt = 0; attempt < 8; attempt++) {
      await pass(1000);
      expect(storage.recovers).toHaveLength(attempt + 1);
      storage.recovers[attempt]!.reject(new Error('connection refused'));
      await settle();
    }
    await pass(1000);
    storage.recovers[8]!.resolve(stored(5));
    await settle();
    expect(landings()).toEqual(['landed 5']);
  });

  it.each([3, 6])(
    'stops for good where the store has batch %d, which is neither this one nor the one before',
    async (last) => {
      const { persister, storage, events, landings, pass } = setUp();
      persister.write(batch(5));
      storage.persists[0]!.reject(new Error('connection lost'));
      await pass(50);
      storage.recovers[0]!.resolve(stored(last));
      await settle();
      expect(events.at(-1)).toMatch(/^lost: The store has batch \d as its last/);
      persister.write(batch(6));
      await pass(5000);
      expect(landings()).toEqual([]);
      expect(storage.persists).toHaveLength(1);
    },
  );

  it('stops for good when the store refuses it, and says why, whatever the reason is', async () => {
    const behind = setUp();
    behind.persister.write(batch(5));
    behind.storage.persists[0]!.reject(new StoreFencedError('Batch 5 was not written: the batch before it is 3.'));
    await settle();
    expect(behind.events).toEqual([
      'lost: The store takes nothing more from this process. Batch 5 was not written: the batch before it is 3.',
    ]);
  });

  it('stops for good when another owner has fenced it off, at a write and at a recovery', async () => {
    const write = setUp();
    write.persister.write(batch(5));
    write.storage.persists[0]!.reject(new StoreFencedError('epoch 7 is newer'));
    await settle();
    expect(write.events.at(-1)).toMatch(/^lost: .*epoch 7 is newer/);
    expect(write.storage.recovers).toHaveLength(0);

    const recovery = setUp();
    recovery.persister.write(batch(5));
    recovery.storage.persists[0]!.reject(new Error('connection lost'));
    await recovery.pass(50);
    recovery.storage.recovers[0]!.reject(new StoreFencedError('epoch 7 is newer'));
    await settle();
    expect(recovery.events.at(-1)).toMatch(/^lost:/);
  });

  it('holds back a batch that is handed over during a recovery, and does not take it for landed', async () => {
    const { persister, storage, landings, events, pass } = setUp();
    persister.probe();
    storage.probes[0]!.reject(new Error('connection lost'));
    await settle();
    persister.write(batch(5));
    await pass(50);
    expect(storage.persists).toHaveLength(0);
    storage.recovers[0]!.resolve(stored(4));
    await settle();
    expect(storage.persists).toHaveLength(1);
    storage.persists[0]!.resolve();
    await settle();
    expect(landings()).toEqual(['landed 5']);

    const foreign = setUp();
    foreign.persister.probe();
    foreign.storage.probes[0]!.reject(new Error('connection lost'));
    await settle();
    foreign.persister.write(batch(5));
    await foreign.pass(50);
    foreign.storage.recovers[0]!.resolve(stored(5));
    await settle();
    expect(foreign.events.at(-1)).toMatch(/^lost:/);
    expect(events.some((event) => event.startsWith('lost'))).toBe(false);
  });

  it('refuses a second batch while one is being written', () => {
    const { persister } = setUp();
    persister.write(batch(5));
    expect(() => persister.write(batch(6))).toThrow(/batch 6 was handed out while 5 is being written/);
  });

  it('proves the session from when the store was asked, not from when it answered', async () => {
    const { persister, storage, proof, pass } = setUp();
    persister.write(batch(5));
    await pass(400);
    storage.persists[0]!.resolve();
    await settle();
    expect(proof.isFresh()).toBe(true);
    expect(proof.ageMs()).toBe(400);
    await pass(101);
    expect(proof.isFresh()).toBe(false);
  });

  it('proves it by a probe from when that was sent, and by a recovery from when that was asked for', async () => {
    const probed = setUp();
    probed.persister.probe();
    await probed.pass(300);
    probed.storage.probes[0]!.resolve();
    await settle();
    expect(probed.proof.ageMs()).toBe(300);

    const { persister, storage, proof, pass } = setUp();
    persister.write(batch(5));
    storage.persists[0]!.reject(new Error('the connection is lost'));
    await pass(50);
    expect(storage.recovers).toHaveLength(1);
    await pass(300);
    storage.recovers[0]!.resolve(stored(5));
    await settle();
    expect(proof.ageMs()).toBeGreaterThanOrEqual(300);
  });

  it('probes an idle store each quarter of the smallest election time-out, one probe at a time', async () => {
    const { persister, storage, pass } = setUp();
    persister.tick(0);
    persister.tick(0);
    expect(storage.probes).toHaveLength(1);
    storage.probes[0]!.resolve();
    await pass(249);
    persister.tick(249);
    expect(storage.probes).toHaveLength(1);
    await pass(1);
    persister.tick(250);
    expect(storage.probes).toHaveLength(2);
  });

  it('lets the outcome of a write decide where a probe fails beside it', async () => {
    const { persister, storage, events, landings } = setUp();
    persister.probe();
    persister.write(batch(5));
    storage.probes[0]!.reject(new Error('too slow'));
    await settle();
    expect(events).toEqual([]);
    storage.persists[0]!.resolve();
    await settle();
    expect(landings()).toEqual(['landed 5']);
  });

  it('gives a write up that has no answer for long, and finds out what became of it', async () => {
    const { persister, storage, events, landings, pass } = setUp();
    persister.write(batch(5));
    await pass(PATIENCE_MS - 1);
    persister.tick(PATIENCE_MS - 1);
    await pass(50);
    expect(storage.recovers).toHaveLength(0);
    persister.tick(PATIENCE_MS + 49);
    expect(events).toEqual(['troubled']);
    await pass(50);
    expect(storage.recovers).toHaveLength(1);
    storage.recovers[0]!.resolve(stored(4));
    await settle();
    expect(storage.persists[1]!.sent).toBe(storage.persists[0]!.sent);
    storage.persists[1]!.resolve();
    await settle();
    expect(landings()).toEqual(['landed 5']);
  });

  it.each(['resolves', 'rejects', 'is fenced off'])(
    'does not heed a write that it has given up, when that %s late',
    async (how) => {
      const answer = (call: Call<void>): void => {
        if (how === 'resolves') call.resolve();
        else call.reject(how === 'rejects' ? new Error('connection lost') : new StoreFencedError('it was replaced'));
      };
      const { persister, storage, events, landings, pass, proof } = setUp();
      persister.write(batch(5));
      await pass(PATIENCE_MS);
      persister.tick(PATIENCE_MS);
      // During the recovery.
      answer(storage.persists[0]!);
      await pass(50);
      expect(events).toEqual(['troubled']);
      expect(storage.recovers).toHaveLength(1);
      expect(proof.isFresh()).toBe(false);
      storage.recovers[0]!.resolve(stored(4));
      await settle();
      expect(storage.persists).toHaveLength(2);

      // Behind the recovery, while the same batch is on its way again.
      const later = setUp();
      later.persister.write(batch(5));
      await later.pass(PATIENCE_MS);
      later.persister.tick(PATIENCE_MS);
      await later.pass(50);
      later.storage.recovers[0]!.resolve(stored(4));
      await settle();
      answer(later.storage.persists[0]!);
      await later.pass(50);
      expect(later.events).toEqual(['troubled', 'recovered', 'proved']);
      expect(later.storage.recovers).toHaveLength(1);
      later.storage.persists[1]!.resolve();
      await settle();
      expect(later.landings()).toEqual(['landed 5']);
      expect(landings()).toEqual([]);
    },
  );

  it('gives up a probe that has no answer for long, says meanwhile for how long it waits, and does not heed it late', async () => {
    const { persister, storage, events, pass } = setUp();
    expect(persister.silenceMs(0)).toBe(0);
    persister.tick(0);
    await pass(700);
    expect(persister.silenceMs(700)).toBe(700);
    await pass(PATIENCE_MS - 700);
    persister.tick(PATIENCE_MS);
    expect(events).toEqual(['troubled']);
    expect(persister.silenceMs(PATIENCE_MS)).toBe(0);
    await pass(50);
    storage.recovers[0]!.resolve(stored(4));
    await settle();
    storage.probes[0]!.reject(new Error('connection lost'));
    await settle();
    expect(events).toEqual(['troubled', 'recovered', 'proved']);
    persister.tick(PATIENCE_MS + 1000);
    expect(storage.probes).toHaveLength(2);
  });

  it('does not count the time before an answer that came', async () => {
    const { persister, storage, events, pass } = setUp();
    for (let number = 5; number < 8; number++) {
      persister.write(batch(number));
      await pass(PATIENCE_MS - 1000);
      persister.tick((number - 4) * (PATIENCE_MS - 1000));
      storage.persists.at(-1)!.resolve();
      await settle();
    }
    expect(events.filter((event) => event === 'troubled')).toEqual([]);
  });

  it('tells nobody anything once it is closed, and waits for what is under way', async () => {
    const { persister, storage, events } = setUp();
    persister.write(batch(5));
    let closed = false;
    void persister.close().then(() => (closed = true));
    await settle();
    expect(closed).toBe(false);
    storage.persists[0]!.resolve();
    await settle();
    expect(closed).toBe(true);
    expect(events).toEqual([]);
  });
});
