import { crc32c } from '../../core/base/checksum';
import { ByteWriter, writeUint32 } from '../codec/byte-writer';
import type { SnapshotSource } from '../contract';
import {
  FRAME,
  FRAME_HEAD_BYTES,
  FRAME_TAIL_BYTES,
  MAX_MACHINE_CHUNK_BYTES,
  SNAPSHOT_FORMAT,
  type SnapshotHeader,
} from './snapshot-format';

const NOTHING = new Uint8Array(0);

/** One snapshot of all machines of a group, made of what each of them captured at the same index. */
export class GroupSnapshot implements SnapshotSource {
  private released = false;
  private started = false;

  /** @param sources in the order of the header's machines */
  constructor(
    private readonly header: Omit<SnapshotHeader, 'format'>,
    private readonly clients: SnapshotSource,
    private readonly sources: readonly SnapshotSource[],
  ) {}

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.started || this.released) throw new Error('The chunks of a capture can be read once: take a new one.');
    this.started = true;
    const frames = new FrameWriter();
    yield frames.frame(FRAME.header, encodeHeader(this.header));
    yield frames.frame(FRAME.clients, NOTHING);
    yield* frames.content(this.clients);
    for (const [position, source] of this.sources.entries()) {
      yield frames.frame(FRAME.machine, Uint8Array.of(position));
      yield* frames.content(source);
    }
    yield frames.frame(FRAME.end, NOTHING);
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    releaseAll([this.clients, ...this.sources]);
  }
}

/** Captures several machines at once, as one source of chunks. */
export function capturedTogether(machines: readonly { capture(): SnapshotSource }[]): SnapshotSource {
  const sources: SnapshotSource[] = [];
  try {
    for (const machine of machines) sources.push(machine.capture());
  } catch (error) {
    releaseAll(sources);
    throw error;
  }
  return {
    async *chunks() {
      for (const source of sources) yield* source.chunks();
    },
    release: () => releaseAll(sources),
  };
}

/** Releases each source, also after one has failed to; the first failure is thrown. */
export function releaseAll(sources: readonly SnapshotSource[]): void {
  const failures: unknown[] = [];
  for (const source of sources)
    try {
      source.release();
    } catch (error) {
      failures.push(error);
    }
  if (failures.length > 0) throw new Error('A state machine failed to release a capture', { cause: failures[0] });
}

class FrameWriter {
  private crc = 0;

  frame(kind: number, content: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(FRAME_HEAD_BYTES + content.length + FRAME_TAIL_BYTES);
    bytes[0] = kind;
    writeUint32(bytes, 1, content.length);
    bytes.set(content, FRAME_HEAD_BYTES);
    const end = FRAME_HEAD_BYTES + content.length;
    this.crc = crc32c(this.crc, bytes.subarray(0, end));
    writeUint32(bytes, end, this.crc);
    return bytes;
  }

  async *content(source: SnapshotSource): AsyncGenerator<Uint8Array, void, undefined> {
    let count = 0;
    for await (const chunk of source.chunks()) {
      count++;
      yield* this.chunk(chunk);
    }
    yield this.frame(FRAME.machineEnd, encodeCount(count));
  }

  private *chunk(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    let from = 0;
    for (; chunk.length - from > MAX_MACHINE_CHUNK_BYTES; from += MAX_MACHINE_CHUNK_BYTES)
      yield this.frame(FRAME.part, chunk.subarray(from, from + MAX_MACHINE_CHUNK_BYTES));
    yield this.frame(FRAME.lastPart, chunk.subarray(from));
  }
}

function encodeHeader({ index, term, timeMs, machines, versions, digest }: Omit<SnapshotHeader, 'format'>): Uint8Array {
  const out = new ByteWriter();
  out.uint16(SNAPSHOT_FORMAT);
  out.safeInteger(index);
  out.safeInteger(term);
  out.safeInteger(timeMs);
  out.uint8(machines.length);
  for (const name of machines) out.shortString(name);
  for (const version of versions) out.uint16(version);
  out.uint32(digest.version);
  out.uint32(digest.outcomes);
  return out.copy();
}

function encodeCount(count: number): Uint8Array {
  const out = new ByteWriter();
  out.safeInteger(count);
  return out.copy();
}
