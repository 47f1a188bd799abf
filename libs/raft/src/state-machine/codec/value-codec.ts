import { ByteReader } from './byte-reader';
import { ByteWriter } from './byte-writer';
import { ValueReader } from './value-reader';
import { ValueWriter } from './value-writer';

/**
 * Encodes plain data: null, undefined, booleans, numbers, bigints, strings, arrays, plain objects, `Date`, `Map`, `Set` and
 * `Uint8Array` (a `Buffer` comes back as one). Equal data gives equal bytes; the order of keys is part of the data.
 *
 * @param root how errors call the value. Default `value`
 * @throws UnsupportedValueError names, with its path, what isn't plain data (an instance of a class, a function, a symbol), a
 *   cycle, an invalid Date, or a string that isn't text
 * @publicApi
 */
export function encodeValue(value: unknown, root = 'value'): Uint8Array {
  const out = ByteWriter.take();
  try {
    new ValueWriter(out, root).write(value);
    return out.copy();
  } finally {
    out.release();
  }
}

/**
 * Decodes what {@link encodeValue} wrote. The result shares no memory with the bytes.
 *
 * @param what how errors call the bytes. Default `a value`
 * @throws MalformedBytesError
 * @publicApi
 */
export function decodeValue(bytes: Uint8Array, what = 'a value'): unknown {
  const input = new ByteReader(bytes, what);
  const value = new ValueReader(input).read();
  input.end();
  return value;
}
