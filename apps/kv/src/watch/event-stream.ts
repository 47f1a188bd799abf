import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** A reader that is so far behind is let go of: it comes back, and says where it was. */
const MOST_UNREAD_BYTES = 4 * 1024 * 1024;
const PING_MS = 15_000;

/** Server-sent events on one response, which end when the reader goes. */
export class EventStream {
  private readonly response: ServerResponse;
  private readonly ping: NodeJS.Timeout;
  private ended = false;

  private closed: (() => void) | undefined;

  constructor(reply: FastifyReply) {
    reply.hijack();
    this.response = reply.raw;
    this.response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    this.response.on('close', () => this.end());
    this.response.on('error', () => this.end());
    this.ping = setInterval(() => this.write(': ping\n\n'), PING_MS);
    this.ping.unref();
  }

  /** @param data JSON without line breaks */
  send(type: string, id: number, data: string): void {
    this.write(`event: ${type}\nid: ${id}\ndata: ${data}\n\n`);
  }

  /** @param closed called once, when the reader has gone or the stream was ended: at once where that is so already */
  whenClosed(closed: () => void): void {
    if (this.ended) closed();
    else this.closed = closed;
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.ping);
    this.closed?.();
    this.response.end();
  }

  private write(text: string): void {
    if (this.ended) return;
    this.response.write(text);
    if (this.response.writableLength <= MOST_UNREAD_BYTES) return;
    this.end();
    this.response.destroy();
  }
}
