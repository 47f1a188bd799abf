import { ByteWriter } from '../codec/byte-writer';
import { UnsupportedValueError } from '../codec/codec-errors';
import { shapeOf } from '../codec/plain-data';
import { isText } from '../codec/text';
import { ValueWriter } from '../codec/value-writer';

/**
 * Makes a value fit for a state that is captured while commands go on: it must be plain data, or no snapshot could be made any
 * more, and its objects and arrays are frozen, so that a command that would change one in place, under a capture, fails at
 * once. (What a Map, a Set, a Date or bytes hold can't be frozen.)
 *
 * @param name how errors call the value
 * @throws UnsupportedValueError
 */
export function sealPlainData(value: unknown, name: string): void {
  switch (typeof value) {
    case 'number':
    case 'boolean':
    case 'undefined':
    case 'bigint':
      return;
    case 'string':
      if (!isText(value))
        throw new UnsupportedValueError(name, "has half of a surrogate pair, which isn't text: pass a Uint8Array");
      return;
    default:
      if (value === null) return;
      checkPlainData(value, name);
      freezePlainData(value);
  }
}

/** Freezes what is known to be plain data, as it was just decoded. */
export function freezePlainData(value: unknown): void {
  if (typeof value === 'object' && value !== null) freeze(value);
}

/** The encoder knows what is plain data; what it writes here isn't used. */
function checkPlainData(value: unknown, name: string): void {
  const out = ByteWriter.take();
  try {
    new ValueWriter(out, name).write(value);
  } finally {
    out.release();
  }
}

/** The value is known to have neither cycles nor great depth. */
function freeze(value: object): void {
  const shape = shapeOf(value);
  if (shape !== 'object' && shape !== 'array') return;
  Object.freeze(value);
  for (const part of Object.values(value) as unknown[]) if (typeof part === 'object' && part !== null) freeze(part);
}
