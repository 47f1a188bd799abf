import type { Type } from '@nestjs/common';
import { TcpSocket } from '@nestjs/microservices';
import type { Socket } from 'node:net';
import { decodeFrame, encodeFrame, FrameReader, type HandshakeFrame } from '../codec';
import { STRANGER_FRAME_BYTES } from './options/tcp-transport-options';

const KEEP_ALIVE_AFTER_MS = 5000;

/** Up to here the frames of one tick are joined into one buffer; above it, copying costs more than a gathered write. */
const JOIN_BYTES = 256 * 1024;

export interface RaftTcpSocketSettings {
  readonly maxFrameBytes: number;
}

/**
 * Frames on a TCP socket. Whatever it has to write, it goes on reading: two sides that each stop reading until the other has
 * read would wait for each other for ever. What a peer doesn't read is bounded where messages are handed over, by
 * {@link backlogBytes}.
 *
 * Emits `message` with each `Frame`. Bytes that aren't the protocol destroy the socket with a `ProtocolError`.
 */
export class RaftTcpSocket extends TcpSocket {
  private readonly settings: RaftTcpSocketSettings;
  private readonly reader: FrameReader;
  private queue: Buffer[] = [];
  private queuedBytes = 0;

  constructor(socket: Socket, settings: RaftTcpSocketSettings) {
    super(socket);
    this.settings = settings;
    this.reader = new FrameReader(Math.min(STRANGER_FRAME_BYTES, settings.maxFrameBytes), (source, from, to) =>
      this.socket.emit('message', decodeFrame(source, from, to)),
    );
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
    // Says "closed" at once instead of after what is still to be written to a peer that has gone.
    socket.once('end', () => socket.destroy());
    socket.once('close', () => this.discard());
  }

  /** Bytes that were handed over and haven't gone to the operating system. */
  get backlogBytes(): number {
    return this.queuedBytes + this.socket.writableLength;
  }

  /** Bytes that have gone to the operating system so far. */
  get flushedBytes(): number {
    return this.socket.bytesWritten - this.socket.writableLength;
  }

  /** From now on frames may have their full size. */
  trustFrames(): void {
    this.reader.maxFrameBytes = this.settings.maxFrameBytes;
  }

  sendHandshake(frame: HandshakeFrame): void {
    this.sendMessage(encodeFrame(frame));
  }

  /** Says a last word and hangs up; a peer that doesn't read it is cut off. */
  endWith(frame: HandshakeFrame, graceMs: number): void {
    this.reader.stop();
    this.sendHandshake(frame);
    this.flush();
    this.socket.end();
    const timer = setTimeout(() => this.socket.destroy(), graceMs);
    this.socket.once('close', () => clearTimeout(timer));
  }

  /** Hands over to the operating system what was said within this tick, and hangs up. */
  hangUp(): void {
    this.flush();
    this.destroy();
  }

  destroy(error?: Error): void {
    this.reader.stop();
    this.socket.destroy(error);
  }

  /** @param frame encoded; what is sent within one tick goes out as one write */
  protected override handleSend(frame: Buffer): void {
    this.queue.push(frame);
    this.queuedBytes += frame.length;
    if (this.queue.length === 1) process.nextTick(() => this.flush());
  }

  protected override handleData(chunk: Buffer): void {
    try {
      this.reader.push(chunk);
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  private flush(): void {
    const { queue, queuedBytes } = this;
    this.queue = [];
    this.queuedBytes = 0;
    if (queue.length === 0 || !this.socket.writable) return;
    if (queue.length === 1) this.socket.write(queue[0]!);
    else if (queuedBytes <= JOIN_BYTES) this.socket.write(Buffer.concat(queue, queuedBytes));
    else {
      this.socket.cork();
      for (const frame of queue) this.socket.write(frame);
      this.socket.uncork();
    }
  }

  private discard(): void {
    this.reader.stop();
    this.queue = [];
    this.queuedBytes = 0;
  }
}

/** Nest makes sockets with `new socketClass(socket)` and nothing else, so the settings come through a closure. */
export function raftTcpSocketClass(settings: RaftTcpSocketSettings): Type<RaftTcpSocket> {
  return class extends RaftTcpSocket {
    constructor(socket: Socket) {
      super(socket, settings);
    }
  };
}
