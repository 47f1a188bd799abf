/** Bytes that come in chunks and are taken in other pieces. Chunks are kept as they are; a piece over several is joined once. */
export class ByteQueue {
  private readonly chunks: Uint8Array[] = [];
  private first = 0;
  private offset = 0;
  private bytes = 0;

  get length(): number {
    return this.bytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.chunks.push(chunk);
    this.bytes += chunk.length;
  }

  /** @returns so many bytes, or undefined where they aren't there yet; they may share memory with a chunk */
  peek(length: number): Uint8Array | undefined {
    if (length > this.bytes) return undefined;
    const chunk = this.chunks[this.first];
    if (chunk === undefined) return new Uint8Array(0);
    if (chunk.length - this.offset >= length) return chunk.subarray(this.offset, this.offset + length);
    return this.join(length);
  }

  /** @returns like {@link peek}; the bytes are then gone */
  take(length: number): Uint8Array | undefined {
    const taken = this.peek(length);
    if (taken !== undefined) this.drop(length);
    return taken;
  }

  private join(length: number): Uint8Array {
    const joined = new Uint8Array(length);
    let at = 0;
    for (let index = this.first, { offset } = this; at < length; index++, offset = 0) {
      const chunk = this.chunks[index]!;
      const part = chunk.subarray(offset, offset + length - at);
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  private drop(length: number): void {
    this.bytes -= length;
    this.offset += length;
    for (let chunk = this.chunks[this.first]; chunk !== undefined && this.offset >= chunk.length;) {
      this.offset -= chunk.length;
      chunk = this.chunks[++this.first];
    }
    if (this.first === this.chunks.length || this.first > 1024) {
      this.chunks.splice(0, this.first);
      this.first = 0;
    }
  }
}
