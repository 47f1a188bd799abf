import { RaftError } from '../../libs/raft/src/errors/raft-error';
import {
  type ClusterStatus,
  decodeClusterStatus,
  decodeMachineEvent,
  encodeClusterStatus,
  encodeMachineEvent,
} from '../../libs/raft/src/runtime/clients/client-calls';
import { decodeDigest, decodeIndex, encodeDigest, encodeIndex } from '../../libs/raft/src/runtime/apply/digest-calls';
import { decodeError, encodeError } from '../../libs/raft/src/runtime/base/error-codec';
import {
  decodeFates,
  decodeFatesQuestion,
  encodeFates,
  encodeFatesQuestion,
} from '../../libs/raft/src/runtime/apply/fates-calls';
import {
  decodeJoin,
  decodeJoinAnswer,
  encodeJoin,
  encodeJoinAnswer,
  joinAnswer,
  type JoinRequest,
  membershipIn,
} from '../../libs/raft/src/runtime/membership/join-calls';
import * as membership from '../../libs/raft/src/runtime/membership/membership-calls';
import * as place from '../../libs/raft/src/runtime/places/place-calls';
import {
  decodeRequest,
  decodeResult,
  encodeRequest,
  encodeResult,
} from '../../libs/raft/src/runtime/requests/request-codec';
import {
  decodeChunkRequest,
  decodeOffer,
  encodeChunkRequest,
  encodeOffer,
} from '../../libs/raft/src/runtime/snapshots/snapshot-calls';
import type { CommandOutcome } from '../../libs/raft/src/state-machine/contract';
import type { RaftMachineEvent } from '../../libs/raft/src/state-machine/entries/machine-change';
import { GoldenFile } from './golden-file';
import { JOINT, SNAPSHOT } from './samples';

/** A value, how this build writes it, and how it reads the golden bytes. */
type Held = readonly [part: string, value: unknown, written: Uint8Array, read: (bytes: Uint8Array) => unknown];

function holds(subject: string, file: GoldenFile, cases: readonly Held[]): void {
  describe(`${subject}: golden bytes`, () => {
    it.each(cases)('%s: written and read as it was', (part, value, written, read) => {
      file.expectBytes(part, written);
      expect(read(file.bytes(part))).toEqual(value);
    });

    it('leaves no golden part unread', () => expect(file.unheld).toEqual([]));
  });
}

/** @returns the case of a value of a type that has an encoder and a decoder */
function held<T>(
  part: string,
  value: T,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => unknown,
): Held {
  return [part, value, encode(value), decode];
}

const OFFER = { metadata: SNAPSHOT, chunkCount: 3, sizeBytes: 100_000 };

holds(
  'A snapshot that is fetched',
  new GoldenFile('snapshot-calls.hex', 'What nodes say of a snapshot that one fetches from another.'),
  [
    held('offer', OFFER, encodeOffer, decodeOffer),
    ['chunk asked for', [30, 5, 2], encodeChunkRequest(SNAPSHOT.last, 2), decodeChunkRequest],
  ],
);

const CHANGE: membership.ChangeRequest = {
  members: [
    { name: 'n1', peer: 'h1:7001', http: 'http://h1:3000', voter: true },
    { name: 'n4', peer: 'h4:7001', voter: false, incarnation: '4'.repeat(32) },
  ],
  expectedIndex: 9,
  force: true,
  supersede: true,
  timeoutMs: 60_000,
};
const JOIN = { name: 'n4', peer: 'h4:7001', http: 'http://h4:3000', incarnation: '4'.repeat(32) };
const join = (part: string, request: JoinRequest): Held => held(part, request, encodeJoin, decodeJoin);

holds(
  'A change of the membership',
  new GoldenFile('membership-calls.hex', 'Changes of the membership that a node asks of the leader, and the answers.'),
  [
    held('change', CHANGE, membership.encodeChange, membership.decodeChange),
    held(
      'change: as little as may be',
      { members: [], force: false, timeoutMs: 1 },
      membership.encodeChange,
      membership.decodeChange,
    ),
    ['cancel', null, membership.encodeCancel(), () => null],
    held('answer to a change or cancel', { index: 12, term: 3 }, membership.encodeWritten, membership.decodeWritten),
    held(
      'address',
      { name: 'n2', peer: 'h9:7001', http: 'http://h9:3000', expectedIndex: 9 },
      membership.encodeAddress,
      membership.decodeAddress,
    ),
    held('address: as little as may be', { name: 'n2' }, membership.encodeAddress, membership.decodeAddress),
    held('answer to an address', { index: 13 }, membership.encodeAddressWritten, membership.decodeAddressWritten),
    held('transfer', 'n2', membership.encodeTransfer, membership.decodeTransfer),
    held('transfer to any', undefined, membership.encodeTransfer, membership.decodeTransfer),
    ['answer to a transfer', true, membership.encodeTransferred(), () => true],
    join('join', { ...JOIN, voter: true, rejoin: false }),
    join('join in place of an old replica', { ...JOIN, voter: true, rejoin: true }),
    join('join after a repair', { ...JOIN, voter: false, rejoin: false, repair: 'join' }),
    join('may it be repaired', { ...JOIN, voter: true, repair: 'ask' }),
    [
      'answer to a join',
      JOINT,
      encodeJoinAnswer(joinAnswer('c1', JOINT)),
      (bytes) => {
        const answer = decodeJoinAnswer(bytes);
        expect(answer.clusterId).toBe('c1');
        return membershipIn(answer);
      },
    ],
  ],
);

