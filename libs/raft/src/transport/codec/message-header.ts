import type { LogId } from '../../core/base/types';
import type { MessageHeader } from '../../core/base/messages';
import type { ByteReader } from './byte-reader';
import { textBound, type ByteWriter } from './byte-writer';

export function headerBound(header: MessageHeader): number {
  return textBound(header.clusterId) + textBound(header.groupId) + textBound(header.incarnation) + 32;
}

export function writeHeader(writer: ByteWriter, header: MessageHeader): void {
  writer.text(header.clusterId);
  writer.text(header.groupId);
  writer.text(header.incarnation);
  writer.safeInteger(header.from);
  writer.safeInteger(header.to);
  writer.safeInteger(header.term);
  writer.safeInteger(header.sequence);
}

export function readHeader(reader: ByteReader): MessageHeader {
  const clusterId = reader.text();
  const groupId = reader.text();
  const incarnation = reader.text();
  const from = reader.safeInteger();
  const to = reader.safeInteger();
  const term = reader.safeInteger();
  const sequence = reader.safeInteger();
  return { clusterId, groupId, incarnation, from, to, term, sequence };
}

export const LOG_ID_BYTES = 16;

export function writeLogId(writer: ByteWriter, id: LogId): void {
  writer.safeInteger(id.term);
  writer.safeInteger(id.index);
}

export function readLogId(reader: ByteReader): LogId {
  const term = reader.safeInteger();
  const index = reader.safeInteger();
  return { term, index };
}
