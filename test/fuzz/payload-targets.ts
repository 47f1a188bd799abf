import { encodeConfiguration, decodeConfiguration } from '../../libs/raft/src/core/membership/configuration-codec';
import { InvariantError } from '../../libs/raft/src/core/base/invariant';
import { RaftError } from '../../libs/raft/src/errors/raft-error';
import { decodeError, encodeError } from '../../libs/raft/src/runtime/base/error-codec';
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
import { decodeClock, encodeClock } from '../../libs/raft/src/state-machine/entries/clock-entry';
import { MalformedBytesError, UnknownFormatError } from '../../libs/raft/src/state-machine/codec/codec-errors';
import {
  decodeCommand,
  encodeCommand,
  isRepeatable,
  readCommandName,
  relayedCommand,
  stampCommandTime,
} from '../../libs/raft/src/state-machine/entries/command-envelope';
import { decodeClusterVersion } from '../../libs/raft/src/state-machine/entries/cluster-version-entry';
import { decodeQuery, encodeQuery } from '../../libs/raft/src/state-machine/entries/query-envelope';
import {
  decodeSessionOperation,
  encodeSessionOperation,
} from '../../libs/raft/src/state-machine/entries/session-entry';
import { decodeValue, encodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';
import type { FuzzTarget } from './target';

/** Decoders that read one payload each, with what they read. */
type Reader = readonly [samples: readonly Uint8Array[], read: (bytes: Uint8Array) => unknown];

const VALUE = {
  text: 'überall',
  numbers: [0, -1, 1.5, 2 ** 53, Number.NaN, 10n ** 30n],
  nothing: [null, undefined, true, false],
  nested: new Map<unknown, unknown>([
    ['a', new Set([1, 2, 3])],
    [3, new Date(0)],
  ]),
  bytes: Uint8Array.of(0, 255, 128),
};

const SESSION = { clientId: '1-77', sequence: 9, ackedThrough: 4 };

const CONFIGURATION = {
  members: [
    { id: 1, name: 'n1', peer: 'h1:7001', http: 'http://h1:3000', incarnation: 'a1' },
    { id: 2, name: 'n2', peer: 'h2:7001', http: '', incarnation: 'a2' },
  ],
  voters: [1],
  outgoing: [],
  learners: [2],
  learnersNext: [],
  autoLeave: false,
  target: null,
  added: [],
  nextReplicaId: 3,
};

const COMMANDS: readonly Reader[] = [
  [
    [
      encodeCommand({ machine: 'ledger', command: 'add', args: [VALUE] }),
      encodeCommand({ machine: 'ledger', command: 'add', args: ['x', 7], session: SESSION }),
      encodeCommand({ machine: 'ledger', command: 'add', args: [], idempotencyKey: 'order 17' }),
    ],
    (bytes) => {
      readCommandName(bytes);
      isRepeatable(bytes);
      relayedCommand(bytes, SESSION);
      const copy = Uint8Array.from(bytes);
      stampCommandTime(copy, 1_700_000_000_000);
      decodeCommand(copy);
    },
  ],
  [[encodeValue(VALUE), encodeValue(['a', 1])], decodeValue],
  [
    [
      encodeSessionOperation({ kind: 'open', ttlMs: 60_000, nonce: 77 }),
      encodeSessionOperation({ kind: 'keepAlive', clientId: '1-77', ackedThrough: 5 }),
      encodeSessionOperation({ kind: 'close', clientId: '1-77' }),
    ],
    decodeSessionOperation,
  ],
  [[encodeClock(1_700_000_000_000)], decodeClock],
  [[Uint8Array.of(0, 0, 0, 1), Uint8Array.of(1)], decodeClusterVersion],
  [[encodeConfiguration(CONFIGURATION)], decodeConfiguration],
];

const NONCE = { bootNonce: 'the-life-that-is-meant', schemaVersion: 7 };

const REQUESTS: readonly Reader[] = [
  [
    [
      encodeRequest({ ...NONCE, consistency: 'linearizable', body: Uint8Array.of(1, 2, 3) }),
      encodeRequest({ ...NONCE, consistency: 'lease', body: Uint8Array.of(9), carrier: '00-trace-span-01' }),
      encodeRequest({ ...NONCE, consistency: 'stale', body: Uint8Array.of(9), maxLagMs: 50, after: 12 }),
    ],
    decodeRequest,
  ],
  [
    [
      encodeResult({ index: 7, term: 2, value: { status: 'applied', value: Uint8Array.of(1) } } as never),
      encodeResult({ index: 7, term: 2, value: { status: 'applied' } } as never),
    ],
    decodeResult,
  ],
  [[encodeError(new RaftError('RAFT_BUSY', 'too much', { retryAfterMs: 20 }))], decodeError],
  [
    [
      encodeOffer({
        metadata: { last: { index: 9, term: 2 }, configuration: { index: 1, configuration: CONFIGURATION }, format: 2 },
        chunkCount: 3,
        sizeBytes: 9000,
      }),
    ],
    decodeOffer,
  ],
  [[encodeChunkRequest({ index: 9, term: 2 }, 1)], decodeChunkRequest],
  [[encodeQuery({ machine: 'm', query: 'q', args: [VALUE] })], decodeQuery],
];

function targetOf(name: string, readers: readonly Reader[]): FuzzTarget {
  let read: Reader[1] = () => undefined;
  return {
    name,
    next: (mutator) => {
      const reader = mutator.pick(readers);
      [, read] = reader;
      return mutator.mutated(reader[0]);
    },
    read: (bytes) => void read(bytes),
    isRefusal: (error) =>
      error instanceof MalformedBytesError ||
      error instanceof UnknownFormatError ||
      error instanceof InvariantError ||
      error instanceof RaftError,
  };
}

export function commandTarget(): FuzzTarget {
  return targetOf('commands', COMMANDS);
}

export function requestTarget(): FuzzTarget {
  return targetOf('requests', REQUESTS);
}
