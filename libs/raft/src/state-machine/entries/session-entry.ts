import { ByteReader } from '../codec/byte-reader';
import { ByteWriter, writeSafeInteger } from '../codec/byte-writer';
import { MAX_SESSION_TTL_MS, MIN_SESSION_TTL_MS } from './client-limits';
import { MalformedBytesError, UnknownFormatError } from '../codec/codec-errors';
import { writeName } from './envelope-parts';

/** The format that this version writes. */
export const SESSION_FORMAT = 1;

const TIME_OFFSET = 2;
const HEADER_BYTES = TIME_OFFSET + 8;
const OPEN = 1;
const KEEP_ALIVE = 2;
const CLOSE = 3;

/** What an entry of kind `session` does. */
export type SessionOperation =
  /** `nonce`: 32 bits of chance, so that a session of a cluster that was founded again isn't taken for one of the old. */
  | { readonly kind: 'open'; readonly ttlMs: number; readonly nonce: number }
  | { readonly kind: 'keepAlive'; readonly clientId: string; readonly ackedThrough: number }
  | { readonly kind: 'close'; readonly clientId: string };

/**
 * Encodes the data of an entry of kind `session`:
 *
 * | bytes | what                                                                                   |
 * |-------|----------------------------------------------------------------------------------------|
 * | 1     | format                                                                                 |
 * | 1     | 1 open, 2 keep alive, 3 close                                                          |
 * | 8     | cluster time in milliseconds, big endian; 0 until the leader stamps it                 |
 * | …     | open: time to live in milliseconds (8), nonce (4)                                      |
 * | …     | keep alive: client id (1 + n), acked through (8); close: client id (1 + n)             |
 */
export function encodeSessionOperation(operation: SessionOperation): Uint8Array {
  const out = ByteWriter.take();
  try {
    out.uint8(SESSION_FORMAT);
    out.uint8(operation.kind === 'open' ? OPEN : operation.kind === 'close' ? CLOSE : KEEP_ALIVE);
    out.safeInteger(0);
    if (operation.kind === 'open') {
      out.safeInteger(operation.ttlMs);
      out.uint32(operation.nonce);
    } else {
      writeName(out, operation.clientId, 'The client id of the session');
      if (operation.kind === 'keepAlive') out.safeInteger(operation.ackedThrough);
    }
    return out.copy();
  } finally {
    out.release();
  }
}

/** Sets the cluster time of an encoded operation, in place. @param timeMs milliseconds; what is behind the decimal point is dropped */
export function stampSessionTime(data: Uint8Array, timeMs: number): void {
  decodeSessionOperation(data);
  writeSafeInteger(data, TIME_OFFSET, Math.floor(timeMs));
}

/**
 * Decodes what {@link encodeSessionOperation} wrote.
 *
 * @throws UnknownFormatError a newer version wrote it
 * @throws MalformedBytesError otherwise; its text depends on the bytes alone
 */
export function decodeSessionOperation(data: Uint8Array): {
  readonly timeMs: number;
  readonly operation: SessionOperation;
} {
  const input = new ByteReader(data, 'A session entry');
  const format = input.uint8();
  if (format > SESSION_FORMAT) throw new UnknownFormatError('A session entry', format, SESSION_FORMAT);
  if (format !== SESSION_FORMAT || data.length < HEADER_BYTES) throw input.malformed('it has no header');
  const kind = input.uint8();
  const timeMs = input.safeInteger();
  const operation = readOperation(input, kind);
  input.end();
  return { timeMs, operation };
}

function readOperation(input: ByteReader, kind: number): SessionOperation {
  switch (kind) {
    case OPEN: {
      const ttlMs = input.safeInteger();
      if (ttlMs < MIN_SESSION_TTL_MS || ttlMs > MAX_SESSION_TTL_MS)
        throw new MalformedBytesError(
          `A session can't live for ${ttlMs} ms: its time to live is ${MIN_SESSION_TTL_MS} to ${MAX_SESSION_TTL_MS} ms.`,
        );
      return { kind: 'open', ttlMs, nonce: input.uint32() };
    }
    case KEEP_ALIVE:
      return { kind: 'keepAlive', clientId: input.shortString(), ackedThrough: input.safeInteger() };
    case CLOSE:
      return { kind: 'close', clientId: input.shortString() };
    default:
      // To skip it would let duplicates through here that the others filter out.
      throw new UnknownFormatError('An operation on a session', kind, CLOSE);
  }
}
