import fc from 'fast-check';
import { crc32c } from '../../core/base/checksum';
import { ENTRY_KIND_CODES, makeEntry, type EntryKind } from '../../core/base/entry';
import type { AppendEntries } from '../../core/base/messages';
import { decodeFrame, encodeFrame } from './frame-codec';
import type { Frame } from './frame-kinds';
import { FrameReader } from './frame-reader';
import { ProtocolError } from './protocol-error';

const safe = fc.oneof(
  fc.nat(),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(0, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER),
);
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const logId = fc.record({ term: safe, index: safe });
const milliseconds = fc.double({ noNaN: true, noDefaultInfinity: true });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const headerFields = {
  clusterId: text,
  groupId: text,
  from: safe,
  to: safe,
  incarnation: text,
  term: safe,
  sequence: safe,
};
const ids = fc.array(safe, { maxLength: 4 });
const member = fc.record({
  id: safe,
  name: text,
  peer: text,
  http: text,
  incarnation: text,
});

const appendEntries: fc.Arbitrary<AppendEntries> = fc
  .record({
    ...headerFields,
    prev: fc.record({
      term: safe,
      index: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 10 }),
    }),
    leaderCommit: safe,
    acknowledged: safe,
    proposals: fc.array(
      fc.record({
        kind: fc.constantFrom(...(Object.keys(ENTRY_KIND_CODES) as EntryKind[])),
        schemaVersion: fc.nat(0xffff),
        data: bytes(300),
      }),
      { maxLength: 6 },
    ),
  })
  .map(({ proposals, ...rest }) => ({
    kind: 'appendEntries' as const,
    ...rest,
    entries: proposals.map((proposal, position) => makeEntry(rest.prev.index + 1 + position, rest.term, proposal)),
  }));

const frames: fc.Arbitrary<Frame> = fc.oneof(
  appendEntries,
  fc.record({
    kind: fc.constant('preVote' as const),
    ...headerFields,
    lastLog: logId,
    commit: logId,
  }),
  fc.record({
    kind: fc.constant('requestVote' as const),
    ...headerFields,
    lastLog: logId,
    commit: logId,
    leadershipTransfer: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom('preVoteReply' as const, 'requestVoteReply' as const),
    ...headerFields,
    granted: fc.boolean(),
    commit: logId,
  }),
  fc.record({
    kind: fc.constant('appendEntriesReply' as const),
    ...headerFields,
    accepted: fc.boolean(),
    matchIndex: safe,
    rejectedIndex: safe,
    hint: logId,
  }),
  fc.record({
    kind: fc.constant('heartbeat' as const),
    ...headerFields,
    commit: safe,
    round: safe,
    sentAtMs: milliseconds,
    leaderCommit: safe,
    echoMs: milliseconds,
    quorumAgeMs: milliseconds,
  }),
  fc.record({
    kind: fc.constant('heartbeatReply' as const),
    ...headerFields,
    round: safe,
    sentAtMs: milliseconds,
    repliedAtMs: milliseconds,
    storeStalls: fc.boolean(),
    appliedIndex: safe,
  }),
  fc.record({ kind: fc.constant('installSnapshot' as const), ...headerFields, required: logId }),
  fc.record({ kind: fc.constant('installSnapshotReply' as const), ...headerFields, matchIndex: safe }),
  fc.record({ kind: fc.constant('timeoutNow' as const), ...headerFields }),
  fc.record({ kind: fc.constant('timeoutNowReply' as const), ...headerFields, accepted: fc.boolean() }),
  fc.record({
    kind: fc.constant('request' as const),
    groupId: text,
    id: safe,
    method: text,
    timeoutMs: milliseconds,
    body: bytes(2000),
  }),
  fc.record({
    kind: fc.constant('response' as const),
    groupId: text,
    id: safe,
    ok: fc.boolean(),
    body: bytes(2000),
  }),
  fc.record({
    kind: fc.constant('founder' as const),
    groupId: text,
    founder: text,
    incarnation: text,
    initialCluster: fc.option(
      fc.record({
        clusterId: text,
        configuration: fc.record({
          members: fc.array(member, { maxLength: 4 }),
          voters: ids,
          outgoing: ids,
          learners: ids,
          learnersNext: ids,
          autoLeave: fc.boolean(),
          target: fc.option(
            fc.record({
              voters: ids,
              learners: ids,
              catchUpTimeoutMs: milliseconds,
              deadlineMs: fc.constant(null),
              endsMs: fc.constant(null),
            }),
          ),
          added: fc.constant([]),
          nextReplicaId: safe,
        }),
      }),
    ),
  }),
  fc.record({
    kind: fc.constant('hello' as const),
    hello: fc.record({
      protocol: fc.record({ min: fc.nat(0xffff), max: fc.nat(0xffff) }),
      clusterName: text,
      clusterId: text,
      nodeName: text,
      replicaId: safe,
      incarnation: text,
      bootNonce: text,
      epoch: safe,
      earlierBoots: fc.array(fc.record({ number: safe, nonce: text })),
      knownBoots: fc.array(fc.record({ replicaId: safe, number: safe, nonce: text })),
      advertise: text,
    }),
    seal: bytes(64),
  }),
  fc.record({
    kind: fc.constant('greeting' as const),
    protocol: fc.record({ min: fc.nat(0xffff), max: fc.nat(0xffff) }),
    role: fc.constantFrom('peer' as const, 'client' as const),
    challenge: bytes(64),
    asksForProof: fc.boolean(),
  }),
);

