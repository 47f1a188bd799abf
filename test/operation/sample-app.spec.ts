import 'reflect-metadata';
import { get, type IncomingMessage } from 'node:http';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { RaftService } from 'nestjs-raft';
import { filter, firstValueFrom } from 'rxjs';
import { type NodeSettings, parseCommandLine } from '../../apps/kv/src/command-line';
import { startKvApplication } from '../../apps/kv/src/kv-application';
import { eventually } from '../support/eventually';
import { freePorts } from '../support/free-ports';

interface ServerSentEvent {
  readonly type: string;
  readonly id: number;
  readonly data: Record<string, unknown>;
}

/** A reader of server-sent events, as `curl -N` is one. */
class Reader {
  private text = '';
  readonly closed: Promise<unknown>;

  private constructor(readonly response: IncomingMessage) {
    response.setEncoding('utf8').on('data', (chunk: string) => (this.text += chunk));
    response.on('error', () => undefined);
    this.closed = new Promise((resolve) => response.on('close', resolve));
  }

  static open(url: string, headers: Record<string, string> = {}): Promise<Reader> {
    return new Promise((resolve) => get(url, { headers }, (response) => resolve(new Reader(response))));
  }

  get events(): readonly ServerSentEvent[] {
    const blocks = this.text.split('\n\n').slice(0, -1);
    return blocks
      .filter((block) => !block.startsWith(':'))
      .map((block) => {
        const field = (name: string): string => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1] ?? '';
        return {
          type: field('event'),
          id: Number(field('id')),
          data: JSON.parse(field('data')) as Record<string, unknown>,
        };
      });
  }

  until(what: string, count: number): Promise<readonly ServerSentEvent[]> {
    return eventually(what, () => Promise.resolve(this.events.length >= count ? this.events : undefined), {
      describe: () => this.text,
    });
  }

  close(): void {
    this.response.destroy();
  }
}

