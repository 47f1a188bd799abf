import { crc32c } from '../../core/base/checksum';
import { ByteQueue } from '../codec/byte-queue';
import { ByteReader } from '../codec/byte-reader';
import { MalformedBytesError, UnknownFormatError } from '../codec/codec-errors';
import {
  FORMAT_WITHOUT_CLIENTS,
  FRAME,
  FRAME_HEAD_BYTES,
  FRAME_TAIL_BYTES,
  MAX_SNAPSHOT_CHUNK_BYTES,
  SNAPSHOT_FORMAT,
  type SnapshotHeader,
} from './snapshot-format';

interface Frame {
  readonly kind: number;
  readonly content: Uint8Array;
}

/**
 * Reads a group's snapshot. Each frame is checked before its content is handed out, and every way in which the snapshot isn't
 * whole is a {@link MalformedBytesError}, thrown into the reader of that moment.
 */
export class SnapshotReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private readonly bytes = new ByteQueue();
  private crc = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.source = chunks[Symbol.asyncIterator]();
  }

  /** Comes first. */
  async header(): Promise<SnapshotHeader> {
    const input = new ByteReader(await this.expect(FRAME.header, 'a header'), "A snapshot's header");
    const format = input.uint16();
    if (format > SNAPSHOT_FORMAT) throw new UnknownFormatError('A snapshot', format, SNAPSHOT_FORMAT);
    if (format < FORMAT_WITHOUT_CLIENTS) throw malformed(`no snapshot has format ${format}`);
    const index = input.safeInteger();
    const term = input.safeInteger();
    const timeMs = input.safeInteger();
    const machines = Array.from({ length: input.uint8() }, () => input.shortString());
    const isOld = format === FORMAT_WITHOUT_CLIENTS;
    const versions = machines.map(() => (isOld ? 0 : input.uint16()));
    const digest = isOld ? { version: 0, outcomes: 0 } : { version: input.uint32(), outcomes: input.uint32() };
    input.end();
    return { format, index, term, timeMs, machines, versions, digest };
  }

  /** The chunks of what the clients are; none where the format has none. Comes behind the header. */
  async *clients(format: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (format === FORMAT_WITHOUT_CLIENTS) return;
    await this.expect(FRAME.clients, 'what the clients are');
    yield* this.content();
  }

  /** The chunks of the machine at this position of the header, as they were when they were captured. */
  async *machine(position: number): AsyncGenerator<Uint8Array, void, undefined> {
    const [found] = await this.expect(FRAME.machine, 'a machine');
    if (found !== position) throw malformed(`machine ${found} stands where machine ${position} is expected`);
    yield* this.content();
  }

  private async *content(): AsyncGenerator<Uint8Array, void, undefined> {
    let count = 0;
    let parts: Uint8Array[] = [];
    for (;;) {
      const frame = await this.next();
      switch (frame.kind) {
        case FRAME.part:
          parts.push(frame.content);
          break;
        case FRAME.lastPart:
          count++;
          parts.push(frame.content);
          yield parts.length === 1 ? frame.content : concat(parts);
          parts = [];
          break;
        case FRAME.machineEnd:
          if (parts.length > 0) throw malformed('a machine ends in the middle of a chunk');
          if (new ByteReader(frame.content, "A machine's end").safeInteger() !== count)
            throw malformed(`a machine has ${count} chunks and says otherwise`);
          return;
        default:
          throw malformed(`a frame of kind ${frame.kind} stands within a machine`);
      }
    }
  }

  /** Comes last. */
  async end(): Promise<void> {
    await this.expect(FRAME.end, 'the end');
    while (await this.fill());
    if (this.bytes.length > 0) throw malformed('it goes on after its end');
  }

  /** Tells the source that nothing more is read. */
  async close(): Promise<void> {
    await this.source.return?.();
  }

  private async expect(kind: number, what: string): Promise<Uint8Array> {
    const frame = await this.next();
    if (frame.kind !== kind) throw malformed(`a frame of kind ${frame.kind} stands where ${what} is expected`);
    return frame.content;
  }

  private async next(): Promise<Frame> {
    const head = await this.need(FRAME_HEAD_BYTES);
    const kind = head[0]!;
    const length = new ByteReader(head.subarray(1), 'a length').uint32();
    if (length > MAX_SNAPSHOT_CHUNK_BYTES) throw malformed(`a frame of ${length} bytes is longer than any`);
    const end = FRAME_HEAD_BYTES + length;
    const frame = await this.need(end + FRAME_TAIL_BYTES);
    this.crc = crc32c(this.crc, frame.subarray(0, end));
    if (new ByteReader(frame.subarray(end), 'a checksum').uint32() !== this.crc)
      throw malformed('a checksum is wrong: bytes were changed, lost or moved');
    this.bytes.take(frame.length);
    return { kind, content: frame.subarray(FRAME_HEAD_BYTES, end) };
  }

  private async need(length: number): Promise<Uint8Array> {
    for (;;) {
      const bytes = this.bytes.peek(length);
      if (bytes !== undefined) return bytes;
      if (!(await this.fill())) throw malformed('it ends too early');
    }
  }

  /** @returns whether there was another chunk */
  private async fill(): Promise<boolean> {
    const step = await this.source.next();
    if (step.done === true) return false;
    this.bytes.push(step.value);
    return true;
  }
}

function malformed(problem: string): MalformedBytesError {
  return new MalformedBytesError(`A snapshot is malformed: ${problem}`);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
