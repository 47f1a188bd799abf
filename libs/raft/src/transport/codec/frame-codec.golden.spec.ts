import { makeEntry } from '../../core/base/entry';
import { decodeFrame, encodeFrame } from './frame-codec';
import type { Frame, FrameKind } from './frame-kinds';

const header = {
  clusterId: 'c1',
  groupId: 'default',
  incarnation: 'i1',
  from: 1,
  to: 2,
  term: 0x1_0000_0005,
  sequence: 9,
};

const configuration = {
  members: [
    {
      id: 1,
      name: 'n1',
      peer: 'h1:7001',
      http: 'http://h1:3000',
      incarnation: 'a1',
    },
    { id: 2, name: 'n2', peer: 'h2:7001', http: '', incarnation: 'a2' },
  ],
  voters: [1],
  outgoing: [],
  learners: [2],
  learnersNext: [],
  autoLeave: false,
  target: { voters: [1, 2], learners: [], catchUpTimeoutMs: 60_000, deadlineMs: null, endsMs: null },
  added: [],
  nextReplicaId: 3,
};

/** One frame of each kind, and the bytes that it has had since version 1. They never change. */
const GOLDEN: { readonly [Kind in FrameKind]: [Frame & { kind: Kind }, string] } = {
  preVote: [
    { kind: 'preVote', ...header, lastLog: { term: 3, index: 7 }, commit: { term: 2, index: 6 } },
    '00000057010173f74f2800026331000764656661756c740002693100000000000000010000000000000002000000010000000500000000000000090000000000000003000000000000000700000000000000020000000000000006',
  ],
  preVoteReply: [
    { kind: 'preVoteReply', ...header, granted: true, commit: { term: 2, index: 6 } },
    '0000004801020beb0bd600026331000764656661756c740002693100000000000000010000000000000002000000010000000500000000000000090100000000000000020000000000000006',
  ],
  requestVote: [
    {
      kind: 'requestVote',
      ...header,
      lastLog: { term: 3, index: 7 },
      commit: { term: 2, index: 6 },
      leadershipTransfer: true,
    },
    '000000580103439f71b400026331000764656661756c74000269310000000000000001000000000000000200000001000000050000000000000009000000000000000300000000000000070000000000000002000000000000000601',
  ],
  requestVoteReply: [
    { kind: 'requestVoteReply', ...header, granted: false, commit: { term: 2, index: 6 } },
    '000000480104534530b000026331000764656661756c740002693100000000000000010000000000000002000000010000000500000000000000090000000000000000020000000000000006',
  ],
  appendEntries: [
    {
      kind: 'appendEntries',
      ...header,
      prev: { term: 3, index: 7 },
      entries: [
        makeEntry(8, 4, { kind: 'noop', schemaVersion: 0, data: new Uint8Array() }),
        makeEntry(9, 5, { kind: 'command', schemaVersion: 2, data: Uint8Array.of(1, 2, 250) }),
      ],
      leaderCommit: 7,
      acknowledged: 6,
    },
    '0000008c0105b741b4ae0000007f00026331000764656661756c74000269310000000000000001000000000000000200000001000000050000000000000009000000000000000300000000000000070000000000000007000000000000000600000002000000000000000400000100006dec92590000000000000000000000050200010002010755da000000030102fa',
  ],
  appendEntriesReply: [
    {
      kind: 'appendEntriesReply',
      ...header,
      accepted: false,
      matchIndex: 0,
      rejectedIndex: 7,
      hint: { term: 2, index: 6 },
    },
    '000000580106f707bf3700026331000764656661756c74000269310000000000000001000000000000000200000001000000050000000000000009000000000000000000000000000000000700000000000000020000000000000006',
  ],
  heartbeat: [
    {
      kind: 'heartbeat',
      ...header,
      commit: 6,
      round: 12,
      sentAtMs: 1234.5,
      leaderCommit: 8,
      echoMs: 77.5,
      quorumAgeMs: 2,
    },
    '0000006701073c2efb7300026331000764656661756c740002693100000000000000010000000000000002000000010000000500000000000000090000000000000006000000000000000c40934a0000000000000000000000000840536000000000004000000000000000',
  ],
  heartbeatReply: [
    {
      kind: 'heartbeatReply',
      ...header,
      round: 12,
      sentAtMs: 1234.5,
      repliedAtMs: 77.5,
      storeStalls: true,
      appliedIndex: 5,
    },
    '0000005801087966e7c900026331000764656661756c74000269310000000000000001000000000000000200000001000000050000000000000009000000000000000c40934a00000000004053600000000000010000000000000005',
  ],
  installSnapshot: [
    { kind: 'installSnapshot', ...header, required: { term: 3, index: 7 } },
    '0000004701095e30260b00026331000764656661756c7400026931000000000000000100000000000000020000000100000005000000000000000900000000000000030000000000000007',
  ],
  installSnapshotReply: [
    { kind: 'installSnapshotReply', ...header, matchIndex: 7 },
    '0000003f010ad7fb416900026331000764656661756c740002693100000000000000010000000000000002000000010000000500000000000000090000000000000007',
  ],
  timeoutNow: [
    { kind: 'timeoutNow', ...header },
    '00000037010ba6fb987500026331000764656661756c74000269310000000000000001000000000000000200000001000000050000000000000009',
  ],
  timeoutNowReply: [
    { kind: 'timeoutNowReply', ...header, accepted: true },
    '00000038010c4b01ce4900026331000764656661756c7400026931000000000000000100000000000000020000000100000005000000000000000901',
  ],
  founder: [
    {
      kind: 'founder',
      groupId: 'default',
      founder: 'n1',
      incarnation: 'a1',
      initialCluster: { clusterId: 'c1', configuration },
    },
    '000000ae0120a74ea3e8000764656661756c7400026e3100026131010002633100000002000000000000000100026e31000768313a37303031000e687474703a2f2f68313a3330303000026131000000000000000200026e32000768323a373030310000000261320000000100000000000000010000000000000001000000000000000200000000000100000002000000000000000100000000000000020000000040ed4c00000000000000000000000003',
  ],
  request: [
    { kind: 'request', groupId: 'default', id: 77, method: 'propose', timeoutMs: 2500, body: Uint8Array.of(1, 2, 3) },
    '0000002b012122f8bbfd000764656661756c74000000000000004d000770726f706f736540a3880000000000010203',
  ],
  response: [
    { kind: 'response', groupId: 'default', id: 77, ok: true, body: Uint8Array.of(4, 5) },
    '0000001a0122830abba3000764656661756c74000000000000004d010405',
  ],
  greeting: [
    {
      kind: 'greeting',
      protocol: { min: 4, max: 5 },
      role: 'client',
      challenge: Uint8Array.of(7, 8, 9),
      asksForProof: true,
    },
    '0000003001406da197d4000400050000000000000000000000000000000000000000000000000000000000000000030708090101',
  ],
  hello: [
    {
      kind: 'hello',
      hello: {
        protocol: { min: 3, max: 3 },
        clusterName: 'shop',
        clusterId: 'c1',
        nodeName: 'n1',
        replicaId: 1,
        incarnation: 'a1',
        bootNonce: 'b2',
        epoch: 3,
        earlierBoots: [{ number: 2, nonce: 'b1' }],
        knownBoots: [{ replicaId: 4, number: 9, nonce: 'd9' }],
        advertise: 'h1:7001',
      },
      seal: Uint8Array.of(7, 8, 9),
    },
    '000000620146507c0e6500030003000473686f700002633100026e31000000000000000100026131000262320000000000000003000100000000000000020002623100010000000000000004000000000000000900026439000768313a373030310003070809',
  ],
  proof: [{ kind: 'proof', proof: Uint8Array.of(1, 2, 3, 4) }, '0000000b0141b31b0fd40401020304'],
  admitted: [{ kind: 'admitted' }, '000000060142428382ee'],
  refuse: [
    { kind: 'refuse', sentence: 'not of this cluster: überall' },
    '000000250143e70ff838001d6e6f74206f66207468697320636c75737465723a20c3bc626572616c6c',
  ],
  ping: [{ kind: 'ping' }, '00000006014464226506'],
  pong: [{ kind: 'pong' }, '0000000601459649e605'],
};

/** As a build of the first version wrote it: cluster, node, incarnation and lives stood in the first frame. */
const VERSION_1_HELLO =
  '00000061014074722dc900010001000473686f700002633100026e31000000000000000100026131000262320000000000000003000100000000000000020002623100010000000000000004000000000000000900026439000768313a3730303103070809';

describe('the wire format', () => {
  it.each(Object.values(GOLDEN))('has kept its bytes: $kind', (frame, hex) => {
    const bytes = encodeFrame(frame);

    expect(bytes.toString('hex')).toBe(hex);
    expect(decodeFrame({ buffer: bytes, shared: true }, 4, bytes.length)).toEqual(frame);
  });

  it('reads the hello of a build of version 1 as a greeting of that version, and nothing of what it says of its cluster', () => {
    const bytes = Buffer.from(VERSION_1_HELLO, 'hex');
    expect(decodeFrame({ buffer: bytes, shared: true }, 4, bytes.length)).toEqual({
      kind: 'greeting',
      protocol: { min: 1, max: 1 },
      role: 'peer',
      challenge: Uint8Array.of(7, 8, 9),
      asksForProof: false,
    });
  });
});
