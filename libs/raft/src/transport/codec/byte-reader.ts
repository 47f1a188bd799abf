import { ProtocolError } from './protocol-error';

/**
 * Reads what {@link ByteWriter} wrote, from bytes that nobody vouches for: each read is checked against the end, and ends in a
 * value or in a {@link ProtocolError}.
 */
export class ByteReader {
  private readonly buffer: Buffer;
  private at: number;
  private readonly end: number;

  constructor(buffer: Buffer, from: number, to: number) {
    this.buffer = buffer;
    this.at = from;
    this.end = to;
  }

  get offset(): number {
    return this.at;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  u8(): number {
    return this.buffer[this.take(1)]!;
  }

  flag(): boolean {
    const value = this.u8();
    if (value > 1) throw new ProtocolError(`a flag has the value ${value}`);
    return value === 1;
  }

  u16(): number {
    const at = this.take(2);
    return (this.buffer[at]! << 8) | this.buffer[at + 1]!;
  }

  u32(): number {
    return getU32(this.buffer, this.take(4));
  }

  safeInteger(): number {
    const at = this.take(8);
    const high = getU32(this.buffer, at);
    if (high > 0x1f_ffff) throw new ProtocolError('a number is above the safe integers');
    return high * 0x1_0000_0000 + getU32(this.buffer, at + 4);
  }

  f64(): number {
    const value = this.buffer.readDoubleBE(this.take(8));
    if (!Number.isFinite(value)) throw new ProtocolError("a number isn't finite");
    return value;
  }

  text(): string {
    const bytes = this.u16();
    const at = this.take(bytes);
    return this.buffer.toString('utf8', at, at + bytes);
  }

  /** @returns the offset of that many bytes, which are then behind this reader */
  take(bytes: number): number {
    const at = this.at;
    if (bytes > this.end - at) throw new ProtocolError(`the frame ends ${bytes - (this.end - at)} bytes too early`);
    this.at = at + bytes;
    return at;
  }

  /** Nothing may be left: bytes that no field explains are a sign of another layout. */
  finish(): void {
    if (this.at !== this.end) throw new ProtocolError(`${this.end - this.at} bytes are left after the last field`);
  }
}

export function getU32(buffer: Uint8Array, at: number): number {
  return buffer[at]! * 0x100_0000 + ((buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!);
}
