import {
  Body,
  Catch,
  Controller,
  Get,
  Global,
  HttpException,
  Module,
  Post,
  Put,
  Req,
  type ArgumentsHost,
  type ExceptionFilter,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { LeaderStatus, RaftStatus } from '../../runtime/status/status';
import { FORWARDED_BY } from './forwarded-headers';
import { initialStatus } from '../node/initial-status';
import { LeaderForwarder } from './leader-forwarder';
import { LeaderOnly } from './leader-only.decorator';
import type { RaftModuleOptions } from '../common/raft-module-options.interface';
import { RaftService } from '../services/raft.service';
import { raftSettings } from '../common/raft-settings';
import { getRaftSettingsToken } from '../common/raft.tokens';

const ADAPTERS: readonly (readonly [string, () => AbstractHttpAdapter])[] = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
];

/** A node that says of itself what the test wants. */
class PretendedRaft {
  leads = false;
  current: RaftStatus = initialStatus(raftSettings({ nodeId: 'n2', members: [{ id: 'n2', peer: 'n2:1' }] }, 'default'));

  isLeader(): boolean {
    return this.leads;
  }

  status(): RaftStatus {
    return this.current;
  }

  follows(http: string, name = 'n1'): void {
    const leader: LeaderStatus = { id: 1, name, peer: 'n1:7001', http };
    this.current = { ...this.current, phase: 'running', leader };
  }
}

@Controller('jobs')
class JobsController {
  @Get('plain')
  @LeaderOnly()
  plain(): string {
    return 'done by this node';
  }

  @Post('redirected')
  @LeaderOnly({ onFollower: 'redirect' })
  redirected(): string {
    return 'done by this node';
  }

  @Get('found')
  @LeaderOnly({ onFollower: 'redirect', status: 302 })
  found(): string {
    return 'done by this node';
  }

  @Get('forwarded')
  @LeaderOnly({ onFollower: 'forward' })
  forwardedGet(): string {
    return 'done by this node';
  }

  @Post('forwarded')
  @LeaderOnly({ onFollower: 'forward' })
  forwardedPost(@Body() body: unknown): unknown {
    return { body };
  }

  @Put('forwarded')
  @LeaderOnly({ onFollower: 'forward' })
  forwardedPut(@Req() _request: unknown): string {
    return 'done by this node';
  }
}

@LeaderOnly({ onFollower: 'redirect' })
@Controller('guarded')
class GuardedController {
  @Get('inherited')
  inherited(): string {
    return 'done by this node';
  }

  @Get('own')
  @LeaderOnly({ onFollower: 'reject' })
  own(): string {
    return 'done by this node';
  }
}

/** An application's own shape of an error, for whatever is thrown. */
@Catch()
class CatchAllFilter implements ExceptionFilter {
  catch(exception: unknown, host: ArgumentsHost): void {
    const status = exception instanceof HttpException ? exception.getStatus() : 500;
    const response = exception instanceof HttpException ? exception.getResponse() : {};
    const { code } = response as { readonly code?: string };
    const reply = host.switchToHttp().getResponse<{ status(status: number): { send(body: object): void } }>();
    reply.status(status).send({ shape: 'ours', code });
  }
}

