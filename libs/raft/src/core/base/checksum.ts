/** CRC-32C (Castagnoli), reflected, as in RFC 3720: eight tables, eight bytes a step. */
const POLYNOMIAL = 0x82f63b78;

const TABLES: readonly Int32Array[] = (() => {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256));
  const [first] = tables as [Int32Array];
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first[byte] = crc;
  }
  for (let k = 1; k < 8; k++) {
    const previous = tables[k - 1] as Int32Array;
    const table = tables[k] as Int32Array;
    for (let byte = 0; byte < 256; byte++) {
      const crc = previous[byte] as number;
      table[byte] = (crc >>> 8) ^ (first[crc & 0xff] as number);
    }
  }
  return tables;
})();

const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/**
 * Continues a CRC-32C over more bytes.
 *
 * @param crc the checksum so far; 0 to begin
 * @returns the checksum as an unsigned 32-bit number
 */
export function crc32c(crc: number, bytes: Uint8Array): number {
  let state = ~crc;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    state ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    state =
      T7[state & 0xff]! ^
      T6[(state >>> 8) & 0xff]! ^
      T5[(state >>> 16) & 0xff]! ^
      T4[state >>> 24]! ^
      T3[bytes[at + 4]!]! ^
      T2[bytes[at + 5]!]! ^
      T1[bytes[at + 6]!]! ^
      T0[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) state = (state >>> 8) ^ T0[(state ^ bytes[at]!) & 0xff]!;
  return ~state >>> 0;
}

const SCRATCH = new Uint8Array(8);

/** Continues a CRC-32C over a non-negative safe integer, as eight bytes, little endian. */
export function crc32cOfSafeInteger(crc: number, value: number): number {
  const low = value >>> 0;
  const high = (value - low) / 0x1_0000_0000;
  SCRATCH[0] = low;
  SCRATCH[1] = low >>> 8;
  SCRATCH[2] = low >>> 16;
  SCRATCH[3] = low >>> 24;
  SCRATCH[4] = high;
  SCRATCH[5] = high >>> 8;
  SCRATCH[6] = high >>> 16;
  SCRATCH[7] = high >>> 24;
  return crc32c(crc, SCRATCH);
}
