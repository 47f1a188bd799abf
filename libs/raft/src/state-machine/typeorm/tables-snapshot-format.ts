import { MalformedBytesError, UnknownFormatError } from '../codec/codec-errors';
import { decodeValue, encodeValue } from '../codec/value-codec';
import type { SequenceValue } from './state-row';

/**
 * The tables in a snapshot: a head, then chunks. Each chunk is the number of its table in the head (2 bytes, big endian) and a
 * part of what `COPY … TO STDOUT` gave, in its text format, which every version and platform of Postgres reads.
 */
export const TABLES_FORMAT = 1;
export const TABLE_NUMBER_BYTES = 2;

export interface TablesHead {
  readonly tables: readonly { readonly name: string; readonly columns: readonly string[] }[];
  readonly sequences: readonly SequenceValue[];
  readonly hash: string;
  readonly shape: string;
  readonly maintained: number;
}

export function encodeHead(head: TablesHead): Uint8Array {
  return encodeValue({ format: TABLES_FORMAT, ...head });
}

/** @throws UnknownFormatError @throws MalformedBytesError */
export function decodeHead(bytes: Uint8Array): TablesHead {
  const head = decodeValue(bytes) as TablesHead & { readonly format: number };
  if (typeof head !== 'object' || head === null || typeof head.format !== 'number')
    throw new MalformedBytesError('A snapshot of tables has no head');
  if (head.format !== TABLES_FORMAT) throw new UnknownFormatError('A snapshot of tables', head.format, TABLES_FORMAT);
  return head;
}
