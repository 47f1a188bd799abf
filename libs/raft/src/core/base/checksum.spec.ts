import fc from 'fast-check';
import { crc32c, crc32cOfSafeInteger } from './checksum';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The definition, bit by bit. */
function slowCrc32c(bytes: Uint8Array): number {
  let state = 0xffffffff;
  for (const byte of bytes) {
    state ^= byte;
    for (let bit = 0; bit < 8; bit++) state = state & 1 ? (state >>> 1) ^ 0x82f63b78 : state >>> 1;
  }
  return ~state >>> 0;
}

describe('crc32c', () => {
  it.each<[string, Uint8Array, number]>([
    ['nothing', ascii(''), 0],
    ['the check value of the polynomial', ascii('123456789'), 0xe3069283],
    ['32 zeros (RFC 3720, B.4)', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones (RFC 3720, B.4)', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 ascending bytes (RFC 3720, B.4)', Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
    ['32 descending bytes (RFC 3720, B.4)', Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
  ])('%s', (_, bytes, expected) => {
    expect(crc32c(0, bytes)).toBe(expected);
  });

  it('agrees with the definition, for any bytes, in one piece or in two', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), (bytes, at) => {
        const expected = slowCrc32c(bytes);
        expect(crc32c(0, bytes)).toBe(expected);
        expect(crc32c(crc32c(0, bytes.subarray(0, at)), bytes.subarray(at))).toBe(expected);
      }),
    );
  });

  it('takes a safe integer as eight bytes, little endian', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1, 2 ** 32)), (value) => {
        const bytes = new Uint8Array(8);
        new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
        expect(crc32cOfSafeInteger(0, value)).toBe(slowCrc32c(bytes));
      }),
    );
  });
});