describe.each(ADAPTERS)('@LeaderOnly() over HTTP on %s', (_name, newAdapter) => {
  const opened: (INestApplication | Server)[] = [];
  const raft = new PretendedRaft();

  async function serve(
    options: RaftModuleOptions = {},
    rawBody = false,
    filters: ExceptionFilter[] = [],
  ): Promise<string> {
    const settings = raftSettings(options, 'default');
    @Global()
    @Module({
      providers: [
        { provide: RaftService, useValue: raft },
        { provide: getRaftSettingsToken(), useValue: settings },
        LeaderForwarder,
      ],
      exports: [RaftService, getRaftSettingsToken()],
    })
    class PretendedRaftModule {}
    const controllers: Type<unknown>[] = [JobsController, GuardedController];
    const moduleRef = await Test.createTestingModule({ imports: [PretendedRaftModule], controllers }).compile();
    const app = moduleRef.createNestApplication(newAdapter(), { rawBody, logger: false });
    app.useGlobalFilters(...filters);
    opened.push(app);
    await app.listen(0, '127.0.0.1');
    return origin(app.getHttpServer() as Server);
  }

  /** A leader that answers as the test wants, and keeps what it got. */
  async function leader(
    answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void,
  ): Promise<{ readonly origin: string; readonly received: { request: IncomingMessage; body: Buffer }[] }> {
    const received: { request: IncomingMessage; body: Buffer }[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks);
        received.push({ request, body });
        answer(request, response, body);
      });
    });
    opened.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    raft.follows(origin(server));
    return { origin: origin(server), received };
  }

  beforeEach(() => {
    raft.leads = false;
    raft.current = { ...raft.current, phase: 'running', reason: '', leader: null };
  });

  afterEach(async () => {
    for (const server of opened.splice(0))
      if ('closeAllConnections' in server) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      } else await server.close();
  });

  it('lets the leader handle the call', async () => {
    const url = await serve();
    raft.leads = true;

    const response = await fetch(`${url}/jobs/plain`);

    expect(response.status).toBe(200);
    expect(await response.text()).toBe('done by this node');
  });

  it('rejects on a follower with 503, Retry-After, the code and where the leader is', async () => {
    const url = await serve();
    raft.follows('http://n1:3000');

    const response = await fetch(`${url}/jobs/plain`);

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toEqual({
      statusCode: 503,
      code: 'RAFT_NOT_LEADER',
      message: expect.stringContaining('n1') as string,
      leader: { name: 'n1', peer: 'n1:7001', http: 'http://n1:3000' },
    });
  });

  it('says that there is no leader while one is being elected', async () => {
    const url = await serve();

    const response = await fetch(`${url}/jobs/redirected`, { method: 'POST' });

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ code: 'RAFT_NO_LEADER' });
  });

  it('sends nobody to itself while it is elected and has committed nothing yet', async () => {
    const url = await serve();
    raft.follows(url, 'n2');

    const response = await fetch(`${url}/jobs/found`, { redirect: 'manual' });

    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'RAFT_NO_LEADER' });
  });

  it('says why, where the node is in quarantine and knows no leader', async () => {
    const url = await serve();
    raft.current = { ...raft.current, phase: 'quarantined', reason: 'its store was rolled back.' };

    const response = await fetch(`${url}/jobs/plain`);

    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      code: 'RAFT_QUARANTINED',
      message: expect.stringContaining('rolled back') as string,
    });
  });

  it("redirects to the leader's same path and query, with 307 unless said", async () => {
    const url = await serve();
    raft.follows('http://n1:3000');

    const posted = await fetch(`${url}/jobs/redirected?a=1&b=%20`, { method: 'POST', redirect: 'manual' });
    expect(posted.status).toBe(307);
    expect(posted.headers.get('location')).toBe('http://n1:3000/jobs/redirected?a=1&b=%20');

    const got = await fetch(`${url}/jobs/found`, { redirect: 'manual' });
    expect(got.status).toBe(302);
    expect(got.headers.get('location')).toBe('http://n1:3000/jobs/found');
  });

  it('lets no absolute request target choose the host of the redirect', async () => {
    const url = new URL(await serve());
    raft.follows('http://n1:3000');

    const location = await new Promise<unknown>((resolve, reject) => {
      httpRequest({ host: url.hostname, port: url.port, path: 'http://evil.example/jobs/found?x=1' }, (response) => {
        response.resume();
        resolve(response.headers.location);
      })
        .once('error', reject)
        .end();
    });

    expect([undefined, 'http://n1:3000/jobs/found?x=1']).toContain(location);
  });

  it('rejects where the leader has no HTTP address, and says so', async () => {
    const url = await serve();
    raft.follows('');

    const response = await fetch(`${url}/jobs/found`, { redirect: 'manual' });

    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      code: 'RAFT_NOT_LEADER',
      message: expect.stringContaining('no http address') as string,
    });
  });

  it("takes a handler's policy before its controller's, and the controller's before the module's", async () => {
    const url = await serve({ leaderOnly: { onFollower: 'redirect', status: 308 } });
    raft.follows('http://n1:3000');

    expect((await fetch(`${url}/guarded/inherited`, { redirect: 'manual' })).status).toBe(308);
    expect((await fetch(`${url}/guarded/own`, { redirect: 'manual' })).status).toBe(503);
    expect((await fetch(`${url}/jobs/plain`, { redirect: 'manual' })).status).toBe(308);
  });

  it("keeps status, code and headers under the application's own filter for everything", async () => {
    const url = await serve({}, false, [new CatchAllFilter()]);
    raft.follows('http://n1:3000');

    const rejected = await fetch(`${url}/jobs/plain`);
    expect(rejected.status).toBe(503);
    expect(rejected.headers.get('retry-after')).toBe('1');
    expect(await rejected.json()).toEqual({ shape: 'ours', code: 'RAFT_NOT_LEADER' });

    const redirected = await fetch(`${url}/jobs/found`, { redirect: 'manual' });
    expect(redirected.status).toBe(302);
    expect(redirected.headers.get('location')).toBe('http://n1:3000/jobs/found');
  });

  describe('forward', () => {
    it("brings back the leader's status, headers and body", async () => {
      const url = await serve();
      const { received } = await leader((_request, response) => {
        response.writeHead(201, {
          'content-type': 'text/plain',
          'set-cookie': ['a=1', 'b=2'],
          'x-raft-index': '7',
          connection: 'keep-alive, x-hop',
          'x-hop': 'only for this connection',
        });
        response.end('done by the leader');
      });

      const response = await fetch(`${url}/jobs/forwarded?a=1`, {
        headers: { authorization: 'Bearer t', te: 'trailers' },
      });

      expect(response.status).toBe(201);
      expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
      expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
      expect(response.headers.get('x-raft-index')).toBe('7');
      expect(response.headers.get('x-hop')).toBeNull();
      expect(await response.text()).toBe('done by the leader');
      expect(received[0]?.request.url).toBe('/jobs/forwarded?a=1');
      expect(received[0]?.request.headers).toMatchObject({
        authorization: 'Bearer t',
        [FORWARDED_BY]: 'n2',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-host': new URL(url).host,
      });
      expect(received[0]?.request.headers['te']).toBeUndefined();
    });

    it('sends the parsed body on, and its bytes where they were kept', async () => {
      for (const rawBody of [false, true]) {
        const url = await serve({}, rawBody);
        const { received } = await leader((_request, response, body) => response.end(body));
        const text = '{ "value" :  [1, "ä"] }';

        const response = await fetch(`${url}/jobs/forwarded`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: text,
        });

        expect(response.status).toBe(200);
        expect(JSON.parse(await response.text())).toEqual({ value: [1, 'ä'] });
        expect(received[0]?.body.toString()).toBe(rawBody ? text : JSON.stringify({ value: [1, 'ä'] }));
        expect(received[0]?.request.headers['content-type']).toBe('application/json');
      }
    });

    it('sends a form on as a form', async () => {
      const url = await serve();
      const { received } = await leader((_request, response, body) => response.end(body));

      await fetch(`${url}/jobs/forwarded`, {
        method: 'POST',
        body: new URLSearchParams({ '{"value":1}': '', b: 'ü &=' }),
      });

      expect([...new URLSearchParams(received[0]?.body.toString())]).toEqual([
        ['{"value":1}', ''],
        ['b', 'ü &='],
      ]);
    });

    it('sends no body on where there was none', async () => {
      const url = await serve();
      const { received } = await leader((_request, response) => response.writeHead(204).end());

      const response = await fetch(`${url}/jobs/forwarded`, { method: 'POST' });

      expect(response.status).toBe(204);
      expect(await response.text()).toBe('');
      expect(received[0]?.body.length).toBe(0);
    });

    it('leaves a compressed answer as it is', async () => {
      const url = new URL(await serve());
      const compressed = gzipSync('done by the leader');
      await leader((_request, response) =>
        response
          .writeHead(200, {
            'content-encoding': 'gzip',
            'content-type': 'text/plain',
            'content-length': compressed.length,
          })
          .end(compressed),
      );

      const { headers, body } = await get(url, '/jobs/forwarded');

      expect(headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(body).toString()).toBe('done by the leader');
    });

    it('streams an answer that is larger than its buffers', async () => {
      const url = await serve();
      const large = Buffer.alloc(5 * 1024 * 1024, 'x');
      await leader((_request, response) =>
        response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(large),
      );

      const response = await fetch(`${url}/jobs/forwarded`);

      expect((await response.arrayBuffer()).byteLength).toBe(large.length);
    });

    it("brings back the leader's errors as they are", async () => {
      const url = await serve();
      await leader((_request, response) =>
        response
          .writeHead(422, { 'content-type': 'application/json' })
          .end('{"statusCode":422,"code":"RAFT_REJECTED"}'),
      );

      const response = await fetch(`${url}/jobs/forwarded`, { method: 'POST' });

      expect(response.status).toBe(422);
      expect(await response.json()).toEqual({ statusCode: 422, code: 'RAFT_REJECTED' });
    });

    it('uses its connections again, and leaves nothing behind on them', async () => {
      const url = await serve();
      const sockets = new Set<Socket>();
      await leader((request, response) => {
        sockets.add(request.socket);
        response.end();
      });
      const warnings: Error[] = [];
      const warned = (warning: Error): void => void warnings.push(warning);
      process.on('warning', warned);

      for (let call = 0; call < 15; call++) await (await fetch(`${url}/jobs/forwarded`)).text();
      process.removeListener('warning', warned);

      expect(sockets.size).toBe(1);
      expect(warnings).toEqual([]);
    });

    it('sends a call on once only', async () => {
      const url = await serve();
      const { received } = await leader((_request, response) => response.end());

      const response = await fetch(`${url}/jobs/forwarded`, { headers: { [FORWARDED_BY]: 'n3' } });

      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: 'RAFT_NOT_LEADER' });
      expect(received).toHaveLength(0);
    });

    it('answers that there is no leader where nobody listens, as nothing was sent', async () => {
      const url = await serve();
      raft.follows('http://127.0.0.1:1');

      const response = await fetch(`${url}/jobs/forwarded`, { method: 'POST' });

      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await response.json()).toMatchObject({ code: 'RAFT_NO_LEADER' });
    });

    it('answers that the outcome is in doubt where the answer to a POST is lost, and never sends it twice', async () => {
      const url = await serve();
      const { received } = await leader((request) => request.socket.destroy());

      const response = await fetch(`${url}/jobs/forwarded`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      });

      expect(response.status).toBe(504);
      expect(response.headers.get('retry-after')).toBeNull();
      expect(await response.json()).toMatchObject({ code: 'RAFT_INDETERMINATE' });
      expect(received).toHaveLength(1);
    });

    it('answers that a GET may be repeated where its answer is lost', async () => {
      const url = await serve();
      await leader((request) => request.socket.destroy());

      const response = await fetch(`${url}/jobs/forwarded`);

      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: 'RAFT_NO_LEADER' });
    });

    it('answers with a time-out where the leader says nothing', async () => {
      const url = await serve({ requestTimeoutMs: 100 });
      await leader(() => undefined);

      const response = await fetch(`${url}/jobs/forwarded`, { method: 'PUT' });

      expect(response.status).toBe(504);
      expect(await response.json()).toMatchObject({ code: 'RAFT_TIMEOUT' });
    });

    it('breaks the answer off where the leader breaks it off', async () => {
      const url = await serve();
      await leader((request, response) => {
        response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '100' });
        response.write('the beginning');
        setTimeout(() => request.socket.destroy(), 50);
      });

      await expect(fetch(`${url}/jobs/forwarded`).then((response) => response.text())).rejects.toThrow('terminated');
    });

    it('gives the call up at the leader where the caller goes away', async () => {
      const url = new URL(await serve());
      let reached: () => void;
      const received = new Promise<void>((resolve) => (reached = resolve));
      let gone: () => void;
      const closed = new Promise<void>((resolve) => (gone = resolve));
      await leader((request) => {
        request.socket.once('close', () => gone());
        reached();
      });

      const call = httpRequest({ host: url.hostname, port: url.port, path: '/jobs/forwarded' });
      call.once('error', () => undefined);
      call.end();
      await received;
      call.destroy();

      await closed;
    });
  });
});

function origin(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function get(url: URL, path: string): Promise<{ headers: IncomingMessage['headers']; body: Buffer }> {
  return new Promise((resolve, reject) => {
    httpRequest({ host: url.hostname, port: url.port, path }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
    })
      .once('error', reject)
      .end();
  });
}
