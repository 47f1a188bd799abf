import { encodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';
import { MalformedBytesError, UnknownFormatError } from '../../libs/raft/src/state-machine/codec/codec-errors';
import { crc32c } from '../../libs/raft/src/core/base/checksum';
import { captureClients, readClients } from '../../libs/raft/src/state-machine/sessions/client-snapshot';
import { KeyTable } from '../../libs/raft/src/state-machine/sessions/key-table';
import type { SnapshotSource } from '../../libs/raft/src/state-machine/contract';
import { storedAnswer } from '../../libs/raft/src/state-machine/sessions/stored-answer';
import { SessionTable } from '../../libs/raft/src/state-machine/sessions/session-table';
import { FRAME, FRAME_HEAD_BYTES, FRAME_TAIL_BYTES } from '../../libs/raft/src/state-machine/snapshot/snapshot-format';
import { SnapshotReader } from '../../libs/raft/src/state-machine/snapshot/snapshot-reader';
import { GroupSnapshot } from '../../libs/raft/src/state-machine/snapshot/snapshot-writer';
import type { FuzzTarget } from './target';

/** Snapshots of a group: frames, clients, machines. */
export async function snapshotTarget(): Promise<FuzzTarget> {
  const samples = [await sample(['ledger', 'locks']), await sample([])];
  return {
    name: 'snapshots',
    next: (mutator) => {
      const bytes = mutator.mutated(samples);
      return mutator.happens(0.8) ? sealed(bytes) : bytes;
    },
    read,
    isRefusal: (error) => error instanceof MalformedBytesError || error instanceof UnknownFormatError,
  };
}

async function read(bytes: Buffer): Promise<void> {
  const reader = new SnapshotReader(chunksOf(bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)));
  const { format, machines } = await reader.header();
  await readClients(reader.clients(format), new SessionTable(), new KeyTable());
  for (const position of machines.keys()) for await (const chunk of reader.machine(position)) void chunk;
  await reader.end();
}

async function sample(machines: readonly string[]): Promise<Uint8Array> {
  const sourceOf = (contents: readonly unknown[]) => ({
    chunks: () => chunksOf(...contents.map((content) => encodeValue(content))),
    release: () => undefined,
  });
  const header = {
    index: 9,
    term: 2,
    timeMs: 1_700_000_000_000,
    machines,
    versions: machines.map(() => 1),
    digest: { version: 1, outcomes: 2 },
  };
  const sources = machines.map((name) =>
    sourceOf([
      [name, 1],
      ['key', { value: 'überall' }],
    ]),
  );
  const snapshot = new GroupSnapshot(header, clientsOf(), sources);
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot.chunks()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function clientsOf(): SnapshotSource {
  const sessions = new SessionTable();
  const keys = new KeyTable();
  const answer = storedAnswer(7, { status: 'applied', value: Uint8Array.of(1, 2) });
  const times = { ttlMs: 60_000, activeMs: 1_700_000_000_000 };
  sessions.add({ clientId: '1-77', ...times, ackedThrough: 4, bytes: 0, unfilled: 0, answers: new Map() });
  sessions.record('1-77', 5, answer);
  keys.add({ key: 'order 17', fingerprint: 'f', expiresMs: 1_700_000_600_000, answer });
  return captureClients(sessions, keys);
}

// eslint-disable-next-line @typescript-eslint/require-await -- a source is asynchronous
async function* chunksOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
}

/** Gives each frame, as far as frames can be told, the checksum of what stands there now. */
function sealed(bytes: Buffer): Buffer {
  let crc = 0;
  for (let at = 0; at + FRAME_HEAD_BYTES + FRAME_TAIL_BYTES <= bytes.length;) {
    const end = at + FRAME_HEAD_BYTES + bytes.readUInt32BE(at + 1);
    if (end + FRAME_TAIL_BYTES > bytes.length) break;
    crc = crc32c(crc, bytes.subarray(at, end));
    bytes.writeUInt32BE(crc, end);
    if (bytes[at] === FRAME.end) break;
    at = end + FRAME_TAIL_BYTES;
  }
  return bytes;
}
