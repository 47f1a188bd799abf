import { LENGTH_BYTES, MIN_FRAME_LENGTH } from './frame-codec';
import type { FrameSource } from './payload';
import { getU32 } from './byte-reader';
import { ProtocolError } from './protocol-error';

/** What is set aside for a frame on its length's word alone; beyond it the buffer grows as bytes really come. */
const TRUSTED_BYTES = 1024 * 1024;

/** The first two bytes of a TLS connection; no frame is as large as a length that begins so says. */
const TLS_HANDSHAKE = 0x16_03;

/** One frame without its length lies in `source` between the two offsets. */
export type FrameListener = (source: FrameSource, from: number, to: number) => void;

/**
 * Cuts a byte stream into frames, however it was cut before: frames that lie whole in a chunk are handed over in place, others
 * are put together in a buffer of their own. A length above the limit is refused before anything of the frame is kept.
 */
export class FrameReader {
  /** The most that a frame's length may say; a stranger gets less than an admitted peer. */
  maxFrameBytes: number;
  private readonly onFrame: FrameListener;
  private readonly lengthBytes = Buffer.alloc(LENGTH_BYTES);
  private lengthFilled = 0;
  private assembling: Buffer | undefined;
  private frameLength = 0;
  private filled = 0;
  private stopped = false;

  constructor(maxFrameBytes: number, onFrame: FrameListener) {
    this.maxFrameBytes = maxFrameBytes;
    this.onFrame = onFrame;
  }

  /** Nothing more is handed over, not even what a chunk under way still holds. */
  stop(): void {
    this.stopped = true;
    this.assembling = undefined;
  }

  /** @throws ProtocolError for a length outside of the limits; the stream can't be read on */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.stopped)
      at = this.assembling === undefined ? this.begin(chunk, at) : this.fill(chunk, at);
  }

  private begin(chunk: Buffer, at: number): number {
    let next = at;
    if (this.lengthFilled === 0 && chunk.length - at >= LENGTH_BYTES) {
      this.frameLength = this.checked(getU32(chunk, at));
      next += LENGTH_BYTES;
    } else {
      while (this.lengthFilled < LENGTH_BYTES && next < chunk.length)
        this.lengthBytes[this.lengthFilled++] = chunk[next++]!;
      if (this.lengthFilled < LENGTH_BYTES) return next;
      this.lengthFilled = 0;
      this.frameLength = this.checked(getU32(this.lengthBytes, 0));
    }
    const end = next + this.frameLength;
    if (end <= chunk.length) {
      this.onFrame({ buffer: chunk, shared: true }, next, end);
      return end;
    }
    this.assembling = Buffer.allocUnsafeSlow(Math.min(this.frameLength, TRUSTED_BYTES));
    this.filled = 0;
    return next;
  }

  private fill(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.frameLength - this.filled);
    const buffer = this.room(this.filled + end - at);
    chunk.copy(buffer, this.filled, at, end);
    this.filled += end - at;
    if (this.filled === this.frameLength) {
      this.assembling = undefined;
      this.onFrame({ buffer, shared: false }, 0, this.frameLength);
    }
    return end;
  }

  private room(bytes: number): Buffer {
    const buffer = this.assembling!;
    if (bytes <= buffer.length) return buffer;
    const larger = Buffer.allocUnsafeSlow(Math.min(this.frameLength, Math.max(bytes, 2 * buffer.length)));
    buffer.copy(larger, 0, 0, this.filled);
    this.assembling = larger;
    return larger;
  }

  private checked(length: number): number {
    if (length < MIN_FRAME_LENGTH) throw new ProtocolError(`a frame has a length of ${length} bytes`);
    if (length >>> 16 === TLS_HANDSHAKE)
      throw new ProtocolError(
        'the peer speaks TLS (`peers.tls`), and this side has none: configure it on both, or on neither',
      );
    if (length + LENGTH_BYTES > this.maxFrameBytes)
      throw new ProtocolError(
        `a frame of ${length + LENGTH_BYTES} bytes is larger than the limit, ${this.maxFrameBytes}; or the peer doesn't speak this protocol`,
      );
    return length;
  }
}