holds('Where a member is', new GoldenFile('place-calls.hex', 'What nodes say of where a member is.'), [
  held(
    'answer to who',
    {
      replicaId: 4,
      incarnation: '4'.repeat(32),
      bootNonce: 'b4',
      lastIndex: 40,
      http: 'http://h4:3000',
      httpChanged: true,
    },
    place.encodeWhoAnswer,
    place.decodeWhoAnswer,
  ),
  held(
    'witness',
    { replicaId: 4, number: 3, nonce: 'b3', earlier: [{ number: 2, nonce: 'b2' }], address: 'h9:7001' },
    place.encodeQuestion,
    place.decodeQuestion,
  ),
  held('answer to witness', { old: 'otherLife', match: 38, reached: true }, place.encodeWitness, place.decodeWitness),
]);

const LEADER = { id: 2, name: 'n2', peer: 'h2:7001', http: 'http://h2:3000' };
const word = (part: string, value: ClusterStatus): Held => held(part, value, encodeClusterStatus, decodeClusterStatus);
const event = (part: string, value: RaftMachineEvent): Held =>
  held(part, value, encodeMachineEvent, decodeMachineEvent);

holds(
  'What clients hear',
  new GoldenFile('client-status.hex', 'What a node tells clients: of its cluster, and of what state machines tell.'),
  [
    word('with a leader', { phase: 'running', clusterId: 'c1', term: 4, leader: LEADER }),
    word('without a leader', { phase: 'joining', clusterId: '', term: 0, leader: null }),
    event('change of a machine', {
      kind: 'change',
      index: 7,
      term: 3,
      now: 1_700_000_000_000,
      command: 'set',
      value: { map: 'm', key: 'k' },
    }),
    event('state replaced', { kind: 'replaced', index: 7 }),
  ],
);

/** toEqual compares the message of an error alone. */
function fieldsOf(error: RaftError | undefined): unknown {
  if (error === undefined) return undefined;
  const { code, message, leader, reason, details, retryAfterMs } = error;
  return { code, message, leader, reason, details, retryAfterMs };
}

const error = (part: string, value: RaftError): Held => [
  part,
  fieldsOf(value),
  encodeError(value),
  (bytes) => fieldsOf(decodeError(bytes)),
];
const HINT = { name: LEADER.name, peer: LEADER.peer, http: LEADER.http };

holds('Errors', new GoldenFile('errors.hex', 'Errors that a node answers another node or a client with.'), [
  error(
    'every field',
    new RaftError('RAFT_NOT_LEADER', 'Ask n2.', {
      leader: HINT,
      reason: 'WHY',
      details: { a: [1] },
      retryAfterMs: 500,
    }),
  ),
  // A hint that was made of a status says the replica, too.
  error('leader with its replica', new RaftError('RAFT_NOT_LEADER', 'Ask n2.', { leader: LEADER })),
  error('code and sentence alone', new RaftError('RAFT_BUSY', 'Too many wait.')),
]);

holds(
  'What nodes compare',
  new GoldenFile('node-calls.hex', 'What nodes ask each other of digests and of commands on tables.'),
  [
    held('digest asked for', 4096, encodeIndex, decodeIndex),
    held(
      'digest',
      { index: 4096, version: 7, outcomes: 0xffffffff, backed: 'b', state: 12 },
      encodeDigest,
      decodeDigest,
    ),
    held(
      'digest without state',
      { index: 4096, version: 7, outcomes: 1, backed: '', state: null },
      encodeDigest,
      decodeDigest,
    ),
    held('no digest', undefined, encodeDigest, decodeDigest),
    held('fates asked for', { machine: 'bank', indexes: [5, 6] }, encodeFatesQuestion, decodeFatesQuestion),
    held(
      'fates',
      { lastIndex: 9, schemaHash: '0123456789abcdef', mistakes: new Map([[5, '42P01']]), knownFrom: 2 },
      encodeFates,
      decodeFates,
    ),
  ],
);

const BODY = Buffer.of(1, 2, 3);
const result = (part: string, value: CommandOutcome | undefined): Held =>
  held(part, { value, index: 12 }, encodeResult, decodeResult);

holds(
  'Calls that are sent on',
  new GoldenFile('requests.hex', 'Commands and queries that a node or client sends on, and their answers.'),
  [
    held(
      'request',
      { bootNonce: 'b1', schemaVersion: 3, consistency: 'lease', body: BODY },
      encodeRequest,
      decodeRequest,
    ),
    held(
      'request: every field',
      {
        bootNonce: 'b1',
        schemaVersion: 3,
        consistency: 'stale',
        body: BODY,
        carrier: '00-trace',
        maxLagMs: 250,
        after: 9,
        caller: 'client',
      },
      encodeRequest,
      decodeRequest,
    ),
    result('result: none', undefined),
    result('result: applied', { status: 'applied', value: undefined }),
    result('result: applied with a value', { status: 'applied', value: BODY }),
    result('result: rejected', { status: 'rejected', reason: 'NO', message: 'It is not so.', details: { a: 1 } }),
    result('result: failed', { status: 'failed', message: 'It threw.' }),
    result('result: sessionExpired', { status: 'sessionExpired', message: 'It is gone.' }),
    result('result: busy', { status: 'busy', reason: 'FULL', message: 'Too many.', retryAfterMs: 10 }),
    result('result: conflict', { status: 'conflict', message: 'Another command.' }),
  ],
);
