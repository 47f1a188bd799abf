import { strict as assert } from 'node:assert';
import type { RaftStorage } from '../../storage/contract';
import { bytesOf, expectLog, expectRejection, loaded } from './expectations';
import { ALPHA, batch, boot, chunksOf, dataOf, entries, entry, openWithLog, snapshotMetadata } from './sample-writes';
import type { StorageConformanceCase } from './storage-under-test';

async function expectSnapshot(storage: RaftStorage, index: number, ...chunks: Uint8Array[]): Promise<void> {
  const snapshot = await storage.readSnapshot(ALPHA);
  assert.ok(snapshot, 'there is no snapshot');
  assert.deepEqual(snapshot.metadata, snapshotMetadata(index, 1));
  assert.equal(await bytesOf(snapshot.chunks), Buffer.concat(chunks).toString('hex'));
}

export const SNAPSHOT_CASES: readonly StorageConformanceCase[] = [
  {
    name: 'a snapshot comes back whole, after a kill too, and the log is not touched by it',
    async run({ storage, another, kill }) {
      await openWithLog(storage, [5, 1]);
      assert.equal(await storage.readSnapshot(ALPHA), undefined);
      const chunks = Array.from({ length: 40 }, (_, at) => dataOf(at, 1, 20_000 + at));
      await storage.writeSnapshot(ALPHA, snapshotMetadata(4, 1), chunksOf(...chunks));
      await expectSnapshot(storage, 4, ...chunks);
      await kill(storage);
      const next = await another();
      await next.open(boot(2));
      await expectSnapshot(next, 4, ...chunks);
      await expectLog(next, entries(1, 5, 1));
      assert.deepEqual((await loaded(next)).snapshot, { term: 0, index: 0 });
    },
  },
  {
    name: 'a snapshot without chunks is a snapshot',
    async run({ storage }) {
      await openWithLog(storage, [2, 1]);
      await storage.writeSnapshot(ALPHA, snapshotMetadata(1, 1), chunksOf());
      await expectSnapshot(storage, 1);
    },
  },
  {
    name: 'a newer snapshot replaces the one before, and an older one does not',
    async run({ storage }) {
      await openWithLog(storage, [9, 1]);
      const [small, large] = [dataOf(1, 1, 100), dataOf(2, 1, 90_000)];
      await storage.writeSnapshot(ALPHA, snapshotMetadata(3, 1), chunksOf(small, small));
      await storage.writeSnapshot(ALPHA, snapshotMetadata(7, 1), chunksOf(large));
      await expectSnapshot(storage, 7, large);
      await expectRejection(storage.writeSnapshot(ALPHA, snapshotMetadata(5, 1), chunksOf(small)));
      await expectSnapshot(storage, 7, large);
    },
  },
  {
    name: 'a snapshot that breaks off is not there, and the one before stays',
    async run({ storage, another, kill }) {
      await openWithLog(storage, [9, 1]);
      const before = dataOf(1, 1, 500);
      await storage.writeSnapshot(ALPHA, snapshotMetadata(3, 1), chunksOf(before));
      const breaksOff = async function* () {
        for (let at = 0; at < 8; at++) yield dataOf(at, 2, 60_000);
        throw new Error('the source broke off');
      };
      await expectRejection(storage.writeSnapshot(ALPHA, snapshotMetadata(8, 1), breaksOff()));
      await expectSnapshot(storage, 3, before);
      await kill(storage);
      const next = await another();
      await next.open(boot(2));
      await expectSnapshot(next, 3, before);
    },
  },
  {
    name: 'compaction takes the head and keeps the tail, with the term of what it took last',
    async run({ storage, another, kill }) {
      await openWithLog(storage, [4, 1], [4, 2]);
      await storage.compact(ALPHA, { index: 6, term: 2 });
      const check = async (from: RaftStorage) => {
        const state = await loaded(from);
        assert.deepEqual([state.snapshot, state.lastIndex], [{ index: 6, term: 2 }, 8]);
        assert.deepEqual(state.terms, [{ firstIndex: 7, term: 2 }]);
        assert.deepEqual(await from.entries(ALPHA, 6, 8, 1 << 20), []);
        await expectLog(from, entries(7, 8, 2));
      };
      await check(storage);
      await kill(storage);
      const next = await another();
      await next.open(boot(2));
      await check(next);
      await next.persist([batch(4, { entries: entries(9, 9, 2), commitIndex: 6 })]);
      await expectLog(next, entries(7, 9, 2));
      assert.deepEqual((await loaded(next)).terms, [{ firstIndex: 7, term: 2 }]);
    },
  },
  {
    name: 'compaction on the border of two terms keeps the later one',
    async run({ storage, another }) {
      await openWithLog(storage, [3, 1], [3, 2], [3, 5]);
      await storage.compact(ALPHA, { index: 3, term: 1 });
      const terms = [
        { firstIndex: 4, term: 2 },
        { firstIndex: 7, term: 5 },
      ];
      assert.deepEqual((await loaded(storage)).terms, terms);
      await storage.close();
      const next = await another();
      await next.open(boot(2));
      assert.deepEqual((await loaded(next)).terms, terms);
    },
  },
  {
    name: 'compaction of everything leaves an empty log that goes on',
    async run({ storage, another }) {
      await openWithLog(storage, [4, 1]);
      await storage.compact(ALPHA, { index: 4, term: 1 });
      const state = await loaded(storage);
      assert.deepEqual([state.snapshot, state.lastIndex, state.terms], [{ index: 4, term: 1 }, 4, []]);
      await storage.persist([batch(3, { entries: entries(5, 6, 1), commitIndex: 4 })]);
      await storage.close();
      const next = await another();
      await next.open(boot(2));
      await expectLog(next, entries(5, 6, 1));
      assert.deepEqual((await loaded(next)).terms, [{ firstIndex: 5, term: 1 }]);
    },
  },
  {
    name: 'a cut that goes back, or comes again, changes nothing',
    async run({ storage }) {
      await openWithLog(storage, [6, 1]);
      await storage.compact(ALPHA, { index: 4, term: 1 });
      await storage.compact(ALPHA, { index: 2, term: 1 });
      await storage.compact(ALPHA, { index: 4, term: 1 });
      assert.deepEqual((await loaded(storage)).snapshot, { index: 4, term: 1 });
      await expectLog(storage, entries(5, 6, 1));
    },
  },
  ...drops('lies behind the end of the log', { index: 20, term: 2 }),
  ...drops('has another term than the entry there', { index: 4, term: 3 }),
];