/** Cuts bytes into chunks at the given places, as a network does. */
function cut(all: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (all.length + 1)), all.length];
  let from = 0;
  return ends.sort((left, right) => left - right).map((end) => all.subarray(from, (from = end)));
}

function decodeStream(chunks: readonly Buffer[], maxFrameBytes?: number) {
  const decoded: Frame[] = [];
  const reader = new FrameReader(maxFrameBytes ?? 1 << 24, (source, from, to) =>
    decoded.push(decodeFrame(source, from, to)),
  );
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  return decoded;
}

function append(data: Uint8Array): AppendEntries {
  return {
    kind: 'appendEntries',
    clusterId: 'c',
    groupId: 'default',
    from: 1,
    to: 2,
    incarnation: 'i',
    term: 1,
    sequence: 1,
    prev: { term: 0, index: 0 },
    entries: [makeEntry(1, 1, { kind: 'command', schemaVersion: 0, data })],
    leaderCommit: 0,
    acknowledged: 0,
  };
}

describe('the codec', () => {
  it('gives back what was written, of every kind, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(frames, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        (written, places) => {
          const stream = Buffer.concat(written.map((frame) => encodeFrame(frame)));

          expect(decodeStream(cut(stream, places))).toEqual(written);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('reads a stream that comes byte by byte, and one that comes as one burst', () => {
    const written: Frame[] = [
      append(new Uint8Array(700).fill(7)),
      { kind: 'ping' },
      append(new Uint8Array()),
      { kind: 'refuse', sentence: 'no' },
    ];
    const stream = Buffer.concat(written.map((frame) => encodeFrame(frame)));

    expect(decodeStream(Array.from(stream, (byte) => Buffer.of(byte)))).toEqual(written);
    expect(decodeStream([stream])).toEqual(written);
  });

  it('ends in a ProtocolError or in a frame for any bytes, never in another failure', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          // Half-way plausible: the right version and a known kind, then noise.
          fc
            .tuple(fc.constantFrom(1, 2, 3, 5, 6, 8, 32, 33, 34, 64, 65, 66, 67, 70), fc.uint8Array({ maxLength: 200 }))
            .map(([kind, rest]) => Uint8Array.of(1, kind, ...rest)),
        ),
        (noise) => {
          const buffer = Buffer.from(noise);
          try {
            decodeFrame({ buffer, shared: true }, 0, buffer.length);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('never delivers a frame of which any one bit was flipped', () => {
    const frame = encodeFrame(append(Uint8Array.of(1, 2, 3, 4, 5)));
    for (let bit = 8 * 4; bit < 8 * frame.length; bit++) {
      const damaged = Buffer.from(frame);
      damaged[bit >>> 3]! ^= 1 << (bit & 7);

      expect(() => decodeFrame({ buffer: damaged, shared: true }, 4, damaged.length)).toThrow(ProtocolError);
    }
  });

  it('refuses another protocol version with a sentence', () => {
    const frame = encodeFrame({ kind: 'ping' });
    frame[4] = 2;
    expect(() => decodeFrame({ buffer: frame, shared: true }, 4, frame.length)).toThrow(
      'the peer speaks version 2 of the peer protocol',
    );
  });

  it("refuses a kind that it doesn't know with a sentence", () => {
    const frame = encodeFrame({ kind: 'ping' });
    frame[5] = 99;
    expect(() => decodeFrame({ buffer: frame, shared: true }, 4, frame.length)).toThrow(
      "a frame of kind 99, which this version doesn't know",
    );
  });

  it('refuses a length above the limit before anything of the frame is kept', () => {
    const reader = new FrameReader(1000, () => undefined);
    expect(() => reader.push(Buffer.from([0, 0, 4, 0]))).toThrow(ProtocolError);
    expect(() => new FrameReader(1000, () => undefined).push(Buffer.from('GET / HTTP/1.1\r\n'))).toThrow(
      "or the peer doesn't speak this protocol",
    );
  });

  it("doesn't set aside what a length merely claims", () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 8 }, () => {
      const reader = new FrameReader(1 << 30, () => undefined);
      reader.push(Buffer.from([0x3f, 0, 0, 0, 1]));
      return reader;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(readers.length * 2 * 1024 * 1024);
  });

  it('refuses to write what the reader would refuse', () => {
    const message = append(Uint8Array.of(1));
    expect(() => encodeFrame({ ...message, term: 2 ** 53 })).toThrow(ProtocolError);
    expect(() => encodeFrame({ ...message, term: -1 })).toThrow(ProtocolError);
    expect(() => encodeFrame({ ...message, term: 1.5 })).toThrow(ProtocolError);
    expect(() => encodeFrame({ ...message, prev: { term: 0, index: 5 } })).toThrow('entry 1 stands where 6 follows');
    expect(() => encodeFrame({ ...message, clusterId: 'x'.repeat(70_000) })).toThrow(ProtocolError);
    expect(() => encodeFrame(append(new Uint8Array(2000)), 1500)).toThrow('larger than `maxFrameBytes`, 1500');
  });

  it("copies an entry's bytes out of a chunk that it shares with others, once for the whole append", () => {
    const chunk = Buffer.concat([encodeFrame(append(new Uint8Array(100).fill(1))), Buffer.alloc(60_000)]);
    const decoded = decodeFrame({ buffer: chunk, shared: true }, 4, chunk.length - 60_000) as AppendEntries;
    chunk.fill(0xff);

    expect(decoded.entries[0]!.data).toEqual(new Uint8Array(100).fill(1));
    expect(decoded.entries[0]!.data.buffer.byteLength).toBe(100);
  });

  it("skips what a later version puts after today's refusal", () => {
    const hello = encodeFrame({ kind: 'refuse', sentence: 'no' });
    const longer = Buffer.concat([hello, Buffer.of(1, 2, 3)]);
    longer.writeUInt32BE(longer.length - 4, 0);
    longer.writeUInt32BE(crc32c(crc32c(0, longer.subarray(4, 6)), longer.subarray(10)), 6);
    expect(decodeFrame({ buffer: longer, shared: true }, 4, longer.length)).toEqual({ kind: 'refuse', sentence: 'no' });
  });
});
