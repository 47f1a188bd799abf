import type { Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';

/** While requests come, more may be on their way: redirected ones on connections of their own, too. */
const QUIET_MS = 500;
/** A client that asked within this time before the stop may have its next request on its way: it is waited for. */
const LATELY_MS = 1_000;
/** And for no longer than this in all. */
const LONGEST_FAREWELL_MS = 3_000;
const CHECK_EVERY_MS = 25;
/** What is still open then doesn't end on its own, such as a stream of events. */
const LONGEST_ANSWER_MS = 2_000;

/**
 * Closes the clients' connections so that nobody is left without an answer: from the moment at which a stop is asked for, each
 * answer is the last of its connection. One that is closed while a request is on its way leaves its client not knowing.
 *
 * The port stays open until the node has handed over and no more requests come. Before the others know the next leader, they send
 * their clients here, so a wait that ends earlier is of no use: it would end while the most requests come.
 */
@Injectable()
export class OrderlyClose implements OnModuleDestroy {
  private closingSinceMs: number | undefined;
  private lastRequestMs = Number.NEGATIVE_INFINITY;
  /** Connections whose clients were not told to leave, and when each was used last. */
  private readonly usedAtMs = new Map<Socket, number>();

  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {
    const fastify = host.httpAdapter.getInstance();
    fastify.addHook('onRequest', ({ raw: { socket } }, reply, done) => {
      if (this.closingSinceMs === undefined) this.used(socket);
      else {
        this.lastRequestMs = performance.now();
        this.usedAtMs.delete(socket);
        reply.header('connection', 'close');
      }
      done();
    });
    // Nest closes its server when the node has stopped; this is the last moment at which the server still listens.
    fastify.addHook('preClose', () => this.farewell());
  }

  onModuleDestroy(): void {
    this.closingSinceMs = performance.now();
  }

  private async farewell(): Promise<void> {
    const farewellMs = performance.now();
    const { server } = this.host.httpAdapter.getInstance();
    while (server.listening && this.expectsMore(farewellMs) && performance.now() < farewellMs + LONGEST_FAREWELL_MS) {
      await sleep(CHECK_EVERY_MS);
      // A timer fires before what lies in the sockets is read: two turns, for a connection and its request. The server closes in
      // the turn of the last check, since the system resets connections that it has not taken by then.
      await nextTurn();
      await nextTurn();
    }
    setTimeout(() => server.closeAllConnections(), LONGEST_ANSWER_MS).unref();
  }

  private used(socket: Socket): void {
    if (!this.usedAtMs.has(socket)) socket.once('close', () => this.usedAtMs.delete(socket));
    this.usedAtMs.set(socket, performance.now());
  }

  private expectsMore(farewellMs: number): boolean {
    if (performance.now() - Math.max(this.lastRequestMs, farewellMs) < QUIET_MS) return true;
    const closingSinceMs = this.closingSinceMs ?? farewellMs;
    return [...this.usedAtMs.values()].some((usedAtMs) => usedAtMs >= closingSinceMs - LATELY_MS);
  }
}
