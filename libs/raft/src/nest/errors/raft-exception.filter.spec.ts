import {
  Catch,
  ConflictException,
  Controller,
  Get,
  type ArgumentsHost,
  type ExceptionFilter,
  type INestApplication,
} from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { CustomTransportStrategy, MessagePattern, Server } from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { AddressInfo } from 'node:net';
import type { Server as HttpServer } from 'node:http';
import { lastValueFrom, type Observable } from 'rxjs';
import { RaftError } from '../../errors/raft-error';
import { LeaderOnly } from '../leader-only/leader-only.decorator';
import { RaftExceptionFilter } from './raft-exception.filter';
import { RaftHttpException } from './raft-http.exception';
import { RaftModule } from '../module/raft.module';
import type { RaftModuleOptions } from '../common/raft-module-options.interface';
import { RaftService } from '../services/raft.service';

let thrown: unknown;

@Controller()
class FailingController {
  @Get()
  fail(): never {
    // Whatever a test wants to see answered.
    // oxlint-disable-next-line typescript/only-throw-error
    throw thrown;
  }
}

/** The application's own, for a class of errors that isn't ours. */
@Catch(ConflictException)
class ConflictFilter implements ExceptionFilter {
  catch(_exception: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<{ status(status: number): { send(body: object): void } }>();
    reply.status(409).send({ by: 'the application' });
  }
}

const opened: INestApplication[] = [];

async function serve(adapter: AbstractHttpAdapter, options: RaftModuleOptions = {}): Promise<string> {
  const moduleRef = await Test.createTestingModule({
    imports: [RaftModule.forRoot({ election: { timeoutMs: 100, heartbeatIntervalMs: 20 }, ...options })],
    controllers: [FailingController],
  }).compile();
  const app = moduleRef.createNestApplication(adapter, { logger: false });
  app.useGlobalFilters(new ConflictFilter());
  opened.push(app);
  await app.listen(0, '127.0.0.1');
  return `http://127.0.0.1:${((app.getHttpServer() as HttpServer).address() as AddressInfo).port}`;
}

afterEach(async () => {
  for (const app of opened.splice(0)) await app.close();
});

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('the global filter on %s', (_name, newAdapter: () => AbstractHttpAdapter) => {
  it('answers each error of a controller by the table', async () => {
    const url = await serve(newAdapter());
    const leader = { name: 'n1', peer: 'n1:7001', http: 'http://n1:3000' };

    thrown = new RaftError('RAFT_BUSY', 'too much', { retryAfterMs: 2_100 });
    const busy = await fetch(url);
    expect(busy.status).toBe(429);
    expect(busy.headers.get('retry-after')).toBe('3');
    expect(await busy.json()).toEqual({ statusCode: 429, code: 'RAFT_BUSY', message: 'too much' });

    thrown = new RaftError('RAFT_NOT_LEADER', 'ask n1', { leader });
    const notLeader = await fetch(url);
    expect(notLeader.status).toBe(503);
    expect(await notLeader.json()).toEqual({ statusCode: 503, code: 'RAFT_NOT_LEADER', message: 'ask n1', leader });

    thrown = new RaftError('RAFT_INDETERMINATE', 'who knows');
    const indeterminate = await fetch(url);
    expect(indeterminate.status).toBe(504);
    expect(indeterminate.headers.get('retry-after')).toBeNull();
  });

  it("brings a refusal's reason and details, also those that JSON has no word for", async () => {
    const url = await serve(newAdapter());
    const details = { big: 12n, seen: new Set(['a']), by: new Map([['k', 1]]), bytes: Uint8Array.of(1, 2, 3) };
    thrown = new RaftError('RAFT_REJECTED', 'no', { reason: 'WHY', details });

    const response = await fetch(url);

    expect(response.status).toBe(422);
    expect(await response.json()).toEqual({
      statusCode: 422,
      code: 'RAFT_REJECTED',
      message: 'no',
      reason: 'WHY',
      details: { big: '12', seen: ['a'], by: [['k', 1]], bytes: 'AQID' },
    });
  });

  it('keeps what is about the inside of the application from callers', async () => {
    const url = await serve(newAdapter());
    thrown = new RaftError('RAFT_FATAL', 'entry 7 of db.internal:5432 has kind 9');

    const response = await fetch(url);

    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('db.internal');
  });

  it("knows the errors of another copy of the package by their brand, and leaves the application's own alone", async () => {
    const url = await serve(newAdapter());

    const foreign = Object.assign(new Error('from the other copy'), { code: 'RAFT_CONFLICT' });
    Object.defineProperty(foreign, Symbol.for('nestjs-raft.error'), { value: true });
    thrown = foreign;
    expect(await (await fetch(url)).json()).toMatchObject({ statusCode: 409, code: 'RAFT_CONFLICT' });

    thrown = new ConflictException();
    expect(await (await fetch(url)).json()).toEqual({ by: 'the application' });

    thrown = new Error('a bug');
    expect((await fetch(url)).status).toBe(500);
  });

  it('is off with httpErrors: false', async () => {
    const url = await serve(newAdapter(), { httpErrors: false });
    thrown = new RaftError('RAFT_BUSY', 'too much');

    expect((await fetch(url)).status).toBe(500);
  });
});

