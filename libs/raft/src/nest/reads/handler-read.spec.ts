import {
  Controller,
  Get,
  Global,
  Module,
  UseGuards,
  type CanActivate,
  type INestApplication,
  UnauthorizedException,
} from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { Server } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { filter, firstValueFrom } from 'rxjs';
import { RaftError } from '../../errors/raft-error';
import type { BarrierOptions } from '../../runtime/base/call-options';
import { RaftModule } from '../module/raft.module';
import { RaftService } from '../services/raft.service';
import { LinearizableRead } from './linearizable-read.decorator';
import { StaleRead } from './stale-read.decorator';

const asked: BarrierOptions[] = [];
let answer: () => Promise<number> = () => Promise.resolve(1);

class NobodyGuard implements CanActivate {
  canActivate(): never {
    throw new UnauthorizedException();
  }
}

@LinearizableRead()
@Controller('stock')
class StockController {
  @Get()
  @MessagePattern('stock')
  current(): object {
    return { asked: asked.length };
  }

  @Get('stale')
  @StaleRead({ maxLagMs: 500 })
  stale(): object {
    return { asked: asked.length };
  }

  @Get('closed')
  @UseGuards(NobodyGuard)
  closed(): void {}
}

@Global()
@Module({
  providers: [
    {
      provide: RaftService,
      useValue: {
        barrier: (options: BarrierOptions) => {
          asked.push(options);
          return answer();
        },
      },
    },
  ],
  exports: [RaftService],
})
class PretendedRaftModule {}

const opened: { close(): unknown }[] = [];

async function create(adapter: AbstractHttpAdapter): Promise<INestApplication> {
  const moduleRef = await Test.createTestingModule({
    imports: [PretendedRaftModule],
    controllers: [StockController],
  }).compile();
  const app = moduleRef.createNestApplication(adapter, { logger: false });
  opened.push(app);
  return app;
}

function originOf(app: INestApplication): string {
  return `http://127.0.0.1:${((app.getHttpServer() as Server).address() as AddressInfo).port}`;
}

beforeEach(() => {
  asked.length = 0;
  answer = () => Promise.resolve(1);
});

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('reads of handlers on %s', (_name, newAdapter: () => AbstractHttpAdapter) => {
  it("ask once before the handler runs; a handler's decorator stands for its class's", async () => {
    const app = await create(newAdapter());
    await app.listen(0, '127.0.0.1');

    expect(await (await fetch(`${originOf(app)}/stock`)).json()).toEqual({ asked: 1 });
    expect(await (await fetch(`${originOf(app)}/stock/stale`)).json()).toEqual({ asked: 2 });

    expect(asked).toEqual([{}, { consistency: 'stale', maxLagMs: 500 }]);
  });

  it('answer 503 with Retry-After where the state is too old or no leader is known, and 504 after the time', async () => {
    const app = await create(newAdapter());
    await app.listen(0, '127.0.0.1');

    for (const [code, status, retry] of [
      ['RAFT_LAGGING', 503, '1'],
      ['RAFT_NO_LEADER', 503, '1'],
      ['RAFT_TIMEOUT', 504, null],
    ] as const) {
      answer = () => Promise.reject(new RaftError(code, 'not now'));
      const response = await fetch(`${originOf(app)}/stock/stale`);
      expect(response.status).toBe(status);
      expect(response.headers.get('retry-after')).toBe(retry);
      expect(await response.json()).toEqual({ statusCode: status, code, message: 'not now' });
    }
  });

  it('ask nobody for a caller whom a guard turns away', async () => {
    const app = await create(newAdapter());
    await app.listen(0, '127.0.0.1');

    expect((await fetch(`${originOf(app)}/stock/closed`)).status).toBe(401);
    expect(asked).toEqual([]);
  });
});

it('reads of microservice handlers tell their callers the code, without inherited filters', async () => {
  const app = await create(new ExpressAdapter());
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  app.connectMicroservice({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  await app.init();
  await app.startAllMicroservices();
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  opened.push(client);

  expect(await firstValueFrom(client.send('stock', {}))).toEqual({ asked: 1 });
  answer = () => Promise.reject(new RaftError('RAFT_NO_LEADER', 'not now'));
  await expect(firstValueFrom(client.send('stock', {}))).rejects.toMatchObject({ code: 'RAFT_NO_LEADER' });
});

describe('a stale barrier of a node', () => {
  it('holds where the state is young enough, and refuses where it is older', async () => {
    const app = await Test.createTestingModule({
      imports: [RaftModule.forRoot({ election: { timeoutMs: 100, heartbeatIntervalMs: 20 } })],
    })
      .setLogger({ log: () => undefined, warn: () => undefined, error: () => undefined })
      .compile();
    await app.init();
    opened.push(app);
    const raft = app.get(RaftService);
    await firstValueFrom(raft.isLeader$.pipe(filter(Boolean)));

    expect(await raft.barrier({ consistency: 'stale', maxLagMs: 60_000 })).toBeGreaterThanOrEqual(0);
    await expect(raft.barrier({ maxLagMs: -1 })).rejects.toMatchObject({ code: 'RAFT_CONFIGURATION' });
  });

  it('is refused in the decorator where the bound is none', () => {
    expect(() => StaleRead({ maxLagMs: -5 })).toThrow('@StaleRead() has maxLagMs: -5.');
  });
});
