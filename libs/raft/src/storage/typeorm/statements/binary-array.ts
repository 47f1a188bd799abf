/**
 * Postgres arrays in the binary format of its wire protocol, made by hand: pg sends a Buffer as it is, where it would turn
 * an array of Buffers into hexadecimal text of twice the size. Layout: dimensions, null flag, element type, length, lower
 * bound, then each element behind its length.
 */
const HEADER_BYTES = 20;

const OID = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23 } as const;

function start(type: number, length: number, elementBytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + elementBytes);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(0, 4);
  buffer.writeInt32BE(type, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
  return buffer;
}

/** Writes by hand, as this runs for every entry of every batch: Buffer's own writers check each call. */
function putInt32(buffer: Buffer, value: number, at: number): number {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
  return at + 4;
}

export function int2Array<T>(items: readonly T[], of: (item: T) => number): Buffer {
  const buffer = start(OID.int2, items.length, items.length * 6);
  let at = HEADER_BYTES;
  for (const item of items) {
    const value = of(item);
    at = putInt32(buffer, 2, at);
    buffer[at++] = value >>> 8;
    buffer[at++] = value;
  }
  return buffer;
}

/** Unsigned 32-bit numbers are taken as the signed ones with the same bits. */
export function int4Array<T>(items: readonly T[], of: (item: T) => number): Buffer {
  const buffer = start(OID.int4, items.length, items.length * 8);
  let at = HEADER_BYTES;
  for (const item of items) {
    at = putInt32(buffer, 4, at);
    at = putInt32(buffer, of(item), at);
  }
  return buffer;
}

/** Non-negative safe integers. */
export function int8Array<T>(items: readonly T[], of: (item: T) => number): Buffer {
  const buffer = start(OID.int8, items.length, items.length * 12);
  let at = HEADER_BYTES;
  for (const item of items) {
    const value = of(item);
    at = putInt32(buffer, 8, at);
    at = putInt32(buffer, Math.floor(value / 0x1_0000_0000), at);
    at = putInt32(buffer, value >>> 0, at);
  }
  return buffer;
}

export function boolArray<T>(items: readonly T[], of: (item: T) => boolean): Buffer {
  const buffer = start(OID.bool, items.length, items.length * 5);
  let at = HEADER_BYTES;
  for (const item of items) {
    at = putInt32(buffer, 1, at);
    buffer[at++] = of(item) ? 1 : 0;
  }
  return buffer;
}

export function byteaArray<T>(items: readonly T[], of: (item: T) => Uint8Array): Buffer {
  let bytes = 0;
  for (const item of items) bytes += 4 + of(item).length;
  const buffer = start(OID.bytea, items.length, bytes);
  let at = HEADER_BYTES;
  for (const item of items) {
    const data = of(item);
    at = putInt32(buffer, data.length, at);
    buffer.set(data, at);
    at += data.length;
  }
  return buffer;
}
