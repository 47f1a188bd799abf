import { ByteQueue } from '../codec/byte-queue';
import { ByteReader } from '../codec/byte-reader';
import { ByteWriter, writeUint32 } from '../codec/byte-writer';
import { MalformedBytesError, UnknownFormatError } from '../codec/codec-errors';
import { MAX_MACHINE_CHUNK_BYTES } from './snapshot-format';
import { ValueReader } from '../codec/value-reader';
import { ValueWriter } from '../codec/value-writer';

/**
 * The bytes of a map's snapshot: a format byte; for each entry its length (32 bits), then key and value as the codec writes
 * them; a length of 0, and the number of entries (64 bits). Chunks are cut anywhere.
 */
const FORMAT = 1;

/** @param next gives the entries one by one; it is called only while a chunk is made, so that nothing is read ahead */
export function* mapSnapshotChunks(
  next: () => readonly [unknown, unknown] | undefined,
): Generator<Uint8Array, void, undefined> {
  const out = new ByteWriter();
  const values = new ValueWriter(out, 'the entry');
  out.uint8(FORMAT);
  let count = 0;
  for (let entry = next(); entry !== undefined; entry = next()) {
    count++;
    const start = out.at;
    out.uint32(0);
    values.write(entry[0]);
    values.write(entry[1]);
    writeUint32(out.buffer, start, out.at - start - 4);
    if (out.at >= MAX_MACHINE_CHUNK_BYTES) yield* takeChunks(out, MAX_MACHINE_CHUNK_BYTES);
  }
  out.uint32(0);
  out.safeInteger(count);
  yield* takeChunks(out, 1);
}

/** Takes out chunks until less than `leave` bytes are left. */
function* takeChunks(out: ByteWriter, leave: number): Generator<Uint8Array, void, undefined> {
  let from = 0;
  while (out.at - from >= leave) {
    const to = Math.min(out.at, from + MAX_MACHINE_CHUNK_BYTES);
    const chunk = new Uint8Array(to - from);
    chunk.set(out.buffer.subarray(from, to));
    from = to;
    yield chunk;
  }
  out.buffer.copyWithin(0, from, out.at);
  out.at -= from;
}

/**
 * Reads what {@link mapSnapshotChunks} made, however its chunks were cut since.
 *
 * @throws MalformedBytesError it isn't whole
 * @throws UnknownFormatError a newer version wrote it
 */
export async function readMapSnapshot(
  chunks: AsyncIterable<Uint8Array>,
  add: (key: unknown, value: unknown) => void,
): Promise<void> {
  const parser = new MapSnapshotParser(add);
  for await (const chunk of chunks) parser.push(chunk);
  parser.end();
}

class MapSnapshotParser {
  private readonly bytes = new ByteQueue();
  private state: 'format' | 'entries' | 'ended' = 'format';
  private count = 0;

  constructor(private readonly add: (key: unknown, value: unknown) => void) {}

  push(chunk: Uint8Array): void {
    this.bytes.push(chunk);
    while (this.step());
  }

  end(): void {
    if (this.state === 'format' && this.bytes.length === 0) return;
    if (this.state !== 'ended')
      throw new MalformedBytesError(`A map's snapshot ends in the middle, after ${this.count} entries`);
    if (this.bytes.length > 0)
      throw new MalformedBytesError(`A map's snapshot goes on for ${this.bytes.length} bytes after its end`);
  }

  /** @returns whether there may be more to do */
  private step(): boolean {
    switch (this.state) {
      case 'format':
        return this.readFormat();
      case 'entries':
        return this.readEntry();
      case 'ended':
        return false;
    }
  }

  private readFormat(): boolean {
    const [format] = this.bytes.take(1) ?? [];
    if (format === undefined) return false;
    if (format > FORMAT) throw new UnknownFormatError("A map's snapshot", format, FORMAT);
    if (format !== FORMAT) throw new MalformedBytesError(`No map's snapshot has format ${format}`);
    this.state = 'entries';
    return true;
  }

  private readEntry(): boolean {
    const header = this.bytes.peek(4);
    if (header === undefined) return false;
    const length = new ByteReader(header, 'the length of an entry').uint32();
    if (length === 0) return this.readCount();
    const bytes = this.bytes.length < 4 + length ? undefined : this.bytes.take(4 + length);
    if (bytes === undefined) return false;
    const input = new ByteReader(bytes.subarray(4), "An entry of a map's snapshot");
    const values = new ValueReader(input);
    const key = values.read();
    const value = values.read();
    input.end();
    this.add(key, value);
    this.count++;
    return true;
  }

  private readCount(): boolean {
    const bytes = this.bytes.take(12);
    if (bytes === undefined) return false;
    const count = new ByteReader(bytes.subarray(4), 'the number of entries').safeInteger();
    if (count !== this.count)
      throw new MalformedBytesError(`A map's snapshot says that it has ${count} entries, and has ${this.count}`);
    this.state = 'ended';
    return false;
  }
}
