import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  type LoggerService,
} from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { filter, firstValueFrom } from 'rxjs';
import { RaftModule, RaftService } from '../index';
import { RaftAdminModule, type RaftAdminModuleOptions } from './index';

const SILENT: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };

@Injectable()
class OperatorGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    return headers['authorization'] === 'Bearer secret';
  }
}

describe('RaftAdminModule.register', () => {
  it('refuses to open the routes to everybody unless it is told to', () => {
    for (const options of [{}, { guard: undefined }, { guard: true }, undefined])
      expect(() => RaftAdminModule.register(options as unknown as RaftAdminModuleOptions)).toThrow(
        'RaftAdminModule.register() has no guard: everybody who reaches its routes may remove members and end the cluster. Give a guard, guard: OperatorGuard, or say that the routes are open to everybody who reaches them, guard: false.',
      );
    expect(RaftAdminModule.register({ guard: false }).controllers).toHaveLength(1);
  });
});

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('RaftAdminModule on %s', (_name, newAdapter: () => AbstractHttpAdapter) => {
  let app: INestApplication;
  let url: string;

  const start = async (options: Partial<RaftAdminModuleOptions> = {}): Promise<void> => {
    const module = await Test.createTestingModule({
      imports: [
        RaftModule.forRoot(),
        RaftAdminModule.register({ path: 'admin/raft', guard: false, shortPath: 'short', ...options }),
      ],
    })
      .setLogger(SILENT)
      .compile();
    app = module.createNestApplication(newAdapter(), { forceCloseConnections: true });
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer() as { address(): AddressInfo }).address().port}`;
    await firstValueFrom(app.get(RaftService).isLeader$.pipe(filter(Boolean)));
  };
  afterEach(() => app.close());

  const call = async (method: string, path: string, body?: object | string, headers: Record<string, string> = {}) => {
    const type = typeof body === 'string' ? 'application/x-www-form-urlencoded' : 'application/json';
    const response = await fetch(url + path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': type }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: () => JSON.parse(text) as Record<string, unknown>,
    };
  };

  it('tells where the node stands and who the members are', async () => {
    await start();
    const status = await call('GET', '/admin/raft/status');
    expect(status.json()).toMatchObject({ nodeId: 'node1', phase: 'running', isLeader: true });
    expect(status.headers.get('cache-control')).toBe('no-store');
    expect((await call('GET', '/admin/raft/members')).json()).toMatchObject({
      changing: false,
      members: [{ name: 'node1', role: 'voter' }],
    });
  });

  it('takes snapshots, and answers what the cluster refuses with its code', async () => {
    await start();
    expect((await call('POST', '/admin/raft/snapshot')).json()).toMatchObject({ index: expect.any(Number) as number });
    expect(await call('DELETE', '/admin/raft/members/node1')).toMatchObject({ status: 422 });
    const nothing = await call('DELETE', '/admin/raft/change');
    expect(nothing).toMatchObject({ status: 422 });
    expect(nothing.json()).toMatchObject({ reason: 'NO_CHANGE' });
    expect(await call('POST', '/admin/raft/members/nobody/promote')).toMatchObject({ status: 422 });
    const transfer = await call('POST', '/admin/raft/transfer', { to: 'nobody' });
    expect(transfer.json()).toMatchObject({ code: 'RAFT_REJECTED' });
    expect((await call('PUT', '/short/remove_node?hostname=h&port=1')).status).toBe(404);
    expect((await call('DELETE', '/short/remove_node')).json()).toMatchObject({
      message: 'Say which node: hostname and port, as it is reached by HTTP.',
    });
  });

  it('lists the sessions of clients, and ends one', async () => {
    await start();
    const raft = app.get(RaftService);
    const session = await raft.openSession({ ttlMs: 60_000 });
    const listed = (await call('GET', '/admin/raft/sessions')).json();
    expect(listed).toEqual({
      sessions: [
        { id: session.id, ttlMs: 60_000, expiresAt: expect.any(String) as string, answers: 0, answerBytes: 0 },
      ],
    });
    expect((await call('DELETE', `/admin/raft/sessions/${session.id}`)).json()).toEqual({ closed: session.id });
    expect((await call('GET', '/admin/raft/sessions')).json()).toEqual({ sessions: [] });
    expect((await call('DELETE', '/admin/raft/sessions/7.80000000')).json()).toMatchObject({ code: 'RAFT_REJECTED' });
  });

  it.each([
    [{}, "Say the new member's name: name, such as n4."],
    [{ name: 'n4' }, 'Say where the peers of n4 reach it: peer, as host:port, such as n4:7001.'],
    [{ name: 'n4', peer: 'n4' }, 'peer is "n4": write host:port, such as n4:7001.'],
    [{ name: 'n4', peer: 'n4:99999' }, 'peer is "n4:99999": write host:port, such as n4:7001.'],
    [{ name: ['n4'] }, 'name is ["n4"]: write a text.'],
    [{ name: 'n4', peer: 'n4:7001', http: 'a b' }, 'http is "a b": write an origin, such as http://n4:3000.'],
    [{ name: 'n4', peer: 'n4:7001', voter: 'maybe' }, 'voter is "maybe": write true or false.'],
    [{ name: 'n4', peer: 'n4:7001', expectedIndex: 'x' }, 'expectedIndex is "x": write a whole number from 0 on.'],
  ])('answers 400 to the new member %j, and says what to write', async (body, message) => {
    await start();
    const answer = await call('POST', '/admin/raft/members', body);
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ message });
  });

  it('asks the guard before each of its routes', async () => {
    await start({ guard: OperatorGuard });
    for (const [method, path] of [
      ['GET', '/admin/raft/status'],
      ['GET', '/admin/raft/members'],
      ['POST', '/admin/raft/members'],
      ['PATCH', '/admin/raft/members/n1'],
      ['DELETE', '/admin/raft/members/n1'],
      ['DELETE', '/admin/raft/change'],
      ['POST', '/admin/raft/members/n1/promote'],
      ['POST', '/admin/raft/transfer'],
      ['POST', '/admin/raft/snapshot'],
      ['POST', '/admin/raft/repair'],
      ['GET', '/admin/raft/sessions'],
      ['DELETE', '/admin/raft/sessions/1.a'],
      ['GET', '/admin/raft/events'],
      ['GET', '/admin/raft/ui'],
      ['PUT', '/short/leadership_transfer'],
      ['PUT', '/short/remove_node'],
      ['DELETE', '/short/remove_node'],
    ] as const)
      expect({ method, path, status: (await call(method, path)).status }).toEqual({ method, path, status: 403 });
    const authorization = 'Bearer secret';
    expect((await call('GET', '/admin/raft/status', undefined, { authorization })).status).toBe(200);
  });

  it('serves the dashboard as one page that loads nothing from elsewhere, and can be told not to', async () => {
    await start();
    const page = await call('GET', '/admin/raft/ui');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'sha256-/);
    expect(page.text).toMatch(/<html lang="en">[\s\S]*<title>/);
    expect(page.text).not.toMatch(/(src|href)="(https?:)?\/\//);
    await app.close();
    await start({ dashboard: false });
    expect((await call('GET', '/admin/raft/ui')).status).toBe(404);
  });

  it('streams events, the state first, and ends the stream when the node stops', async () => {
    await start();
    const response = await new Promise<IncomingMessage>((resolve) => get(`${url}/admin/raft/events`, resolve));
    expect(response.headers['content-type']).toContain('text/event-stream');
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const ended = new Promise((resolve) => response.on('close', resolve));
    await call('POST', '/admin/raft/snapshot');
    while (!text.includes('event: snapshot')) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(text).toMatch(/event: status\nid: \d+\ndata: \{"phase":"running"/);
    await app.close();
    await ended;
  });

  it('stands in the document of Swagger', async () => {
    await start();
    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().addBearerAuth().build());
    expect(Object.keys(paths)).toEqual([
      '/admin/raft/status',
      '/admin/raft/members',
      '/admin/raft/members/{name}',
      '/admin/raft/change',
      '/admin/raft/members/{name}/promote',
      '/admin/raft/transfer',
      '/admin/raft/snapshot',
      '/admin/raft/repair',
      '/admin/raft/sessions',
      '/admin/raft/sessions/{id}',
      '/admin/raft/events',
      '/admin/raft/ui',
      '/short/leadership_transfer',
      '/short/remove_node',
    ]);
    expect(paths['/admin/raft/members']!.post).toMatchObject({
      tags: ['raft'],
      summary: 'Add a member: it gets its vote once it has caught up',
      requestBody: { content: { 'application/json': { schema: { required: ['name', 'peer'] } } } },
    });
  });
});
