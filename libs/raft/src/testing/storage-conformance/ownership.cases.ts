import { strict as assert } from 'node:assert';
import { expectLog, expectRejection, loaded } from './expectations';
import { ALPHA, batch, boot, entries, founding, hexId, openWithLog } from './sample-writes';
import type { StorageConformanceCase } from './storage-under-test';

export const OWNERSHIP_CASES: readonly StorageConformanceCase[] = [
  {
    name: 'a new store takes the incarnation that it is offered, and keeps it',
    async run({ storage, another }) {
      const first = await storage.open(boot(1));
      assert.equal(first.incarnation, boot(1).newIncarnation);
      assert.equal(first.previousBootNonce, null);
      assert.equal(first.takenOver, false);
      await storage.close();
      const second = await (await another()).open(boot(2));
      assert.equal(second.incarnation, boot(1).newIncarnation);
    },
  },
  {
    name: 'each start raises the epoch and hands on the nonce of the start before',
    async run({ storage, another }) {
      const first = await storage.open(boot(1));
      await storage.close();
      const second = await another();
      const opened = await second.open(boot(2));
      assert.ok(opened.epoch > first.epoch, `epoch ${opened.epoch} after ${first.epoch}`);
      assert.equal(opened.previousBootNonce, boot(1).bootNonce);
      await second.close();
      const third = await (await another()).open(boot(3));
      assert.ok(third.epoch > opened.epoch);
      assert.equal(third.previousBootNonce, boot(2).bootNonce);
    },
  },
  {
    name: 'the notes are those that were written last, at the next start too, and none before',
    async run({ storage, another, kill }) {
      assert.equal((await storage.open(boot(1))).notes, '');
      await storage.saveNotes('{"first":1}');
      await storage.saveNotes('{"second":"zwei Äpfel"}');
      await storage.persist([founding()]);
      await kill(storage);
      const second = await another();
      assert.equal((await second.open(boot(2))).notes, '{"second":"zwei Äpfel"}');
      await expectRejection(storage.saveNotes('{"late":true}'));
      await second.close();
      assert.equal((await (await another()).open(boot(3))).notes, '{"second":"zwei Äpfel"}');
    },
  },
  {
    name: 'a store whose owner closed it is not taken over, one whose owner was killed is',
    async run({ storage, another, kill }) {
      await storage.open(boot(1));
      await storage.close();
      const second = await another();
      assert.equal((await second.open(boot(2))).takenOver, false);
      await kill(second);
      const third = await another();
      assert.equal((await third.open(boot(3))).takenOver, true);
      await third.close();
      assert.equal((await (await another()).open(boot(4))).takenOver, false);
    },
  },
  {
    name: 'a second owner is refused for as long as the first is there',
    async run({ storage, another }) {
      await storage.open(boot(1));
      const second = await another();
      await expectRejection(second.open(boot(2)), 'StoreLockedError');
      await storage.persist([founding()]);
      await storage.close();
      await (await another()).open(boot(3));
    },
  },
  {
    name: 'a node of another name is refused, and the owner may come back',
    async run({ storage, another }) {
      await storage.open(boot(1, 'n1'));
      await storage.close();
      await expectRejection((await another()).open(boot(2, 'n2')), 'StoreOwnerError');
      await (await another()).open(boot(3, 'n1'));
    },
  },
  {
    name: 'an owner that was killed and goes on writes nothing once another has opened the store',
    async run({ storage, another, kill }) {
      await openWithLog(storage, [3, 1]);
      await kill(storage);
      const successor = await another();
      await successor.open(boot(2));
      await expectRejection(storage.persist([batch(3, { entries: entries(4, 5, 1) })]));
      await expectRejection(storage.recover(), 'StoreFencedError');
      await expectRejection(storage.persist([batch(3, { entries: entries(4, 5, 1) })]));
      assert.equal((await loaded(successor)).lastIndex, 3);
      await successor.persist([batch(3, { entries: entries(4, 4, 2) })]);
      await expectLog(successor, [...entries(1, 3, 1), ...entries(4, 4, 2)]);
    },
  },
  {
    name: 'closing ends everything: nothing is written afterwards, and closing again does no harm',
    async run({ storage, another }) {
      await openWithLog(storage, [1, 1]);
      await storage.close();
      await storage.close();
      await expectRejection(storage.persist([batch(3, { entries: entries(2, 2, 1) })]));
      const next = await another();
      await next.open(boot(2));
      assert.equal((await loaded(next)).lastIndex, 1);
    },
  },
  {
    name: 'the session answers a probe while it holds the store, and no longer once another has it',
    async run({ storage, another, kill }) {
      await storage.open(boot(1));
      await storage.probe();
      await kill(storage);
      await (await another()).open(boot(2));
      await expectRejection(storage.probe());
    },
  },
  {
    name: 'a group that was never written is not there, and its identity is that of its first batch',
    async run({ storage }) {
      await storage.open(boot(1));
      assert.equal(await storage.load(ALPHA), undefined);
      await storage.persist([founding(ALPHA, { identity: { clusterId: hexId(9), replicaId: 7 } })]);
      assert.deepEqual((await loaded(storage)).identity, { clusterId: hexId(9), replicaId: 7 });
      await expectRejection(
        storage.persist([batch(2, { identity: { clusterId: hexId(8), replicaId: 6 } })]),
        'StoreFencedError',
      );
    },
  },
];
