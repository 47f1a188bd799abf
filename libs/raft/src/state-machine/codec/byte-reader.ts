import { MalformedBytesError } from './codec-errors';
import { shortAscii, wordAt } from './short-strings';

/** Up to this length, strings are read without a call into native code. */
const SHORT_STRING_LENGTH = 16;

/** Reads bytes in order; whatever isn't there is a {@link MalformedBytesError}, never a read beyond the end. */
export class ByteReader {
  at = 0;
  private view: Buffer | undefined;

  /** @param what the name of the thing that is read, for errors */
  constructor(
    readonly bytes: Uint8Array,
    private readonly what: string,
  ) {}

  private get buffer(): Buffer {
    const { bytes } = this;
    return (this.view ??= Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  get remaining(): number {
    return this.bytes.length - this.at;
  }

  malformed(problem: string): MalformedBytesError {
    return new MalformedBytesError(`${this.what} is malformed at byte ${this.at} of ${this.bytes.length}: ${problem}`);
  }

  uint8(): number {
    this.need(1);
    return this.bytes[this.at++]!;
  }

  uint16(): number {
    this.need(2);
    const { bytes, at } = this;
    this.at = at + 2;
    return (bytes[at]! << 8) | bytes[at + 1]!;
  }

  uint32(): number {
    this.need(4);
    const { bytes, at } = this;
    this.at = at + 4;
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  }

  /** A non-negative safe integer of eight bytes. */
  safeInteger(): number {
    const high = this.uint32();
    const low = this.uint32();
    if (high > 0x1f_ffff) throw this.malformed('a number is beyond the safe integers');
    return high * 0x1_0000_0000 + low;
  }

  float64(): number {
    this.need(8);
    const value = this.buffer.readDoubleBE(this.at);
    this.at += 8;
    return value;
  }

  /** @returns a copy with memory of its own */
  copy(length: number): Uint8Array {
    this.need(length);
    const copy = new Uint8Array(length);
    copy.set(this.bytes.subarray(this.at, this.at + length));
    this.at += length;
    return copy;
  }

  utf8(length: number): string {
    this.need(length);
    const start = this.at;
    this.at += length;
    if (length <= SHORT_STRING_LENGTH) {
      const text = shortAscii(this.bytes, start, length);
      if (text !== undefined) return text;
    }
    return this.buffer.toString('utf8', start, this.at);
  }

  /** Like {@link utf8}, for what repeats: names and keys. */
  word(length: number): string {
    this.need(length);
    const word = wordAt(this.bytes, this.at, length);
    if (word === undefined) return this.utf8(length);
    this.at += length;
    return word;
  }

  shortString(): string {
    return this.word(this.uint8());
  }

  /** Fails where bytes are left over. */
  end(): void {
    if (this.remaining !== 0) throw this.malformed(`${this.remaining} bytes too many`);
  }

  private need(bytes: number): void {
    if (this.at + bytes > this.bytes.length) throw this.malformed(`${bytes} bytes are expected here`);
  }
}
