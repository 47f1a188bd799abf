import { type Entry, makeEntry } from '../../core/base/entry';
import { SeededRandom } from '../../core/base/random';
import { type RaftStorage, StoreCorruptError, StoreNewerError } from '../../storage/contract';
import { MachineClock, SimulatedScheduler } from '../../testing/simulator/simulated/simulated-scheduler';
import { SimulatedProcess } from '../../testing/simulator/simulated/simulated-process';
import { VirtualTime } from '../../testing/simulator/base/virtual-time';
import { EntryLoader } from './entry-loader';

const entry = (index: number, term: number): Entry =>
  makeEntry(index, term, { kind: 'noop', schemaVersion: 0, data: new Uint8Array(0) });
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(
  page: readonly Entry[] | Error,
  terms: Readonly<Record<number, number>>,
  settledIndex = 0,
  appliedIndex = 4,
) {
  const time = new VirtualTime();
  const process = new SimulatedProcess(time, 'n1', () => undefined);
  const scheduler = new SimulatedScheduler(process, new MachineClock(time, 1, 0, 0), new SeededRandom(1));
  const storage = { entries: () => (page instanceof Error ? Promise.reject(page) : Promise.resolve(page)) };
  const said: string[] = [];
  const loader = new EntryLoader(storage as unknown as RaftStorage, 'default', scheduler, {
    termAt: (index) => terms[index],
    settledIndex: () => settledIndex,
    appliedIndex: () => appliedIndex,
    loaded: (_, entries) => said.push(`loaded ${entries.map(({ index }) => index).join()}`),
    corrupt: ({ message }) => said.push(`corrupt: ${message}`),
    newer: ({ message }) => said.push(`newer: ${message}`),
    failed: () => said.push('failed'),
  });
  loader.load({ id: 1, from: 5, to: 9, maxBytes: 1000 });
  const pass = (ms: number): void => {
    const untilMs = time.nowMs + ms;
    time.schedule(untilMs, 2, () => undefined);
    while (time.runNext(untilMs)) continue;
  };
  return { loader, said, pass };
}

describe('EntryLoader', () => {
  it('hands over a page of the log as it is', async () => {
    const { said } = setUp([entry(5, 1), entry(6, 2)], { 5: 1, 6: 2 });
    await settle();
    expect(said).toEqual(['loaded 5,6']);
  });

  it('uses a page only up to where a truncation passed it on its way', async () => {
    const { said } = setUp([entry(5, 1), entry(6, 2), entry(7, 2)], { 5: 1, 6: 3, 7: 3 });
    await settle();
    expect(said).toEqual(['loaded 5']);
    const shorter = setUp([entry(5, 1), entry(6, 1)], { 5: 1 });
    await settle();
    expect(shorter.said).toEqual(['loaded 5']);
  });

  it('uses nothing of a page that does not begin where it was asked to', async () => {
    const { said, pass } = setUp([entry(6, 1)], { 5: 1, 6: 1 });
    await settle();
    pass(20);
    expect(said).toEqual(['loaded ']);
  });

  it('stops at a committed entry that was stored here and now has another term, instead of asking for it for ever', async () => {
    const { said, pass } = setUp([entry(5, 1), entry(6, 2)], { 5: 1, 6: 1, 7: 1 }, 6);
    await settle();
    pass(100);
    expect(said).toEqual([
      'corrupt: The store gives entry 6 of term 2, where one of term 1 was committed and stored. The store was changed or ' +
        'restored from outside.',
    ]);
  });

  it('stops where the store has lost an entry that was committed and stored here', async () => {
    const { said, pass } = setUp([], { 5: 1, 6: 1 }, 6);
    await settle();
    pass(100);
    expect(said).toEqual([
      'corrupt: The store has no entry 5, where one of term 1 was committed and stored. The store was changed or ' +
        'restored from outside.',
    ]);
  });

  it('takes entries for truncated that were committed only after they were asked for, or are compacted by now', async () => {
    const later = setUp([entry(5, 1), entry(6, 2)], { 5: 1, 6: 3 }, 5);
    await settle();
    expect(later.said).toEqual(['loaded 5']);
    for (const compacted of [setUp([], {}, 9), setUp([], { 5: 1 }, 9, 6)]) {
      await settle();
      compacted.pass(20);
      expect(compacted.said).toEqual(['loaded ']);
    }
  });

  it('holds back an answer that has nothing, so that nobody asks without a pause', async () => {
    const empty = setUp([], {});
    await settle();
    expect(empty.said).toEqual([]);
    empty.pass(20);
    expect(empty.said).toEqual(['loaded ']);

    const failing = setUp(new Error('too many connections'), {});
    await settle();
    failing.pass(99);
    expect(failing.said).toEqual(['failed']);
    failing.pass(1);
    expect(failing.said).toEqual(['failed', 'loaded ']);
  });

  it('reports a damaged log, and says nothing once it is closed', async () => {
    const corrupt = setUp(new StoreCorruptError('entry 5'), {});
    await settle();
    expect(corrupt.said).toEqual(['corrupt: entry 5']);
    const newer = setUp(new StoreNewerError('entry 5'), {});
    await settle();
    expect(newer.said).toEqual(['newer: entry 5']);
    const closed = setUp([], {});
    await settle();
    closed.loader.close();
    closed.pass(100);
    expect(closed.said).toEqual([]);
  });
});
