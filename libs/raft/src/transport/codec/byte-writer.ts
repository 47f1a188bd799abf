import { ProtocolError } from './protocol-error';

const MAX_TEXT_BYTES = 0xffff;

/** @returns the most bytes that {@link ByteWriter.text} needs for this string */
export function textBound(value: string): number {
  return 2 + 3 * value.length;
}

/** Writes into one buffer that its maker sized by an upper bound. Numbers are big endian. */
export class ByteWriter {
  readonly buffer: Buffer;
  private at = 0;

  constructor(boundBytes: number) {
    this.buffer = Buffer.allocUnsafe(boundBytes);
  }

  get length(): number {
    return this.at;
  }

  written(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  skip(bytes: number): void {
    this.at += bytes;
  }

  u8(value: number): void {
    this.buffer[this.at++] = value;
  }

  flag(value: boolean): void {
    this.buffer[this.at++] = value ? 1 : 0;
  }

  u16(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff)
      throw new ProtocolError(`${value} isn't a whole number below 2^16`);
    this.buffer[this.at++] = value >>> 8;
    this.buffer[this.at++] = value;
  }

  u32(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
      throw new ProtocolError(`${value} isn't a whole number below 2^32`);
    this.at = putU32(this.buffer, this.at, value);
  }

  /** Eight bytes, of which the reader accepts what a number holds exactly. */
  safeInteger(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new ProtocolError(`${value} isn't a non-negative safe integer`);
    this.at = putU32(this.buffer, this.at, Math.floor(value / 0x1_0000_0000));
    this.at = putU32(this.buffer, this.at, value >>> 0);
  }

  f64(value: number): void {
    if (!Number.isFinite(value)) throw new ProtocolError(`${value} isn't a finite number`);
    this.at = this.buffer.writeDoubleBE(value, this.at);
  }

  text(value: string): void {
    const bytes = this.buffer.write(value, this.at + 2, 'utf8');
    if (bytes > MAX_TEXT_BYTES) throw new ProtocolError(`a text of ${bytes} bytes is longer than ${MAX_TEXT_BYTES}`);
    this.buffer[this.at++] = bytes >>> 8;
    this.buffer[this.at++] = bytes;
    this.at += bytes;
  }

  bytes(value: Uint8Array): void {
    this.buffer.set(value, this.at);
    this.at += value.length;
  }
}

/** @returns the offset behind the four bytes */
export function putU32(buffer: Buffer, at: number, value: number): number {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
  return at + 4;
}
