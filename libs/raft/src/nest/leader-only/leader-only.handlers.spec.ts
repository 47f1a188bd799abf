import { Controller, Get, Global, Injectable, Module, Post, type INestApplication, type Type } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { ClientProxyFactory, EventPattern, MessagePattern, Transport, type ClientProxy } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { Server } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { firstValueFrom } from 'rxjs';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import type { RaftStatus } from '../../runtime/status/status';
import { initialStatus } from '../node/initial-status';
import type { RaftModuleOptions } from '../common/raft-module-options.interface';
import { RaftModule } from '../module/raft.module';
import { RaftService } from '../services/raft.service';
import { raftSettings } from '../common/raft-settings';
import { getRaftSettingsToken } from '../common/raft.tokens';
import { LeaderForwarder } from './leader-forwarder';
import { LeaderOnly } from './leader-only.decorator';

const told: string[] = [];

@Controller()
class OrdersController {
  @MessagePattern('place')
  @LeaderOnly()
  place(): string {
    return 'placed';
  }

  @MessagePattern('forwarded')
  @LeaderOnly({ onFollower: 'forward' })
  forwarded(): string {
    return 'placed';
  }

  @EventPattern('placed')
  @LeaderOnly({ onFollower: 'skip' })
  placed(): void {
    told.push('method');
  }

  @EventPattern('everywhere')
  everywhere(): void {
    told.push('everywhere');
  }
}

@LeaderOnly({ onFollower: 'skip' })
@Controller()
class MailController {
  @EventPattern('placed')
  placed(): void {
    told.push('class');
  }
}

@LeaderOnly()
@WebSocketGateway()
class OrdersGateway {
  @SubscribeMessage('place')
  place(): object {
    return { event: 'placed', data: 'by this node' };
  }
}

@Injectable()
class Listener {
  @OnEvent('order')
  @LeaderOnly({ onFollower: 'skip' })
  below(name: string): void {
    told.push(`below ${name}`);
  }

  @LeaderOnly({ onFollower: 'skip' })
  @OnEvent('order')
  above(name: string): void {
    told.push(`above ${name} ${String(this instanceof Listener)}`);
  }

  @LeaderOnly()
  direct(by: number): number {
    return 40 + by;
  }

  @LeaderOnly({ onFollower: 'redirect' })
  async later(): Promise<string> {
    return Promise.resolve('done');
  }
}

@LeaderOnly({ onFollower: 'skip' })
@Injectable()
class ListenerByClass {
  @OnEvent('order')
  heard(name: string): void {
    told.push(`by class ${name}`);
  }

  other(): string {
    return 'no listener';
  }
}

class PretendedRaft {
  leads = false;
  current: RaftStatus = {
    ...initialStatus(raftSettings({ nodeId: 'n2', members: [{ id: 'n2', peer: 'n2:1' }] }, 'default')),
    phase: 'running',
    leader: { id: 1, name: 'n1', peer: 'n1:7001', http: 'http://n1:3000' },
  };

  isLeader(): boolean {
    return this.leads;
  }

  status(): RaftStatus {
    return this.current;
  }
}

const opened: { close(): unknown }[] = [];

