import { ByteReader } from '../codec/byte-reader';
import { ByteWriter } from '../codec/byte-writer';
import { UnknownFormatError } from '../codec/codec-errors';
import { readArguments, writeArguments, writeName } from './envelope-parts';

/** The format that this version writes. */
export const QUERY_FORMAT = 1;

/** @publicApi */
export interface QueryCall {
  /** The name in `@RaftStateMachine(name)`. */
  readonly machine: string;
  /** The method's name. */
  readonly query: string;
  /** What the caller passed: plain data, without the context. */
  readonly args: readonly unknown[];
}

/**
 * Encodes one call of a query: format and flags (a byte each), the machine's and the query's name (a length byte each), the
 * arguments. It never stands in a log.
 *
 * @throws UnsupportedValueError an argument isn't plain data; it is named with its path (`args[0].owner`)
 * @publicApi
 */
export function encodeQuery(call: QueryCall): Uint8Array {
  const out = ByteWriter.take();
  try {
    out.uint8(QUERY_FORMAT);
    out.uint8(0);
    writeName(out, call.machine, "The state machine's name");
    writeName(out, call.query, "The query's name");
    writeArguments(out, call.args);
    return out.copy();
  } finally {
    out.release();
  }
}

/**
 * Decodes what {@link encodeQuery} wrote.
 *
 * @throws UnknownFormatError a newer version wrote it
 * @throws MalformedBytesError otherwise
 * @publicApi
 */
export function decodeQuery(bytes: Uint8Array): QueryCall {
  const input = new ByteReader(bytes, 'A query');
  const format = input.uint8();
  if (format !== QUERY_FORMAT) {
    if (format > QUERY_FORMAT) throw new UnknownFormatError('A query', format, QUERY_FORMAT);
    throw input.malformed(`no query has format ${format}`);
  }
  const flags = input.uint8();
  if (flags !== 0) throw input.malformed(`flags ${flags} are unknown`);
  const machine = input.shortString();
  const query = input.shortString();
  return { machine, query, args: readArguments(input) };
}