/** trap 39: what follows a snapshot that was installed has to fit it; a log that doesn't is dropped whole. */
function drops(why: string, to: { index: number; term: number }): StorageConformanceCase[] {
  return [
    {
      name: `trap 39: the log is dropped where the cut ${why}, and goes on behind it`,
      async run({ storage, another, kill }) {
        await openWithLog(storage, [6, 1]);
        await storage.compact(ALPHA, to);
        const empty = await loaded(storage);
        assert.deepEqual(
          [empty.snapshot, empty.lastIndex, empty.terms, empty.commitIndex],
          [to, to.index, [], to.index],
        );
        assert.deepEqual(await storage.entries(ALPHA, 1, 30, 1 << 20), []);
        const follows = [entry(to.index + 1, 3), entry(to.index + 2, 4)];
        await storage.persist([batch(3, { commitIndex: to.index, entries: follows })]);
        await kill(storage);
        const next = await another();
        await next.open(boot(2));
        const state = await loaded(next);
        assert.deepEqual([state.snapshot, state.lastIndex], [to, to.index + 2]);
        assert.deepEqual(state.terms, [
          { firstIndex: to.index + 1, term: 3 },
          { firstIndex: to.index + 2, term: 4 },
        ]);
        await expectLog(next, follows);
      },
    },
  ];
}
