import type { ByteReader } from '../codec/byte-reader';
import type { ByteWriter } from '../codec/byte-writer';
import { MAX_ARGUMENT_ELEMENTS } from '../codec/value-format';
import { ValueReader } from '../codec/value-reader';
import { ValueWriter } from '../codec/value-writer';

const MAX_NAME_BYTES = 255;

export function writeName(out: ByteWriter, name: string, what: string): void {
  if (name.length === 0 || name.length > MAX_NAME_BYTES)
    throw new RangeError(`${what} has ${name.length} characters: it must have 1 to ${MAX_NAME_BYTES} bytes`);
  // Three bytes a character at most, so that shorter names need no count.
  if (name.length > MAX_NAME_BYTES / 3 && Buffer.byteLength(name) > MAX_NAME_BYTES)
    throw new RangeError(`${what} has ${Buffer.byteLength(name)} bytes: it must have 1 to ${MAX_NAME_BYTES}`);
  out.shortString(name);
}

export function writeArguments(out: ByteWriter, args: readonly unknown[]): void {
  new ValueWriter(out, 'args', MAX_ARGUMENT_ELEMENTS).write(args);
}

/** Reads the arguments, which are the last thing in an envelope. */
export function readArguments(input: ByteReader): readonly unknown[] {
  const args = new ValueReader(input, MAX_ARGUMENT_ELEMENTS).read();
  if (!Array.isArray(args)) throw input.malformed("arguments aren't an array");
  input.end();
  return args;
}
