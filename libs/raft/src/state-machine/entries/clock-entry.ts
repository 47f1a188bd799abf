import { ByteReader } from '../codec/byte-reader';
import { writeSafeInteger } from '../codec/byte-writer';

/**
 * The data of an entry of kind `clock`: the cluster's time in milliseconds, as eight bytes, big endian.
 *
 * @param timeMs what is behind the decimal point is dropped
 * @publicApi
 */
export function encodeClock(timeMs: number): Uint8Array {
  const whole = Math.floor(timeMs);
  if (!Number.isSafeInteger(whole) || whole < 0)
    throw new RangeError(`A cluster time of ${timeMs} ms can't be encoded`);
  const bytes = new Uint8Array(8);
  writeSafeInteger(bytes, 0, whole);
  return bytes;
}

/**
 * @returns milliseconds
 * @throws MalformedBytesError
 * @publicApi
 */
export function decodeClock(bytes: Uint8Array): number {
  const input = new ByteReader(bytes, 'A clock entry');
  const timeMs = input.safeInteger();
  input.end();
  return timeMs;
}
