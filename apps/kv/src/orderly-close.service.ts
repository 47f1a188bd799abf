import type { Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';

/** So long a node that goes still answers, with a refusal, so that clients leave before their connections are closed. */
const FAREWELL_MS = 750;
/** A client that asked within this time before the stop may have its next request on its way: it is waited for. */
const LATELY_MS = 1_000;
/** While requests come, more may be on their way: redirected ones on connections of their own, too. */
const QUIET_MS = 300;
/** And for no longer than this in all. */
const LONGEST_FAREWELL_MS = 2_000;
const CHECK_EVERY_MS = 25;
/** What is still open then doesn't end by itself, such as a stream of events. */
const LONGEST_ANSWER_MS = 2_000;

/**
 * Closes the clients' connections so that nobody is left without an answer: from the moment at which a stop is asked for, each
 * answer is the last of its connection. One that is closed while a request is on its way leaves its client not knowing.
 */
@Injectable()
export class OrderlyClose implements OnModuleDestroy, BeforeApplicationShutdown {
  private closingSinceMs: number | undefined;
  private lastRequestMs = Number.NEGATIVE_INFINITY;
  /** Connections whose clients were not told to leave, and when each was used last. */
  private readonly usedAtMs = new Map<Socket, number>();

  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {
    host.httpAdapter.getInstance().addHook('onRequest', ({ raw: { socket } }, reply, done) => {
      if (this.closingSinceMs === undefined) this.used(socket);
      else {
        this.lastRequestMs = performance.now();
        this.usedAtMs.delete(socket);
        reply.header('connection', 'close');
      }
      done();
    });
  }

  onModuleDestroy(): void {
    this.closingSinceMs = performance.now();
  }

  async beforeApplicationShutdown(): Promise<void> {
    const sinceMs = this.closingSinceMs ?? performance.now();
    await sleep(FAREWELL_MS);
    while (performance.now() < sinceMs + LONGEST_FAREWELL_MS && this.expectsMore(sinceMs)) await sleep(CHECK_EVERY_MS);
    // A timer fires before what lies in the sockets is read; unread, a connection counts as one that waits for nothing.
    await nextTurn();
    await nextTurn();
    const { server } = this.host.httpAdapter.getInstance();
    setTimeout(() => server.closeAllConnections(), LONGEST_ANSWER_MS).unref();
  }

  private used(socket: Socket): void {
    if (!this.usedAtMs.has(socket)) socket.once('close', () => this.usedAtMs.delete(socket));
    this.usedAtMs.set(socket, performance.now());
  }

  private expectsMore(closingSinceMs: number): boolean {
    if (performance.now() - this.lastRequestMs < QUIET_MS) return true;
    return [...this.usedAtMs.values()].some((usedAtMs) => usedAtMs >= closingSinceMs - LATELY_MS);
  }
}