async function create(parts: {
  readonly controllers?: Type<unknown>[];
  readonly providers?: Type<unknown>[];
}): Promise<{ readonly app: INestApplication; readonly raft: PretendedRaft }> {
  const raft = new PretendedRaft();
  @Global()
  @Module({
    providers: [
      { provide: RaftService, useValue: raft },
      { provide: getRaftSettingsToken(), useValue: raftSettings({}, 'default') },
      LeaderForwarder,
    ],
    exports: [RaftService, getRaftSettingsToken()],
  })
  class PretendedRaftModule {}
  const moduleRef = await Test.createTestingModule({
    imports: [PretendedRaftModule, EventEmitterModule.forRoot()],
    ...parts,
  }).compile();
  const app = moduleRef.createNestApplication({ logger: false });
  opened.push(app);
  return { app, raft };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Until something has come about. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

beforeEach(() => {
  told.length = 0;
});

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

describe('@LeaderOnly() in a hybrid application that inherits no global filters', () => {
  async function connect(): Promise<{ readonly client: ClientProxy; readonly raft: PretendedRaft }> {
    const { app, raft } = await create({ controllers: [OrdersController, MailController] });
    const port = await freePort();
    app.connectMicroservice({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
    await app.init();
    await app.startAllMicroservices();
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
    opened.push(client);
    await client.connect();
    return { client, raft };
  }

  it('answers a message on the leader, and tells a follower’s caller whom to ask, whatever the policy', async () => {
    const { client, raft } = await connect();

    for (const pattern of ['place', 'forwarded']) {
      raft.leads = false;
      await expect(firstValueFrom(client.send(pattern, {}))).rejects.toMatchObject({
        status: 'error',
        code: 'RAFT_NOT_LEADER',
        leader: { name: 'n1', http: 'http://n1:3000' },
      });
      raft.leads = true;
      expect(await firstValueFrom(client.send(pattern, {}))).toBe('placed');
    }
  });

  it('leaves events out on followers with skip, on the method and on the class', async () => {
    const { client, raft } = await connect();

    await firstValueFrom(client.emit('placed', {}), { defaultValue: undefined });
    await firstValueFrom(client.emit('everywhere', {}), { defaultValue: undefined });
    await until(() => told.includes('everywhere'));
    expect(told).toEqual(['everywhere']);

    raft.leads = true;
    await firstValueFrom(client.emit('placed', {}), { defaultValue: undefined });
    await until(() => told.length === 3);
    expect(told.slice(1).sort()).toEqual(['class', 'method']);
  });
});

describe('@LeaderOnly() on a WebSocket gateway', () => {
  it('tells a client of socket.io whom to ask, by the event exception', async () => {
    const { app, raft } = await create({ providers: [OrdersGateway] });
    app.useWebSocketAdapter(new IoAdapter(app));
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'] });
    opened.push(socket);

    const refused = new Promise((resolve) => socket.once('exception', resolve));
    socket.emit('place');
    expect(await refused).toMatchObject({ status: 'error', code: 'RAFT_NOT_LEADER', leader: { name: 'n1' } });

    raft.leads = true;
    const placed = new Promise((resolve) => socket.once('placed', resolve));
    socket.emit('place');
    expect(await placed).toBe('by this node');
  });

  it('tells a client of ws the same in a message', async () => {
    const { app, raft } = await create({ providers: [OrdersGateway] });
    app.useWebSocketAdapter(new WsAdapter(app));
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    opened.push(socket);
    await new Promise((resolve) => socket.once('open', resolve));
    const answer = (): Promise<unknown> =>
      new Promise((resolve) => socket.once('message', (data: Buffer) => resolve(JSON.parse(data.toString()))));

    const refused = answer();
    socket.send(JSON.stringify({ event: 'place' }));
    expect(await refused).toMatchObject({ event: 'exception', data: { code: 'RAFT_NOT_LEADER' } });

    raft.leads = true;
    const placed = answer();
    socket.send(JSON.stringify({ event: 'place' }));
    expect(await placed).toEqual({ event: 'placed', data: 'by this node' });
  });
});

describe('@LeaderOnly() on methods that Nest calls without asking its guards', () => {
  it('leaves out listeners of events on followers, above and below @OnEvent() and on the class', async () => {
    const { app, raft } = await create({ providers: [Listener, ListenerByClass] });
    await app.init();

    await app.get(EventEmitter2).emitAsync('order', 'o1');
    expect(told).toEqual([]);
    raft.leads = true;
    await app.get(EventEmitter2).emitAsync('order', 'o2');

    expect(told).toEqual(['below o2', 'above o2 true', 'by class o2']);
    expect(app.get(ListenerByClass).other()).toBe('no listener');
  });

  it('refuses direct calls on a follower, in the way that the method fails', async () => {
    const { app, raft } = await create({ providers: [Listener] });
    const listener = app.get(Listener);

    expect(() => listener.direct(2)).toThrow('The node n2 does not lead; n1 does. Nothing was done. Ask n1.');
    await expect(listener.later()).rejects.toMatchObject({ code: 'RAFT_NOT_LEADER', leader: { name: 'n1' } });
    raft.leads = true;
    expect(listener.direct(2)).toBe(42);
    expect(await listener.later()).toBe('done');
    expect([listener.direct.name, listener.direct.length]).toEqual(['direct', 1]);
  });

  it('refuses them on an object that Nest didn’t make, instead of running everywhere', () => {
    expect(() => new Listener().direct(1)).toThrow(
      "Listener.direct() has @LeaderOnly(), and was called on an object that Nest didn't make: whether this node leads isn't known there. Nothing was done. Name the class among a module's providers, instead of making it with new.",
    );
  });
});

describe("onFollower: 'skip' where an answer is owed", () => {
  async function refusal(controller: Type<unknown>, options: RaftModuleOptions = {}): Promise<string> {
    const moduleRef = await Test.createTestingModule({
      imports: [RaftModule.forRoot(options)],
      controllers: [controller],
    }).compile();
    const app = moduleRef.createNestApplication({ logger: false });
    opened.push(app);
    return app.init().then(
      () => 'it started',
      (error: unknown) => (error as Error).message,
    );
  }

  it('keeps the application from starting, and says what to write', async () => {
    @Controller()
    class Route {
      @Post()
      @LeaderOnly({ onFollower: 'skip' })
      create(): void {}
    }
    @LeaderOnly({ onFollower: 'skip' })
    @Controller()
    class Patterns {
      @MessagePattern('create')
      create(): void {}
    }
    @LeaderOnly()
    @Controller()
    class ByDefault {
      @Get()
      read(): void {}
    }

    expect(await refusal(Route)).toBe(
      "Route.create() is an HTTP route, and its @LeaderOnly() has onFollower: 'skip': on a follower its callers would never get an answer. Write 'reject', 'redirect' or 'forward'; 'skip' is for events, which nobody waits for.",
    );
    expect(await refusal(Patterns)).toContain('Patterns.create() is a @MessagePattern()');
    expect(await refusal(ByDefault, { leaderOnly: { onFollower: 'skip' } })).toContain('ByDefault.read()');
    expect(await refusal(ByDefault)).toBe('it started');
  });

  it('lets events be', async () => {
    @LeaderOnly({ onFollower: 'skip' })
    @Controller()
    class Events {
      @EventPattern('created')
      created(): void {}
    }

    expect(await refusal(Events)).toBe('it started');
  });
});