describe('a RaftHttpException', () => {
  it("is Nest's own kind of exception, with status, body and cause", () => {
    const error = new RaftError('RAFT_CONFLICT', 'the version is 4');
    const exception = new RaftHttpException(error);

    expect(exception.getStatus()).toBe(409);
    expect(exception.getResponse()).toEqual({ statusCode: 409, code: 'RAFT_CONFLICT', message: 'the version is 4' });
    expect(exception.message).toBe('the version is 4');
    expect(exception.cause).toBe(error);
  });
});

describe('outside HTTP', () => {
  /** A microservice without a network: tests call its handlers. */
  class DirectServer extends Server implements CustomTransportStrategy {
    listen(callback: () => void): void {
      callback();
    }

    close(): void {
      // Nothing was opened.
    }

    override on(): void {
      // It has no events.
    }

    override unwrap<T>(): T {
      throw new Error('There is nothing underneath.');
    }

    async call(pattern: string): Promise<unknown> {
      const handler = this.getHandlerByPattern(pattern)!;
      const answer = (await handler(undefined)) as Observable<unknown>;
      return lastValueFrom(answer);
    }
  }

  @Controller()
  class MessagesController {
    @MessagePattern('guarded')
    @LeaderOnly({ onFollower: 'forward' })
    guarded(): string {
      return 'done';
    }

    @MessagePattern('failing')
    failing(): never {
      throw new RaftError('RAFT_REJECTED', 'no', { reason: 'WHY' });
    }
  }

  async function connect(inheritAppConfig: boolean): Promise<DirectServer> {
    const leader = { id: 1, name: 'n1', peer: 'n1:7001', http: 'http://n1:3000' };
    const moduleRef = await Test.createTestingModule({
      imports: [RaftModule.forRoot()],
      controllers: [MessagesController],
    })
      .overrideProvider(RaftService)
      .useValue({ isLeader: () => false, status: () => ({ nodeId: 'n2', phase: 'running', reason: '', leader }) })
      .compile();
    const app = moduleRef.createNestApplication(new FastifyAdapter(), { logger: false });
    opened.push(app);
    const strategy = new DirectServer();
    app.connectMicroservice({ strategy }, { inheritAppConfig });
    await app.startAllMicroservices();
    await app.init();
    return strategy;
  }

  it('@LeaderOnly() tells a microservice code and leader, though hybrid applications inherit no global filter', async () => {
    const server = await connect(false);

    await expect(server.call('guarded')).rejects.toEqual({
      status: 'error',
      code: 'RAFT_NOT_LEADER',
      message: expect.stringContaining('n1') as string,
      leader: { name: 'n1', peer: 'n1:7001', http: 'http://n1:3000' },
    });
  });

  it('the global filter answers a microservice that inherits it', async () => {
    const server = await connect(true);

    await expect(server.call('failing')).rejects.toEqual({
      status: 'error',
      code: 'RAFT_REJECTED',
      message: 'no',
      reason: 'WHY',
    });
  });

  it('a socket gets the event exception, and a GraphQL server the error itself', () => {
    const filter = new RaftExceptionFilter({} as never);
    const error = new RaftError('RAFT_BUSY', 'too much');
    const sent: unknown[] = [];
    const client = { emit: (event: string, payload: unknown) => sent.push([event, payload]) };

    filter.catch(error, { getType: () => 'ws', switchToWs: () => ({ getClient: () => client }) } as never);

    expect(sent).toEqual([['exception', { status: 'error', code: 'RAFT_BUSY', message: 'too much' }]]);
    expect(filter.catch(error, { getType: () => 'graphql' } as never)).toBe(error);
  });
});
