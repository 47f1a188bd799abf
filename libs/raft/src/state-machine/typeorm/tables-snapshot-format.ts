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

/** As it stands in the snapshot: these names never change. */
interface WireHead {
  readonly format: number;
  readonly tables: readonly { readonly name: string; readonly columns: readonly string[] }[];
  readonly sequences: readonly { readonly value: string; readonly called: boolean }[];
  readonly hash: string;
  readonly shape: string;
  readonly maintained: number;
}

export function encodeHead({ tables, sequences, hash, shape, maintained }: TablesHead): Uint8Array {
  const wire: WireHead = {
    format: TABLES_FORMAT,
    tables: tables.map(({ name, columns }) => ({ name, columns })),
    sequences: sequences.map(({ value, called }) => ({ value, called })),
    hash,
    shape,
    maintained,
  };
  return encodeValue(wire);
}

/** @throws UnknownFormatError @throws MalformedBytesError */
export function decodeHead(bytes: Uint8Array): TablesHead {
  const head = decodeValue(bytes) as WireHead;
  if (typeof head !== 'object' || head === null || typeof head.format !== 'number')
    throw new MalformedBytesError('A snapshot of tables has no head');
  if (head.format !== TABLES_FORMAT) throw new UnknownFormatError('A snapshot of tables', head.format, TABLES_FORMAT);
  const { tables, sequences, hash, shape, maintained } = head;
  return {
    tables: tables.map(({ name, columns }) => ({ name, columns })),
    sequences: sequences.map(({ value, called }) => ({ value, called })),
    hash,
    shape,
    maintained,
  };
}
