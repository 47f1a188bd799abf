import type { LoadedGroup, StoredSnapshot } from './contract';
import { loadIntact } from './checked-load';
import { chunksOf, configurationOf, entry, hexId } from '../testing/storage-conformance/sample-writes';

const INTACT: LoadedGroup = {
  identity: { clusterId: hexId(0xc1), replicaId: 2 },
  hardState: { term: 5, votedFor: 3 },
  commitIndex: 12,
  lastBatch: 9,
  snapshot: { index: 10, term: 3 },
  lastIndex: 14,
  terms: [
    { firstIndex: 11, term: 3 },
    { firstIndex: 13, term: 5 },
  ],
  configuration: { index: 4, configuration: configurationOf(1, 2, 3) },
  configurationEntries: [],
};

const snapshotAt = (index: number, term: number, configurationIndex = 4): StoredSnapshot => ({
  metadata: {
    last: { index, term },
    configuration: { index: configurationIndex, configuration: configurationOf(1, 2, 3) },
    format: 1,
  },
  chunkCount: 0,
  sizeBytes: 0,
  chunks: chunksOf(),
});

const load = (group: LoadedGroup | undefined, snapshot: StoredSnapshot | undefined) =>
  loadIntact({ load: async () => group, readSnapshot: async () => snapshot }, 'default');

describe('what a store gives at start', () => {
  it.each([
    ['a log behind its snapshot', INTACT, snapshotAt(10, 3)],
    ['a snapshot within the log', INTACT, snapshotAt(12, 3)],
    ['an install that a crash cut off: a snapshot beyond the log', INTACT, snapshotAt(40, 6)],
    ['an install that a crash cut off: a snapshot that the uncommitted tail contradicts', INTACT, snapshotAt(13, 4)],
    [
      'a log without a snapshot',
      { ...INTACT, snapshot: { index: 0, term: 0 }, terms: [{ firstIndex: 1, term: 3 }] },
      undefined,
    ],
    [
      'a log that was cut at a snapshot of a later term, before that term was written',
      { ...INTACT, snapshot: { index: 14, term: 6 }, terms: [], commitIndex: 14 },
      snapshotAt(14, 6),
    ],
  ])('is taken where it is %s', async (_what, group, snapshot) => {
    await expect(load(group, snapshot)).resolves.toEqual({ group, snapshot });
  });

  it('is nothing where nothing was written', async () => {
    await expect(load(undefined, undefined)).resolves.toBeUndefined();
  });

  it.each([
    ['a lost snapshot', INTACT, undefined, /begins at entry 11, and the snapshot of what came before is gone/],
    ['a snapshot that ends before the log begins', INTACT, snapshotAt(7, 3), /what lies between is gone/],
    [
      'a snapshot that contradicts what was committed',
      INTACT,
      snapshotAt(11, 4),
      /the log committed that entry in term 3/,
    ],
    ['a snapshot with a later membership', INTACT, snapshotAt(10, 3, 11), /names the membership of entry 11/],
    [
      "a stored term below the last entry's",
      { ...INTACT, hardState: { term: 4, votedFor: 0 } },
      snapshotAt(10, 3),
      /the stored term is 4, and the last entry is of term 5/,
    ],
    [
      'a vote in no term',
      { ...INTACT, hardState: { term: 0, votedFor: 2 }, lastIndex: 10, terms: [], commitIndex: 10 },
      snapshotAt(10, 3),
      /a vote for replica 2, and no term/,
    ],
    ['a commit index beyond the log', { ...INTACT, commitIndex: 15 }, snapshotAt(10, 3), /up to 15 were committed/],
    [
      'a membership beyond the log',
      { ...INTACT, configuration: { ...INTACT.configuration, index: 20 } },
      snapshotAt(10, 3),
      /its membership is of entry 20/,
    ],
    [
      'terms that go back',
      { ...INTACT, terms: [INTACT.terms[0]!, { firstIndex: 13, term: 2 }] },
      snapshotAt(10, 3),
      /terms of its entries don't fit/,
    ],
    ['terms that leave a gap', { ...INTACT, terms: INTACT.terms.slice(1) }, snapshotAt(10, 3), /terms of its entries/],
    ['a negative index', { ...INTACT, commitIndex: -1 }, snapshotAt(10, 3), /no index, term or replica/],
    [
      'a log that ends before it begins',
      { ...INTACT, lastIndex: 9, terms: [], commitIndex: 9 },
      snapshotAt(10, 3),
      /ends at 9, before it begins at 11/,
    ],
    [
      'a changed configuration entry',
      { ...INTACT, configurationEntries: [{ ...entry(13, 5, { kind: 'configuration' }), term: 4 }] },
      snapshotAt(10, 3),
      /entry 13 isn't what was written/,
    ],
  ])('is refused where it has %s', async (_what, group, snapshot, sentence) => {
    await expect(load(group, snapshot)).rejects.toMatchObject({
      name: 'StoreCorruptError',
      message: expect.stringMatching(sentence) as string,
    });
  });
});
