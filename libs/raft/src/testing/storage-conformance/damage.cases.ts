import { strict as assert } from 'node:assert';
import type { RaftStorage } from '../../storage/contract';
import { loadIntact } from '../../storage/checked-load';
import { bytesOf, expectRejection, loaded } from './expectations';
import {
  ALPHA,
  batch,
  BETA,
  boot,
  chunksOf,
  dataOf,
  entries,
  founding,
  hexId,
  openWithLog,
  snapshotMetadata,
} from './sample-writes';
import type { StorageConformanceCase, StorageUnderTest } from './storage-under-test';

export const DAMAGE_CASES: readonly StorageConformanceCase[] = [
  {
    name: 'an entry of an unknown kind stops the reader',
    needs: 'damage',
    run: (under) => readsDamage(under, 'kind'),
  },
  {
    name: 'an entry in an unknown format stops the reader',
    needs: 'damage',
    run: (under) => readsDamage(under, 'format'),
  },
  {
    name: 'an entry whose bytes changed stops the reader',
    needs: 'damage',
    run: (under) => readsDamage(under, 'data'),
  },
  {
    name: 'a log with a missing entry is not loaded',
    needs: 'damage',
    run: (under) => refusesLogWithout(under, 3),
  },
  {
    name: 'a log whose first entry is missing is not loaded',
    needs: 'damage',
    run: (under) => refusesLogWithout(under, 1),
  },
  {
    name: 'a log whose last entry is missing is not loaded',
    needs: 'damage',
    run: (under) => refusesLogWithout(under, 5),
  },
  {
    name: 'a vote that changed is not loaded',
    needs: 'damageState',
    run: (under) => refusesState(under, 'vote'),
  },
  {
    name: 'a commit index that changed is not loaded',
    needs: 'damageState',
    run: (under) => refusesState(under, 'commit'),
  },
  {
    name: 'a configuration that changed is not loaded',
    needs: 'damageState',
    run: (under) => refusesState(under, 'configuration'),
  },
  {
    name: 'a log that begins behind a snapshot which is gone is not loaded',
    needs: 'damageState',
    run: (under) => refusesState(under, 'snapshot'),
  },
  {
    name: 'a snapshot of which a chunk is gone is not read',
    needs: 'damageState',
    run: (under) => refusesState(under, 'chunk'),
  },
  {
    name: 'a store that is set aside is kept, and leaves an empty one with the notes that it was given',
    async run({ storage, another, damageState }) {
      await writeCutLog(storage);
      await damageState?.('vote');
      const aside = await another();
      // A storage may go without.
      if (aside.setAside === undefined) return;
      const owner = { nodeName: 'n1', newIncarnation: hexId(0x77), notes: '{"repaired":true}', label: '0badcafe' };
      await expectRejection(aside.setAside({ ...owner, nodeName: 'n2' }), 'StoreOwnerError');
      assert.notEqual(await aside.setAside(owner), '');
      const identity = await aside.open(boot(2));
      assert.deepEqual(
        [identity.incarnation, identity.notes, identity.previousBootNonce, identity.takenOver, identity.epoch],
        [hexId(0x77), '{"repaired":true}', null, false, 1],
      );
      assert.equal(await aside.load(ALPHA), undefined);
      assert.equal(await aside.readSnapshot(ALPHA), undefined);
      await aside.persist([founding(), founding(BETA)]);
      const locked = await another();
      await expectRejection(locked.setAside!({ ...owner, label: '0badbeef' }), 'StoreLockedError');
      await aside.close();
      const next = await another();
      assert.equal((await next.open(boot(3))).incarnation, hexId(0x77));
      assert.equal((await loaded(next)).lastIndex, 0);
    },
  },
  {
    name: 'what is intact is loaded, after a cut and a snapshot too',
    async run({ storage, another }) {
      await writeCutLog(storage);
      const next = await another();
      assert.equal(await readAll(next), 4);
    },
  },
];

async function readsDamage({ storage, another, damage }: StorageUnderTest, what: 'kind' | 'format' | 'data') {
  await openWithLog(storage, [5, 1]);
  await storage.close();
  await damage?.(3, what);
  const next = await another();
  await next.open(boot(2));
  assert.equal((await loaded(next)).lastIndex, 5);
  await expectRejection(next.entries(ALPHA, 1, 5, 1 << 20), 'StoreCorruptError');
}

async function refusesLogWithout({ storage, another, damage }: StorageUnderTest, index: number): Promise<void> {
  await openWithLog(storage, [5, 1]);
  await storage.close();
  await damage?.(index, 'missing');
  await expectRejection(readAll(await another()), 'StoreCorruptError');
}

async function refusesState(
  { storage, another, damageState }: StorageUnderTest,
  what: Parameters<NonNullable<StorageUnderTest['damageState']>>[0],
): Promise<void> {
  await writeCutLog(storage);
  await damageState?.(what);
  await expectRejection(readAll(await another()), 'StoreCorruptError');
}

/** A snapshot of entry 4 in four chunks, the log behind it, and a commit index of 5. */
async function writeCutLog(storage: RaftStorage): Promise<void> {
  await openWithLog(storage, [6, 1]);
  await storage.persist([batch(3, { entries: entries(7, 7, 1), commitIndex: 5, hardState: { term: 2, votedFor: 1 } })]);
  const chunks = Array.from({ length: 4 }, (_, at) => dataOf(at, 1, 30_000));
  await storage.writeSnapshot(ALPHA, snapshotMetadata(4, 1), chunksOf(...chunks));
  await storage.compact(ALPHA, { index: 4, term: 1 });
  await storage.close();
}

/** Starts as a node does, and reads the snapshot. @returns how many chunks it has */
async function readAll(storage: RaftStorage): Promise<number | undefined> {
  await storage.open(boot(2));
  const { snapshot } = (await loadIntact(storage, ALPHA))!;
  if (snapshot !== undefined) await bytesOf(snapshot.chunks);
  return snapshot?.chunkCount;
}
