/**
 * Short strings, read without a call into native code. Names and keys repeat from entry to entry, so that the last ones are
 * kept: a string that the engine already knows as a property name needs no hashing. What is kept is compared with the bytes,
 * so it changes nothing but the speed.
 */
const SLOTS = 256;
const MAX_WORD_LENGTH = 31;

const words: (string | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

/** @returns the string, or undefined where the bytes aren't ASCII */
export function shortAscii(bytes: Uint8Array, start: number, length: number): string | undefined {
  let text = '';
  for (let at = start, end = start + length; at < end; at++) {
    const code = bytes[at]!;
    if (code >= 0x80) return undefined;
    text += String.fromCharCode(code);
  }
  return text;
}

/** @returns the string, or undefined where the bytes are too many or aren't ASCII */
export function wordAt(bytes: Uint8Array, start: number, length: number): string | undefined {
  if (length === 0 || length > MAX_WORD_LENGTH) return undefined;
  const slot = (bytes[start]! * 31 + bytes[start + length - 1]! * 7 + length) & (SLOTS - 1);
  const known = words[slot];
  if (known !== undefined && isSame(known, bytes, start, length)) return known;
  const word = shortAscii(bytes, start, length);
  if (word !== undefined) words[slot] = word;
  return word;
}

function isSame(text: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let position = 0; position < length; position++)
    if (text.charCodeAt(position) !== bytes[start + position]) return false;
  return true;
}
