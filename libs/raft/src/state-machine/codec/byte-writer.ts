const INITIAL_BYTES = 8 * 1024;

/** A scratch buffer above this isn't kept, so that one large value doesn't stay in memory for good. */
const KEPT_BYTES = 1024 * 1024;

/**
 * Appends bytes to a buffer that grows. Writers are taken from a pool of one; a writer that is taken while another is in use
 * (a getter of an argument that encodes something itself) is a new one, so that the two don't write into each other.
 */
export class ByteWriter {
  private static spare: ByteWriter | undefined;

  buffer: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  at = 0;

  static take(): ByteWriter {
    const writer = ByteWriter.spare ?? new ByteWriter();
    ByteWriter.spare = undefined;
    writer.at = 0;
    return writer;
  }

  /** Gives the writer back; what was written must have been copied before. */
  release(): void {
    if (this.buffer.length <= KEPT_BYTES) ByteWriter.spare = this;
  }

  /** @returns a copy of what was written from `from` on, with memory of its own */
  copy(from = 0): Uint8Array {
    const bytes = new Uint8Array(this.at - from);
    bytes.set(this.buffer.subarray(from, this.at));
    return bytes;
  }

  /** Makes room for so many more bytes. */
  reserve(bytes: number): void {
    const needed = this.at + bytes;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.at);
    this.buffer = grown;
  }

  uint8(value: number): void {
    this.reserve(1);
    this.buffer[this.at++] = value;
  }

  uint16(value: number): void {
    this.reserve(2);
    const { buffer } = this;
    buffer[this.at++] = value >>> 8;
    buffer[this.at++] = value;
  }

  uint32(value: number): void {
    this.reserve(4);
    writeUint32(this.buffer, this.at, value);
    this.at += 4;
  }

  /** A non-negative safe integer, as eight bytes. */
  safeInteger(value: number): void {
    this.reserve(8);
    writeSafeInteger(this.buffer, this.at, value);
    this.at += 8;
  }

  float64(value: number): void {
    this.reserve(8);
    this.buffer.writeDoubleBE(value, this.at);
    this.at += 8;
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** UTF-8, preceded by its length in one byte. The caller has checked that it isn't longer than 255 bytes. */
  shortString(text: string): void {
    this.reserve(1 + text.length * 3);
    const { buffer } = this;
    const start = this.at + 1;
    let at = start;
    for (let position = 0; position < text.length; position++) {
      const code = text.charCodeAt(position);
      if (code >= 0x80) {
        at = start + buffer.write(text, start, 'utf8');
        break;
      }
      buffer[at++] = code;
    }
    buffer[this.at] = at - start;
    this.at = at;
  }
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes a non-negative safe integer as eight bytes, big endian. */
export function writeSafeInteger(bytes: Uint8Array, at: number, value: number): void {
  writeUint32(bytes, at, Math.floor(value / 0x1_0000_0000));
  writeUint32(bytes, at + 4, value >>> 0);
}
