import type { Configuration } from '../../libs/raft/src/core/base/configuration';
import {
  configurationOf,
  decodeConfiguration,
  encodeConfiguration,
} from '../../libs/raft/src/core/membership/configuration-codec';
import { encodeNotes, decodeNotes, type Notes, NO_NOTES } from '../../libs/raft/src/runtime/store/notes';
import { decodeHead, encodeHead } from '../../libs/raft/src/state-machine/typeorm/tables-snapshot-format';
import { snapshotChecksum, stateChecksum, summedConfiguration } from '../../libs/raft/src/storage/state-checksum';
import { groupChecksum, rowAfter, snapshotRowChecksum } from '../../libs/raft/src/storage/typeorm/statements/group-row';
import { storedConfiguration } from '../../libs/raft/src/storage/typeorm/statements/stored-configuration';
import { GoldenFile } from './golden-file';
import { CHANGING, JOINT, SNAPSHOT } from './samples';

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

describe('A membership, as it is stored', () => {
  const file = new GoldenFile(
    'configuration.txt',
    'Memberships: the data of a configuration entry, and what is stored of them beside the log.',
  );
  const cases: readonly (readonly [string, Configuration])[] = [
    ['a change that waits', CHANGING],
    ['joint', JOINT],
  ];

  it.each(cases)('is written as it was: %s', (name, configuration) => {
    file.expectText(`entry: ${name}`, textOf(encodeConfiguration(configuration)));
    file.expectText(`canonical: ${name}`, summedConfiguration(configuration));
  });

  it.each(cases)('is read from what was written: %s', (name, configuration) => {
    const entry = file.textOf(`entry: ${name}`);
    expect(decodeConfiguration(Buffer.from(entry, 'utf8'))).toEqual(configuration);
    expect(storedConfiguration('default', file.textOf(`canonical: ${name}`))).toEqual(configuration);
  });

  it('is written in one order of fields, in whatever order they were read', () => {
    const reordered = configurationOf(JSON.parse(file.textOf('canonical: a change that waits')));
    file.expectText('entry: a change that waits', textOf(encodeConfiguration(reordered)));
  });

  it('has the checksums that it had', () => {
    const { last, format, configuration } = SNAPSHOT;
    const hardState = { term: 7, votedFor: 3 };
    const identity = { clusterId: 'c1', replicaId: 2 };
    const bounds = { commitIndex: 40, lastBatch: 12, snapshot: last, lastIndex: 44 };
    file.expectText(
      'checksum: hard state',
      String(stateChecksum('default', { identity, hardState, configuration, ...bounds })),
    );
    file.expectText('checksum: snapshot', String(snapshotChecksum('default', SNAPSHOT, 3)));
    const stored = {
      last,
      format,
      configurationIndex: configuration.index,
      configuration: summedConfiguration(configuration.configuration),
    };
    file.expectText('checksum: row of a snapshot', String(snapshotRowChecksum(6, 1, stored, 3, 1000)));
    const write = { group: 'default', number: 1, identity, hardState, commitIndex: 0, entries: [], configuration };
    file.expectText('checksum: row of a group', String(groupChecksum(1, rowAfter(undefined, write), last, 1)));
  });

  it('leaves no golden part unread', () => expect(file.unheld).toEqual([]));
});

describe('What a node notes beside the log', () => {
  const file = new GoldenFile(
    'notes.txt',
    'What a node keeps in its store beside the log: its starts, and what it knows of others.',
  );
  const all: Notes = {
    lives: [
      { number: 2, nonce: 'a2' },
      { number: 1, nonce: 'a1' },
    ],
    known: [{ replicaId: 2, number: 7, nonce: 'b7' }],
    quarantine: 'it is a copy',
    places: [{ replicaId: 3, address: 'h3:7002' }],
    http: 'http://h1:3000',
    metCluster: 'c1',
    replacedAtMs: 1_700_000_000_000,
  };

  it.each<[string, Notes]>([
    ['first start', { ...NO_NOTES, lives: [{ number: 1, nonce: 'a1' }] }],
    ['all that may be noted', all],
    ['of a repair', { ...NO_NOTES, repair: { clusterId: 'c1', label: 'abcdef01', through: ['h2:7001'] } }],
  ])('is written and read as it was: %s', (name, notes) => {
    file.expectText(name, encodeNotes(notes));
    expect(decodeNotes(file.textOf(name))).toEqual(notes);
  });

  it('leaves no golden part unread', () => expect(file.unheld).toEqual([]));
});

describe('The head of tables in a snapshot', () => {
  const file = new GoldenFile('tables-head.hex', 'The head of the tables in a snapshot.');
  const head = {
    tables: [{ name: 'account', columns: ['owner', 'cents'] }],
    sequences: [{ value: '7', called: true }],
    hash: '12345',
    shape: 's1',
    maintained: 2,
  };

  it('is written and read as it was', () => {
    file.expectBytes('head', encodeHead(head));
    expect(decodeHead(file.bytes('head'))).toEqual(head);
    expect(file.unheld).toEqual([]);
  });
});
