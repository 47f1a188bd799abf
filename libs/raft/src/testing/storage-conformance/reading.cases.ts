import { strict as assert } from 'node:assert';
import { entrySizeBytes } from '../../core/base/entry';
import { expectEntries, expectLog } from './expectations';
import { ALPHA, batch, boot, entries, entry, openWithLog } from './sample-writes';
import type { StorageConformanceCase } from './storage-under-test';

export const READING_CASES: readonly StorageConformanceCase[] = [
  {
    name: 'a page ends with the entry that reaches the bytes asked for',
    async run({ storage }) {
      await openWithLog(storage, [20, 1]);
      const log = entries(1, 20, 1);
      const size = entrySizeBytes(log[0]!);
      const page = async (bytes: number) => (await storage.entries(ALPHA, 1, 20, bytes)).length;
      assert.equal(await page(size * 3), 3);
      assert.equal(await page(size * 3 + 1), 4);
      assert.equal(await page(size * 1000), 20);
      expectEntries(await storage.entries(ALPHA, 5, 20, size * 2), log.slice(4, 6));
    },
  },
  {
    name: 'a page has at least one entry, however few bytes are asked for',
    async run({ storage }) {
      await openWithLog(storage, [3, 1]);
      expectEntries(await storage.entries(ALPHA, 2, 3, 1), entries(2, 2, 1));
    },
  },
  {
    name: 'a page stays within the indexes asked for, both inclusive',
    async run({ storage }) {
      await openWithLog(storage, [10, 1]);
      expectEntries(await storage.entries(ALPHA, 4, 6, 1 << 20), entries(4, 6, 1));
      expectEntries(await storage.entries(ALPHA, 10, 99, 1 << 20), entries(10, 10, 1));
    },
  },
  {
    name: 'there is nothing behind the end, nothing in an empty log, and nothing in a group that is not there',
    async run({ storage }) {
      await openWithLog(storage);
      assert.deepEqual(await storage.entries(ALPHA, 1, 9, 1 << 20), []);
      await storage.persist([batch(2, { entries: entries(1, 2, 1) })]);
      assert.deepEqual(await storage.entries(ALPHA, 3, 9, 1 << 20), []);
      assert.deepEqual(await storage.entries('gamma', 1, 9, 1 << 20), []);
    },
  },
  {
    name: 'a log of thousands of entries comes back in order, page by page',
    async run({ storage, another }) {
      await openWithLog(storage, [1500, 1], [1000, 2]);
      await storage.close();
      const next = await another();
      await next.open(boot(2));
      await expectLog(next, [...entries(1, 1500, 1), ...entries(1501, 2500, 2)]);
    },
  },
  {
    name: 'entries can be read while others are written',
    async run({ storage }) {
      await openWithLog(storage, [50, 1]);
      const writing = storage.persist([batch(3, { entries: entries(51, 60, 1) })]);
      const reading = storage.entries(ALPHA, 1, 50, 1 << 20);
      await writing;
      expectEntries(await reading, entries(1, 50, 1));
      await expectLog(storage, entries(1, 60, 1));
    },
  },
  {
    name: 'the end of the log is measured: as many entries as fit, from the last one back',
    async run({ storage }) {
      await openWithLog(storage, [10, 1]);
      await storage.persist([batch(3, { entries: [entry(11, 1, { bytes: 5_000 }), entry(12, 1)] })]);
      const small = entrySizeBytes(entry(1, 1));
      const tail = (from: number, to: number, maxBytes: number) => storage.tail(ALPHA, from, to, maxBytes);
      assert.deepEqual(await tail(1, 12, 1 << 20), { firstIndex: 1, sizeBytes: 11 * small + 5_032 });
      assert.deepEqual(await tail(4, 10, Number.MAX_SAFE_INTEGER), { firstIndex: 4, sizeBytes: 7 * small });
      assert.deepEqual(await tail(1, 12, 5_000), { firstIndex: 12, sizeBytes: small });
      assert.deepEqual(await tail(1, 10, 3 * small), { firstIndex: 8, sizeBytes: 3 * small });
      assert.deepEqual(await tail(1, 10, 3 * small - 1), { firstIndex: 9, sizeBytes: 2 * small });
      assert.deepEqual(await tail(1, 10, 0), { firstIndex: 11, sizeBytes: 0 });
      await storage.compact(ALPHA, { index: 6, term: 1 });
      assert.deepEqual(await tail(1, 10, 1 << 20), { firstIndex: 7, sizeBytes: 4 * small });
      assert.deepEqual(await storage.tail('gamma', 1, 10, 1 << 20), { firstIndex: 11, sizeBytes: 0 });
    },
  },
];
