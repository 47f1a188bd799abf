import { makeEntry } from '../../core/base/entry';
import type { PeerMessage } from '../../transport/contract';

const header = {
  clusterId: 'c1',
  groupId: 'default',
  from: 1,
  to: 2,
  incarnation: 'i1',
  term: 0x2_0000_0001,
  sequence: 3,
};

/** One of each kind, with numbers above 2^32 and bytes that aren't text. */
export const SAMPLE_MESSAGES: readonly PeerMessage[] = [
  { kind: 'preVote', ...header, lastLog: { term: 1, index: 2 }, commit: { term: 1, index: 1 } },
  { kind: 'preVoteReply', ...header, granted: true, commit: { term: 1, index: 1 } },
  {
    kind: 'requestVote',
    ...header,
    lastLog: { term: 1, index: 0x1_0000_0002 },
    commit: { term: 1, index: 1 },
    leadershipTransfer: true,
  },
  { kind: 'requestVoteReply', ...header, granted: false, commit: { term: 0, index: 0 } },
  {
    kind: 'appendEntries',
    ...header,
    prev: { term: 1, index: 4 },
    entries: [
      makeEntry(5, 2, { kind: 'noop', schemaVersion: 0, data: new Uint8Array() }),
      makeEntry(6, 2, { kind: 'command', schemaVersion: 3, data: Uint8Array.of(0, 255, 10, 13, 128) }),
    ],
    leaderCommit: 4,
    acknowledged: 3,
  },
  {
    kind: 'appendEntriesReply',
    ...header,
    accepted: false,
    matchIndex: 0,
    rejectedIndex: 4,
    hint: { term: 1, index: 3 },
  },
  { kind: 'heartbeat', ...header, commit: 4, round: 8, sentAtMs: 12.25, leaderCommit: 5, echoMs: -1, quorumAgeMs: 0.5 },
  {
    kind: 'heartbeatReply',
    ...header,
    round: 8,
    sentAtMs: 12.25,
    repliedAtMs: 99.75,
    storeStalls: false,
    appliedIndex: 4,
  },
  { kind: 'installSnapshot', ...header, required: { term: 2, index: 0x1_0000_0003 } },
  { kind: 'installSnapshotReply', ...header, matchIndex: 0x1_0000_0004 },
  { kind: 'timeoutNow', ...header },
  { kind: 'timeoutNowReply', ...header, accepted: true },
  {
    kind: 'founder',
    groupId: 'default',
    founder: 'left',
    incarnation: 'i1',
    initialCluster: {
      clusterId: 'c1',
      configuration: {
        members: [{ id: 1, name: 'left', peer: 'left:1', http: '', incarnation: 'i1' }],
        voters: [1],
        outgoing: [],
        learners: [],
        learnersNext: [],
        autoLeave: false,
        target: { voters: [1], learners: [], catchUpTimeoutMs: 60_000, deadlineMs: null, endsMs: null },
        added: [],
        nextReplicaId: 2,
      },
    },
  },
  {
    kind: 'request',
    groupId: 'default',
    id: 7,
    method: 'propose',
    timeoutMs: 1500,
    body: Uint8Array.of(0, 1, 254, 255),
  },
  { kind: 'response', groupId: 'default', id: 7, ok: false, body: new Uint8Array() },
];
