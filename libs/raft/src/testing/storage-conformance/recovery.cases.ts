import { strict as assert } from 'node:assert';
import { expectLog, expectRejection, loaded } from './expectations';
import { ALPHA, batch, BETA, boot, entries, founding, openWithLog } from './sample-writes';
import type { StorageConformanceCase } from './storage-under-test';

export const RECOVERY_CASES: readonly StorageConformanceCase[] = [
  {
    name: 'after a write that landed and failed to say so, recovery tells its number, and the next one follows',
    needs: 'failNextPersist',
    async run({ storage, failNextPersist }) {
      await openWithLog(storage, [2, 1]);
      await failNextPersist?.(storage, true);
      await expectRejection(storage.persist([batch(3, { entries: entries(3, 4, 1), commitIndex: 1 })]));
      assert.equal((await storage.recover()).get(ALPHA), 3);
      const state = await loaded(storage);
      assert.deepEqual([state.lastIndex, state.commitIndex], [4, 1]);
      await storage.persist([batch(4, { entries: entries(5, 5, 1), commitIndex: 1 })]);
      await expectLog(storage, entries(1, 5, 1));
    },
  },
  {
    name: 'after a write that was lost, recovery tells the number before, and the same write goes again',
    needs: 'failNextPersist',
    async run({ storage, failNextPersist }) {
      await openWithLog(storage, [2, 1]);
      await failNextPersist?.(storage, false);
      const write = batch(3, { truncateFrom: 2, entries: entries(2, 4, 2), hardState: { term: 2, votedFor: 0 } });
      await expectRejection(storage.persist([write]));
      assert.equal((await storage.recover()).get(ALPHA), 2);
      assert.equal((await loaded(storage)).hardState.term, 1);
      await storage.persist([write]);
      await expectLog(storage, [...entries(1, 1, 1), ...entries(2, 4, 2)]);
      assert.deepEqual((await loaded(storage)).hardState, { term: 2, votedFor: 0 });
    },
  },
  {
    name: 'recovery tells the number of every group',
    needs: 'failNextPersist',
    async run({ storage, failNextPersist }) {
      await openWithLog(storage, [2, 1]);
      await storage.persist([founding(BETA)]);
      await failNextPersist?.(storage, true);
      await expectRejection(
        storage.persist([
          batch(3, { entries: entries(3, 3, 1) }),
          batch(2, { group: BETA, entries: entries(1, 1, 1) }),
        ]),
      );
      const numbers = await storage.recover();
      assert.deepEqual([numbers.get(ALPHA), numbers.get(BETA), numbers.size], [3, 2, 2]);
    },
  },
  {
    name: 'recovery is possible while nothing is wrong',
    async run({ storage }) {
      await openWithLog(storage, [2, 1]);
      assert.equal((await storage.recover()).get(ALPHA), 2);
      await storage.probe();
      await storage.persist([batch(3, { entries: entries(3, 3, 1) })]);
      await expectLog(storage, entries(1, 3, 1));
    },
  },
  {
    name: 'recovery is refused where another process has opened the store meanwhile',
    needs: 'failNextPersist',
    async run({ storage, another, kill, failNextPersist }) {
      await openWithLog(storage, [2, 1]);
      await failNextPersist?.(storage, false);
      await expectRejection(storage.persist([batch(3, { entries: entries(3, 3, 1) })]));
      await kill(storage);
      await (await another()).open(boot(2));
      await expectRejection(storage.recover(), 'StoreFencedError');
    },
  },
];
