import 'reflect-metadata';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RaftService } from 'nestjs-raft';
import { filter, firstValueFrom } from 'rxjs';
import { type NodeSettings, parseCommandLine } from '../../apps/kv/src/command-line';
import { startKvApplication } from '../../apps/kv/src/kv-application';
import { freePorts } from '../support/free-ports';

type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
type Route = readonly [Method, string];

const REMOTE = '192.0.2.7';
const LOOPBACK = '127.0.0.1';

/** What changes the cluster, or discloses what it holds. */
const ADMINISTRATION: readonly Route[] = [
  ['POST', '/_raft/members'],
  ['PATCH', '/_raft/members/n1'],
  ['DELETE', '/_raft/members/n1'],
  ['POST', '/_raft/members/n1/promote'],
  ['POST', '/_raft/transfer'],
  ['POST', '/_raft/snapshot'],
  ['GET', '/_raft/events'],
  ['HEAD', '/_raft/events'],
  ['GET', '/_raft/watch'],
  ['PUT', '/_praft/leadership_transfer'],
  ['PUT', '/_praft/remove_node'],
  ['DELETE', '/_praft/remove_node'],
  // Other ways to write the same.
  ['POST', '/%5Fraft/snapshot'],
  ['POST', 'http://127.0.0.1/_raft/snapshot'],
  ['POST', '/_raft/snapshot?x=/_raft/ui'],
];
const FREE_TO_READ: readonly Route[] = [
  ['GET', '/_raft/status'],
  ['HEAD', '/_raft/status'],
  ['GET', '/_raft/members'],
  ['GET', '/_raft/ui'],
];
const ELSEWHERE: readonly Route[] = [
  ['GET', '/_metrics'],
  ['GET', '/_docs'],
  ['GET', '/_docs/json'],
];

describe('Who may use the paths of the sample app', () => {
  let application: NestFastifyApplication;
  let port: number;

  async function start(...flags: string[]): Promise<void> {
    const [http, peer] = await freePorts(2);
    port = http!;
    const settings = parseCommandLine([
      ...['--listen-url', `127.0.0.1:${http}`, '--advertise-url', `127.0.0.1:${http}/${peer}`],
      ...['--storage', 'memory', '--election-timeout', '300', '--heartbeat-interval', '50'],
      ...flags,
    ]) as NodeSettings;
    application = await startKvApplication(settings, undefined);
    await firstValueFrom(application.get(RaftService).isLeader$.pipe(filter(Boolean)));
  }
  beforeAll(() => void Logger.overrideLogger(false));
  afterAll(() => void Logger.overrideLogger(['log', 'error', 'warn', 'debug', 'verbose', 'fatal']));
  afterEach(() => application.close());

  const send = ([method, url]: Route, remoteAddress: string, headers: Record<string, string> = {}) =>
    application.inject({ method, url, remoteAddress, headers: { host: `127.0.0.1:${port}`, ...headers } });
  const statusOf = async (route: Route, remoteAddress: string, headers?: Record<string, string>) => [
    ...route,
    (await send(route, remoteAddress, headers)).statusCode,
  ];

  it('is this machine where there is no token, whatever a header says', async () => {
    await start();
    for (const route of ADMINISTRATION) {
      expect(await statusOf(route, REMOTE)).toEqual([...route, 403]);
      const lies = { 'x-forwarded-for': LOOPBACK, forwarded: `for=${LOOPBACK}`, 'x-real-ip': LOOPBACK };
      expect(await statusOf(route, REMOTE, lies)).toEqual([...route, 403]);
    }
    const refusal = await send(['POST', '/_raft/snapshot'], REMOTE);
    expect(refusal.json()).toMatchObject({ message: expect.stringContaining('--admin-token-file') as string });
    for (const route of [...FREE_TO_READ, ...ELSEWHERE]) expect(await statusOf(route, REMOTE)).toEqual([...route, 200]);
    expect((await send(['POST', '/_raft/snapshot'], LOOPBACK)).statusCode).toBe(200);
    for (const path of ['/_raft/events', '/_raft/watch'])
      expect(await statusOf(['HEAD', path], LOOPBACK)).toEqual(['HEAD', path, 200]);
    expect((await send(['POST', '/_raft/snapshot'], '::ffff:127.0.0.1')).statusCode).toBe(200);
    expect((await send(['POST', '/_raft/snapshot'], LOOPBACK, { host: 'evil.example' })).statusCode).toBe(403);
  });

  it('is everybody where --admin-open is said', async () => {
    await start('--admin-open');
    expect((await send(['POST', '/_raft/snapshot'], REMOTE)).statusCode).toBe(200);
  });

  it('is who has the token where there is one, this machine too; the dashboard’s page asks for it', async () => {
    await start('--admin-token', 'secret');
    const routes = [...ADMINISTRATION, ...FREE_TO_READ, ...ELSEWHERE].filter(([, url]) => url !== '/_raft/ui');
    for (const route of routes) {
      const answer = await send(route, LOOPBACK);
      expect([...route, answer.statusCode]).toEqual([...route, 401]);
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="admin"');
    }
    expect((await send(['GET', '/_raft/ui'], REMOTE)).statusCode).toBe(200);
    const authorization = 'Bearer secret';
    for (const route of [['POST', '/_raft/snapshot'], ['GET', '/_raft/status'], ...ELSEWHERE] as Route[])
      expect(await statusOf(route, REMOTE, { authorization })).toEqual([...route, 200]);
    const page = await send(['GET', '/_docs'], REMOTE);
    expect(page.body).toContain('src="/_docs/start.js"');
    expect((await send(['GET', '/_docs/start.js'], REMOTE)).body).toContain('Administrators’ token');
  });

  it('is no page of another site, on this machine either', async () => {
    await start();
    const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    for (const route of [...ADMINISTRATION, ['GET', '/_raft/status']] as Route[])
      expect(await statusOf(route, LOOPBACK, foreign)).toEqual([...route, 403]);
    const form = { 'content-type': 'application/x-www-form-urlencoded', cookie: 'a=b' };
    const body = 'name=n4&peer=n4:7001';
    const ofForm = await application.inject({ method: 'POST', url: '/_raft/transfer', payload: body, headers: form });
    expect(ofForm.statusCode).toBe(415);
    const own = { 'sec-fetch-site': 'same-origin', origin: `http://127.0.0.1:${port}` };
    expect((await send(['POST', '/_raft/snapshot'], LOOPBACK, own)).statusCode).toBe(200);
    const ofCurl = await application.inject({
      method: 'POST',
      url: '/_raft/transfer',
      payload: '{"to":"nobody"}',
      headers: { host: `127.0.0.1:${port}`, 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(ofCurl.json()).toMatchObject({ code: 'RAFT_REJECTED' });
  });

  it('has the path as its key where a client sends the absolute form of the target', async () => {
    await start();
    const raw = async (head: string, body = ''): Promise<string> => {
      const socket = connect(port, LOOPBACK);
      socket.write(
        `${head}\r\nHost: elsewhere.example\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      return text(socket);
    };
    expect(await raw('PUT http://elsewhere.example/a/b%20c?x=1 HTTP/1.1', '17')).toMatch(/^HTTP\/1.1 200 /);
    const { body } = await application.inject({ method: 'GET', url: '/a/b%20c' });
    expect(body).toBe('17');
    expect(await raw('GET http://elsewhere.example/a/b%20c HTTP/1.1')).toMatch(/\r\n\r\n17$/);
    expect(await raw('GET http://elsewhere.example/_raft/nothing HTTP/1.1')).toMatch(/^HTTP\/1.1 404 /);
  });
});
