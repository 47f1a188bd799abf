import { strict as assert } from 'node:assert';
import type { GroupWrite } from '../../storage/contract';
import { expectLog, expectRejection, loaded } from './expectations';
import {
  ALPHA,
  batch,
  BETA,
  boot,
  configurationOf,
  entries,
  entry,
  founding,
  GENESIS,
  openWithLog,
} from './sample-writes';
import type { StorageConformanceCase } from './storage-under-test';

export const WRITING_CASES: readonly StorageConformanceCase[] = [
  {
    name: 'everything of a batch that resolved is there after a kill',
    async run({ storage, another, kill }) {
      await storage.open(boot(1));
      await storage.persist([founding()]);
      const configuration = { index: 2, configuration: configurationOf(1, 2, 3, 4) };
      const log = [entry(1, 3, { kind: 'noop', bytes: 0 }), entry(2, 3, { kind: 'configuration' }), entry(3, 3)];
      const hardState = { term: 3, votedFor: 1 };
      await storage.persist([batch(2, { hardState, commitIndex: 2, entries: log, configuration })]);
      await kill(storage);
      const next = await another();
      await next.open(boot(2));
      const state = await loaded(next);
      assert.deepEqual(
        { ...state, identity: undefined },
        {
          identity: undefined,
          hardState,
          commitIndex: 2,
          lastBatch: 2,
          snapshot: { term: 0, index: 0 },
          lastIndex: 3,
          terms: [{ firstIndex: 1, term: 3 }],
          configuration,
          configurationEntries: [],
        },
      );
      await expectLog(next, log);
    },
  },
  {
    name: 'each batch that resolved is there after a kill, one by one',
    async run({ storage, another, kill }) {
      let open = storage;
      await open.open(boot(1));
      await open.persist([founding()]);
      for (let index = 1; index <= 3; index++) {
        await open.persist([batch(index + 1, { commitIndex: index - 1, entries: [entry(index, 1)] })]);
        await kill(open);
        open = await another();
        await open.open(boot(index + 1));
        const state = await loaded(open);
        assert.deepEqual([state.lastBatch, state.lastIndex, state.commitIndex], [index + 1, index, index - 1]);
      }
    },
  },
  {
    name: 'term and vote stay as they were until a batch changes them',
    async run({ storage }) {
      await storage.open(boot(1));
      await storage.persist([founding(ALPHA, { hardState: { term: 5, votedFor: 3 } })]);
      await storage.persist([batch(2, { entries: entries(1, 2, 5), commitIndex: 1 })]);
      await storage.persist([batch(3, { commitIndex: 2 })]);
      const state = await loaded(storage);
      assert.deepEqual(state.hardState, { term: 5, votedFor: 3 });
      assert.equal(state.commitIndex, 2);
      await storage.persist([batch(4, { commitIndex: 2, hardState: { term: 6, votedFor: 0 } })]);
      assert.deepEqual((await loaded(storage)).hardState, { term: 6, votedFor: 0 });
    },
  },
  ...refusals(
    ['a number is left out', batch(4)],
    ['a number comes again', batch(2)],
    ['a number goes back', batch(1)],
    ['an entry is left out', batch(3, { entries: [entry(4, 1), entry(6, 1)] })],
    ['the first entry leaves a gap', batch(3, { entries: [entry(5, 1)] })],
    ['an entry comes again without a cut', batch(3, { entries: [entry(3, 1)] })],
    ['entries come out of order', batch(3, { entries: [entry(5, 1), entry(4, 1)] })],
    ['the cut is at the commit index', batch(3, { commitIndex: 2, truncateFrom: 2 })],
  ),
  {
    name: 'the first batch of a group has number 1',
    async run({ storage }) {
      await storage.open(boot(1));
      await expectRejection(storage.persist([founding(ALPHA, { number: 2 })]), 'StoreFencedError');
      assert.equal(await storage.load(ALPHA), undefined);
    },
  },
  {
    name: 'the writes of several groups land together',
    async run({ storage, another, kill }) {
      await storage.open(boot(1));
      await storage.persist([founding(ALPHA), founding(BETA, { hardState: { term: 9, votedFor: 0 } })]);
      await storage.persist([
        batch(2, { entries: entries(1, 3, 1) }),
        batch(2, { group: BETA, entries: entries(1, 2, 9), commitIndex: 1 }),
      ]);
      await kill(storage);
      const next = await another();
      await next.open(boot(2));
      await expectLog(next, entries(1, 3, 1), ALPHA);
      await expectLog(next, entries(1, 2, 9), BETA);
      assert.equal((await loaded(next, BETA)).commitIndex, 1);
      assert.equal((await loaded(next, ALPHA)).hardState.term, 1);
    },
  },
  {
    name: 'where one of several writes is refused, none of them lands',
    async run({ storage, another, kill }) {
      await storage.open(boot(1));
      await storage.persist([founding(ALPHA), founding(BETA)]);
      await expectRejection(
        storage.persist([
          batch(2, { entries: entries(1, 3, 1) }),
          batch(3, { group: BETA, entries: entries(1, 2, 1) }),
        ]),
        'StoreFencedError',
      );
      await kill(storage);
      const next = await another();
      await next.open(boot(2));
      assert.deepEqual([(await loaded(next, ALPHA)).lastBatch, (await loaded(next, ALPHA)).lastIndex], [1, 0]);
      assert.deepEqual([(await loaded(next, BETA)).lastBatch, (await loaded(next, BETA)).lastIndex], [1, 0]);
    },
  },
  {
    name: 'a tail is cut and written anew in one batch, whether it gets longer or shorter',
    async run({ storage, another, kill }) {
      await openWithLog(storage, [5, 1]);
      await storage.persist([batch(3, { truncateFrom: 3, entries: entries(3, 8, 2) })]);
      await expectLog(storage, [...entries(1, 2, 1), ...entries(3, 8, 2)]);
      await storage.persist([batch(4, { truncateFrom: 4, entries: entries(4, 4, 3) })]);
      await storage.persist([batch(5, { entries: entries(5, 6, 3) })]);
      await kill(storage);
      const next = await another();
      await next.open(boot(2));
      await expectLog(next, [...entries(1, 2, 1), entry(3, 2), ...entries(4, 6, 3)]);
      const state = await loaded(next);
      assert.equal(state.lastIndex, 6);
      assert.deepEqual(state.terms, [
        { firstIndex: 1, term: 1 },
        { firstIndex: 3, term: 2 },
        { firstIndex: 4, term: 3 },
      ]);
    },
  },
  {
    name: 'a cut without entries leaves a shorter log, and the next entry follows it',
    async run({ storage }) {
      await openWithLog(storage, [2, 1], [3, 2]);
      await storage.persist([batch(4, { truncateFrom: 2 })]);
      assert.deepEqual((await loaded(storage)).terms, [{ firstIndex: 1, term: 1 }]);
      await storage.persist([batch(5, { truncateFrom: 1 })]);
      const empty = await loaded(storage);
      assert.deepEqual([empty.lastIndex, empty.terms], [0, []]);
      await storage.persist([batch(6, { entries: entries(1, 1, 4) })]);
      await expectLog(storage, entries(1, 1, 4));
      assert.deepEqual((await loaded(storage)).terms, [{ firstIndex: 1, term: 4 }]);
    },
  },
  {
    name: 'the terms of the whole log are known, also where one batch brings several',
    async run({ storage, another }) {
      await openWithLog(storage, [4, 1], [1, 1]);
      await storage.persist([batch(4, { entries: [...entries(6, 7, 1), ...entries(8, 8, 4), ...entries(9, 12, 6)] })]);
      await storage.persist([batch(5, { entries: entries(13, 14, 6) })]);
      await storage.persist([batch(6, { entries: entries(15, 15, 7) })]);
      await storage.close();
      const next = await another();
      await next.open(boot(2));
      assert.deepEqual((await loaded(next)).terms, [
        { firstIndex: 1, term: 1 },
        { firstIndex: 8, term: 4 },
        { firstIndex: 9, term: 6 },
        { firstIndex: 15, term: 7 },
      ]);
    },
  },
  {
    name: 'configuration entries above the configuration in force come with the load, and no others',
    async run({ storage, another }) {
      await openWithLog(storage, [3, 1]);
      const first = entry(4, 1, { kind: 'configuration' });
      const second = entry(6, 1, { kind: 'configuration' });
      await storage.persist([batch(3, { entries: [first, entry(5, 1), second] })]);
      const found = async (from: typeof storage) => (await loaded(from)).configurationEntries.map(({ index }) => index);
      assert.deepEqual(await found(storage), [4, 6]);
      assert.deepEqual((await loaded(storage)).configuration, GENESIS);
      const inForce = { index: 4, configuration: configurationOf(1, 3) };
      await storage.persist([batch(4, { commitIndex: 4, configuration: inForce })]);
      assert.deepEqual(await found(storage), [6]);
      await storage.persist([batch(5, { commitIndex: 4, truncateFrom: 6, entries: entries(6, 7, 2) })]);
      await storage.close();
      const next = await another();
      await next.open(boot(2));
      assert.deepEqual(await found(next), []);
      assert.deepEqual((await loaded(next)).configuration, inForce);
    },
  },
  {
    name: 'entries come back as they were: every kind, no bytes, many bytes, large numbers',
    async run({ storage, another }) {
      await storage.open(boot(1));
      const term = 2 ** 40 + 3;
      await storage.persist([founding(ALPHA, { hardState: { term, votedFor: 2 ** 33 } })]);
      const kinds = ['noop', 'configuration', 'command', 'clock', 'session', 'clusterVersion'] as const;
      const log = [
        ...kinds.map((kind, at) => entry(at + 1, term, { kind, schemaVersion: at * 1000 })),
        entry(7, term, { bytes: 0 }),
        entry(8, term, { bytes: 700_000 }),
        entry(9, term + 1, { bytes: 1 }),
      ];
      await storage.persist([batch(2, { entries: log })]);
      await expectLog(storage, log);
      await storage.close();
      const next = await another();
      await next.open(boot(2));
      await expectLog(next, log);
      assert.deepEqual((await loaded(next)).hardState, { term, votedFor: 2 ** 33 });
    },
  },
  {
    name: 'a batch of nothing but a number, and a persist of no batches, are fine',
    async run({ storage }) {
      await openWithLog(storage, [1, 1]);
      await storage.persist([]);
      await storage.persist([batch(3)]);
      assert.equal((await loaded(storage)).lastBatch, 3);
    },
  },
];

/** Each: on a log of three entries of term 1 and two batches, committed up to 2, a write that doesn't follow is refused and changes nothing. */
function refusals(...wrong: readonly (readonly [string, GroupWrite])[]): StorageConformanceCase[] {
  return wrong.map(([why, write]) => ({
    name: `a batch is refused, and changes nothing, where ${why}`,
    async run({ storage, another, kill }) {
      await storage.open(boot(1));
      await storage.persist([founding()]);
      await storage.persist([batch(2, { entries: entries(1, 3, 1), commitIndex: 2 })]);
      await expectRejection(storage.persist([{ ...write, commitIndex: 2 }]), 'StoreFencedError');
      await kill(storage);
      const next = await another();
      await next.open(boot(2));
      const state = await loaded(next);
      assert.deepEqual([state.lastBatch, state.lastIndex, state.commitIndex], [2, 3, 2]);
      await expectLog(next, entries(1, 3, 1));
    },
  }));
}