describe('What the sample app tells of itself', () => {
  let application: NestFastifyApplication;
  let url: string;
  const readers: Reader[] = [];

  async function start(...flags: string[]): Promise<void> {
    const [http, peer] = await freePorts(2);
    const settings = parseCommandLine([
      ...['--listen-url', `127.0.0.1:${http}`, '--advertise-url', `127.0.0.1:${http}/${peer}`],
      ...['--storage', 'memory', '--election-timeout', '300', '--heartbeat-interval', '50'],
      ...flags,
    ]) as NodeSettings;
    url = `http://127.0.0.1:${http}`;
    application = await startKvApplication(settings, undefined);
    await firstValueFrom(application.get(RaftService).isLeader$.pipe(filter(Boolean)));
  }
  beforeAll(() => void Logger.overrideLogger(false));
  afterAll(() => void Logger.overrideLogger(['log', 'error', 'warn', 'debug', 'verbose', 'fatal']));
  afterEach(async () => {
    for (const reader of readers.splice(0)) reader.close();
    await application.close();
  });

  const open = async (path: string, headers?: Record<string, string>): Promise<Reader> => {
    const reader = await Reader.open(url + path, headers);
    readers.push(reader);
    return reader;
  };
  const send = (method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
    fetch(url + path, { method, headers, ...(body !== undefined && { body }) });
  const put = async (key: string, value: string): Promise<number> =>
    Number((await send('PUT', key, value)).headers.get('x-raft-index'));

  it('are the metrics of the node', async () => {
    await start();
    await put('/a', '1');
    const response = await send('GET', '/_metrics');
    expect(response.headers.get('content-type')).toContain('text/plain');
    const text = await response.text();
    expect(text).toMatch(/^raft_is_leader\{group="default",node="[^"]+"\} 1$/m);
    expect(text).toMatch(/^raft_proposals_total\{group="default",node="[^"]+",origin="caller",outcome="applied"\} 1$/m);
  });

  it('are the changes of keys below a prefix, which a watcher who comes back gets from where it was', async () => {
    await start();
    const first = await open('/_raft/watch?prefix=/users/');
    expect(first.response.headers['content-type']).toContain('text/event-stream');
    await first.until('the beginning', 1);
    const added = await put('/users/ada', '{"born":\n1815}');
    await put('/other', '1');
    const removed = Number((await send('DELETE', '/users/ada')).headers.get('x-raft-index'));
    await send('DELETE', '/users/nobody');
    const [watching, ...changes] = await first.until('both changes', 3);
    expect(watching).toMatchObject({ type: 'watching', data: { prefix: '/users/' } });
    expect(changes).toEqual([
      { type: 'put', id: added, data: { key: '/users/ada', index: added, value: { born: 1815 } } },
      { type: 'delete', id: removed, data: { key: '/users/ada', index: removed } },
    ]);
    first.close();

    const later = await put('/users/bob', '2');
    const again = await open('/_raft/watch?prefix=/users/', { 'last-event-id': `${added}` });
    expect((await again.until('what it has missed', 3)).map(({ type, id }) => [type, id])).toEqual([
      ['watching', added],
      ['delete', removed],
      ['put', later],
    ]);
    const asked = await open(`/_raft/watch?after=${removed}`);
    expect((await asked.until('all keys', 2)).map(({ id }) => id)).toEqual([removed, later]);
  });

  it('is a 400 for a watch that asks for nothing that can be', async () => {
    await start();
    expect((await send('GET', '/_raft/watch?after=soon')).status).toBe(400);
    expect((await send('GET', '/_raft/watch?prefix=/a&prefix=/b')).status).toBe(400);
  });

  it('ends in order: a stop closes the streams', async () => {
    await start();
    const [watch, events] = [await open('/_raft/watch'), await open('/_raft/events')];
    await watch.until('the beginning', 1);
    await application.close();
    await Promise.all([watch.closed, events.closed]);
  });

  it('are the state and the events, for those who have the token, and the page of the dashboard, which has no data', async () => {
    await start('--admin-token', 'secret');
    for (const [method, path] of [
      ['GET', '/_raft/status'],
      ['GET', '/_raft/members'],
      ['GET', '/_raft/events'],
      ['GET', '/_raft/ui/../status'],
      ['GET', '/_raft/status?/_raft/ui'],
      ['PUT', '/_praft/leadership_transfer'],
      ['DELETE', '/_raft/members/n1'],
    ] as const)
      expect({ path, status: (await send(method, path)).status }).toEqual({ path, status: 401 });
    const authorization = 'Bearer secret';
    expect((await send('GET', '/_raft/status', undefined, { authorization })).status).toBe(200);
    const events = await open('/_raft/events', { authorization });
    expect((await events.until('the state', 1))[0]).toMatchObject({ type: 'status', data: { phase: 'running' } });
    const page = await send('GET', '/_raft/ui');
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('<title>Raft</title>');
  });

  it('is the document of its API, with a page to read it that loads nothing from elsewhere', async () => {
    await start();
    const document = (await (await send('GET', '/_docs/json')).json()) as { paths: Record<string, object> };
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/{key}',
        '/_raft/status',
        '/_raft/members/{name}',
        '/_raft/watch',
        '/_praft/remove_node',
        '/_health',
        '/_metrics',
      ]),
    );
    expect(Object.keys(document.paths).filter((path) => path.includes('*') || path.startsWith('/_docs'))).toEqual([]);
    const page = await (await send('GET', '/_docs')).text();
    const links = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, link]) => link!);
    expect(links).toHaveLength(3);
    for (const link of links) expect({ link, status: (await send('GET', link)).status }).toEqual({ link, status: 200 });
    expect((await send('GET', '/_docs/package.json')).status).toBe(404);
  });

  it('keeps its paths apart from the keys', async () => {
    await start();
    expect((await send('GET', '/_raft/nothing')).status).toBe(404);
    expect((await send('PUT', '/_metrics', '1')).status).toBe(404);
  });
});
