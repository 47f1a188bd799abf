import { crc32c } from '../core/base/checksum';
import type { Configuration } from '../core/base/configuration';
import { hexId } from '../testing/storage-conformance/sample-writes';
import { canonicalJson, checksumOf, snapshotChecksum, stateChecksum, summedBytes } from './state-checksum';
import { batchChecksum, groupChecksum, snapshotRowChecksum } from './typeorm/statements/group-row';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** As the first build with checksums wrote it: a field that is added later is in no earlier row. */
function configurationOf(...voters: number[]): Configuration {
  const members = voters.map((id) => ({
    id,
    name: `n${id}`,
    peer: `n${id}:7001`,
    http: `http://n${id}:3000`,
    incarnation: hexId(id),
  }));
  const rest = { outgoing: [], learners: [], learnersNext: [], autoLeave: true, target: null };
  return { members, voters, ...rest, nextReplicaId: Math.max(...voters) + 1 } as unknown as Configuration;
}

const snapshotMetadata = (index: number, term: number) => ({
  last: { index, term },
  configuration: { index: 0, configuration: configurationOf(1, 2) },
  format: 1,
});

const STATE = {
  identity: { clusterId: hexId(0xc1), replicaId: 2 },
  hardState: { term: 7, votedFor: 3 },
  commitIndex: 40,
  lastBatch: 12,
  snapshot: { index: 30, term: 5 },
  lastIndex: 44,
  configuration: { index: 9, configuration: configurationOf(1, 2) },
};

describe('the checksum of what is stored beside entries and chunks', () => {
  it('is over these bytes', () => {
    const bytes = summedBytes([1, 'äb', 2 ** 53 - 1, '']);
    expect(hex(bytes)).toBe('010000000000000003000000c3a462ffffffffffff1f0000000000');
    expect(checksumOf([1, 'äb', 2 ** 53 - 1, ''])).toBe(crc32c(0, bytes));
  });

  it('is this for these states: another number would refuse what earlier builds wrote', () => {
    expect({
      state: stateChecksum('alpha', STATE),
      snapshot: snapshotChecksum('alpha', snapshotMetadata(30, 5), 4),
      batch: batchChecksum({ groupId: 1, number: 12, epoch: 3, commitIndex: 40, lastIndex: 44, generation: 1 }),
      group: groupChecksum(
        1,
        {
          name: 'alpha',
          clusterId: hexId(0xc1),
          replicaId: 2,
          hardState: STATE.hardState,
          configurationIndex: 9,
          configuration: canonicalJson(configurationOf(1, 2)),
          snapshotId: 6,
        },
        STATE.snapshot,
        1,
      ),
      snapshotRow: snapshotRowChecksum(
        6,
        1,
        {
          last: { index: 30, term: 5 },
          format: 1,
          configurationIndex: 0,
          configuration: canonicalJson(configurationOf(1, 2)),
        },
        4,
        120_000,
      ),
    }).toMatchInlineSnapshot(`
      {
        "batch": 488337142,
        "group": 1205912811,
        "snapshot": 2187465257,
        "snapshotRow": 1334094321,
        "state": 3510060970,
      }
    `);
  });

  it('does not depend on the order in which a store keeps the fields of a configuration', () => {
    const { members, ...rest } = STATE.configuration.configuration;
    const reordered = { ...rest, members: members.map(({ id, ...member }) => ({ ...member, id })) };
    expect(canonicalJson(reordered)).toBe(canonicalJson(STATE.configuration.configuration));
  });

  it.each([
    ['the vote', { hardState: { term: 7, votedFor: 1 } }],
    ['the term', { hardState: { term: 6, votedFor: 3 } }],
    ['the commit index', { commitIndex: 41 }],
    ['the number of the last batch', { lastBatch: 13 }],
    ['where the log begins', { snapshot: { index: 31, term: 5 } }],
    ['where the log ends', { lastIndex: 45 }],
    ['whose it is', { identity: { clusterId: hexId(0xc1), replicaId: 3 } }],
    ['the configuration', { configuration: { index: 9, configuration: configurationOf(1, 2, 3) } }],
  ])('changes with %s', (_what, change) => {
    expect(stateChecksum('alpha', { ...STATE, ...change })).not.toBe(stateChecksum('alpha', STATE));
  });
});
