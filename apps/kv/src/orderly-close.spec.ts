import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { OrderlyClose } from './orderly-close.service';

@Controller()
class Greeting {
  @Get()
  get(): string {
    return 'hello';
  }
}

const NODE_STOPS_MS = 600;

/** Stands for the node, which hands over first, in a module that Nest ends after the application's own. */
@Injectable()
class StoppingNode implements BeforeApplicationShutdown {
  hasStopped = false;

  async beforeApplicationShutdown(): Promise<void> {
    await sleep(NODE_STOPS_MS);
    this.hasStopped = true;
  }
}

@Module({ providers: [StoppingNode] })
class NodeModule {}

@Module({ imports: [NodeModule], controllers: [Greeting], providers: [OrderlyClose] })
class GreetingModule {}

describe('an application that is stopped', () => {
  let app: NestFastifyApplication;
  let port: number;
  /** One connection, kept open. */
  let agent: Agent;

  beforeEach(async () => {
    const adapter = new FastifyAdapter({ forceCloseConnections: 'idle' });
    app = await NestFactory.create<NestFastifyApplication>(GreetingModule, adapter, { logger: false });
    await app.listen(0, '127.0.0.1');
    ({ port } = app.getHttpServer().address() as AddressInfo);
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  });

  afterEach(async () => {
    agent.destroy();
    await app.close();
  });

  const get = (): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      const sent = request({ port, host: '127.0.0.1', agent }, (answer) => {
        answer.resume().once('end', () => resolve(answer.headers.connection));
      });
      sent.once('error', reject).end();
    });

  it('answers the next request of a client that asked lately, however long it takes to come, and that is the last', async () => {
    expect(await get()).toBe('keep-alive');
    const closed = app.close();
    await sleep(1_200);
    expect(await get()).toBe('close');
    await closed;
    await expect(get()).rejects.toThrow(/ECONNREFUSED/);
  });

  it('answers all who are sent to it until its node has handed over, and some time longer, and then refuses connections', async () => {
    const node = app.get(StoppingNode, { strict: false });
    const closed = app.close();
    for (let after = 0; after < 10; after += node.hasStopped ? 1 : 0) {
      expect(await get()).toBe('close');
      await sleep(20);
    }
    await closed;
    await expect(get()).rejects.toThrow(/ECONNREFUSED/);
  });

  it('does not wait for ever for a client that asks nothing', async () => {
    await get();
    await app.close();
    await expect(get()).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/);
  });
});
