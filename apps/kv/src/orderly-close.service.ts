import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';

/** So long a node that goes still answers, with a refusal, so that clients leave before their connections are closed. */
const FAREWELL_MS = 750;
/** What is still open then doesn't end by itself, such as a stream of events. */
const LONGEST_ANSWER_MS = 2_000;

/**
 * Closes the clients' connections so that nobody is left without an answer: from the moment at which a stop is asked for, each
 * answer is the last of its connection. One that is closed while a request is on its way leaves its client not knowing.
 */
@Injectable()
export class OrderlyClose implements OnModuleDestroy, BeforeApplicationShutdown {
  private isClosing = false;

  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {
    host.httpAdapter.getInstance().addHook('onRequest', (_request, reply, done) => {
      if (this.isClosing) reply.header('connection', 'close');
      done();
    });
  }

  onModuleDestroy(): void {
    this.isClosing = true;
  }

  async beforeApplicationShutdown(): Promise<void> {
    await sleep(FAREWELL_MS);
    // A timer fires before what lies in the sockets is read; unread, a connection counts as one that waits for nothing.
    await nextTurn();
    await nextTurn();
    const { server } = this.host.httpAdapter.getInstance();
    setTimeout(() => server.closeAllConnections(), LONGEST_ANSWER_MS).unref();
  }
}
