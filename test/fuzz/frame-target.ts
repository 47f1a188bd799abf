import { crc32c } from '../../libs/raft/src/core/base/checksum';
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  FrameReader,
  type HandshakeFrame,
  ProtocolError,
} from '../../libs/raft/src/transport/codec';
import { SAMPLE_MESSAGES } from '../../libs/raft/src/testing/transport-conformance/sample-messages';
import { bareHello, greeting } from '../../libs/raft/src/testing/transport-conformance/raw-peer';
import type { Mutator } from './mutator';
import type { FuzzTarget } from './target';

const LENGTH_BYTES = 4;
const HEAD_BYTES = 10;

export const HANDSHAKE_FRAMES: readonly HandshakeFrame[] = [
  greeting(),
  greeting({ role: 'client', protocol: { min: 4, max: 9 }, asksForProof: true }),
  { kind: 'proof', proof: new Uint8Array(32).fill(3) },
  bareHello({
    clusterId: 'c1',
    replicaId: 3,
    earlierBoots: [
      { number: 4, nonce: 'b4' },
      { number: 3, nonce: 'b3' },
    ],
    knownBoots: [{ replicaId: 2, number: 9, nonce: 'x9' }],
  }) as HandshakeFrame,
  { kind: 'admitted' },
  { kind: 'refuse', sentence: 'not of this cluster: überall' },
  { kind: 'ping' },
  { kind: 'pong' },
];

/** Whole frames, as they stand on the wire, in chunks as a network cuts them. */
export function frameTarget(): FuzzTarget {
  return target('frames', [...SAMPLE_MESSAGES, ...HANDSHAKE_FRAMES]);
}

/** What a stranger may send. */
export function handshakeTarget(): FuzzTarget {
  return target('handshakes', HANDSHAKE_FRAMES);
}

function target(name: string, frames: readonly Frame[]): FuzzTarget {
  const samples = frames.map((frame) => encodeFrame(frame));
  return {
    name,
    next: (mutator) => {
      const bytes = mutator.mutated(samples);
      // What the checksum would refuse at once gets no further: most are given one that fits.
      return mutator.happens(0.8) ? sealed(bytes) : bytes;
    },
    read: (bytes, mutator) => {
      const reader = new FrameReader(64 * 1024, (source, from, to) => void decodeFrame(source, from, to));
      for (const chunk of chunks(bytes, mutator)) reader.push(chunk);
    },
    isRefusal: (error) => error instanceof ProtocolError,
  };
}

/** Gives the first frame of these bytes the length and the checksum of what it is now. */
function sealed(bytes: Buffer): Buffer {
  if (bytes.length < HEAD_BYTES) return bytes;
  bytes.writeUInt32BE(bytes.length - LENGTH_BYTES, 0);
  bytes[LENGTH_BYTES] = 1;
  const isAppend = bytes[5] === 5 && bytes.length >= HEAD_BYTES + 4;
  const headEnd = isAppend ? Math.min(bytes.length, HEAD_BYTES + 4 + bytes.readUInt32BE(HEAD_BYTES)) : bytes.length;
  const start = crc32c(0, bytes.subarray(LENGTH_BYTES, 6));
  bytes.writeUInt32BE(crc32c(start, bytes.subarray(HEAD_BYTES, headEnd)), 6);
  return bytes;
}

function chunks(bytes: Buffer, mutator: Mutator): readonly Buffer[] {
  if (mutator.happens(0.7)) return [bytes];
  const at = mutator.random.between(0, bytes.length + 1);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}
