import { ENTRY_KIND_CODES, entryKindOfCode, isIntact, type Entry } from '../../core/base/entry';
import type { AppendEntries } from '../../core/base/messages';
import type { ByteReader } from './byte-reader';
import type { ByteWriter } from './byte-writer';
import { headerBound, LOG_ID_BYTES, readHeader, readLogId, writeHeader, writeLogId } from './message-header';
import { keepBytes, type FrameSource } from './payload';
import { ProtocolError } from './protocol-error';

/** Term, kind, format, schema version, checksum, length of the data. The index follows from `prev`. */
const ENTRY_HEAD_BYTES = 21;

export function appendEntriesHeadBound(message: AppendEntries): number {
  return headerBound(message) + LOG_ID_BYTES + 20 + ENTRY_HEAD_BYTES * message.entries.length;
}

export function appendEntriesDataBytes(message: AppendEntries): number {
  let bytes = 0;
  for (const entry of message.entries) bytes += entry.data.length;
  return bytes;
}

/** The head: everything but the entries' data, which stands behind it in one block. */
export function writeAppendEntriesHead(writer: ByteWriter, message: AppendEntries): void {
  writeHeader(writer, message);
  writeLogId(writer, message.prev);
  writer.safeInteger(message.leaderCommit);
  writer.safeInteger(message.acknowledged);
  writer.u32(message.entries.length);
  let index = message.prev.index;
  for (const entry of message.entries) {
    index += 1;
    if (entry.index !== index) throw new ProtocolError(`entry ${entry.index} stands where ${index} follows`);
    writer.safeInteger(entry.term);
    writer.u8(ENTRY_KIND_CODES[entry.kind]);
    writer.u16(entry.format);
    writer.u16(entry.schemaVersion);
    writer.u32(entry.checksum);
    writer.u32(entry.data.length);
  }
}

export function writeAppendEntriesData(writer: ByteWriter, message: AppendEntries): void {
  for (const entry of message.entries) writer.bytes(entry.data);
}

/**
 * @param reader stands at the head, whose checksum was verified, and ends where the frame ends
 * @throws ProtocolError for an entry whose bytes aren't those that its leader wrote
 */
export function readAppendEntries(reader: ByteReader, headEnd: number, source: FrameSource): AppendEntries {
  const header = readHeader(reader);
  const prev = readLogId(reader);
  const leaderCommit = reader.safeInteger();
  const acknowledged = reader.safeInteger();
  const count = reader.u32();
  if (reader.offset + count * ENTRY_HEAD_BYTES !== headEnd)
    throw new ProtocolError(`${count} entries don't fit their head`);
  if (!Number.isSafeInteger(prev.index + count)) throw new ProtocolError('an index is above the safe integers');

  const heads: Omit<Entry, 'data'>[] = [];
  const lengths: number[] = [];
  for (let index = prev.index + 1; index <= prev.index + count; index++) {
    const term = reader.safeInteger();
    const code = reader.u8();
    const kind = entryKindOfCode(code);
    if (kind === undefined)
      throw new ProtocolError(
        `entry ${index} is of kind ${code}, which this version doesn't know; it can't be skipped: upgrade this node`,
      );
    const format = reader.u16();
    const schemaVersion = reader.u16();
    const checksum = reader.u32();
    heads.push({ index, term, kind, format, schemaVersion, checksum });
    lengths.push(reader.u32());
  }
  const entries = readData(reader, heads, lengths, source);
  reader.finish();
  return { kind: 'appendEntries', ...header, prev, entries, leaderCommit, acknowledged };
}

function readData(
  reader: ByteReader,
  heads: readonly Omit<Entry, 'data'>[],
  lengths: readonly number[],
  source: FrameSource,
): Entry[] {
  let total = 0;
  for (const length of lengths) total += length;
  const from = reader.take(total);
  const block = keepBytes(source, from, from + total);
  let at = 0;
  return heads.map((head, position) => {
    const data = block.subarray(at, (at += lengths[position]!));
    const { index, term, kind, format, schemaVersion, checksum } = head;
    const entry: Entry = {
      index,
      term,
      kind,
      format,
      schemaVersion,
      data,
      checksum,
    };
    if (!isIntact(entry))
      throw new ProtocolError(`entry ${index} of term ${term} is damaged: its checksum doesn't match its bytes`);
    return entry;
  });
}
