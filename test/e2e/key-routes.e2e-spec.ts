import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import type { Answer, RequestOptions } from '../support/http-client';
import { KvCluster } from '../support/kv/kv-cluster';
import type { KvNode } from '../support/kv/kv-node';
import { itNeeds, program } from '../support/needs';

const curl = program('curl', '--version');
const KIB = 1024;

describe('the routes of the keys', () => {
  let cluster: KvCluster;
  let leader: KvNode;
  let follower: KvNode;

  const to = (node: KvNode, method: string, path: string, body?: string, headers?: Record<string, string>) =>
    cluster.http.send(node.url + path, { method, body, headers } satisfies RequestOptions);
  const json = (answer: Answer) => JSON.parse(answer.body) as Record<string, unknown>;

  beforeAll(async () => {
    cluster = await KvCluster.start();
    leader = await cluster.leader({ all: true });
    follower = (await cluster.followers())[0]!;
  });
  afterAll(() => cluster?.stop());

  it('keeps any JSON under any path, whatever Content-Type says', async () => {
    const values = ['{"a":1}', '[1,2]', '"text"', '17', 'true', 'null', '{"ü":"日本"}'];
    const paths = ['/a', '/a/b/c', '/users/1%20x', '/%C3%BC', '/a.b-c_d~e', '/deep/'.repeat(20), '/'];
    for (const [at, path] of paths.entries()) {
      const value = values[at]!;
      const put = await to(leader, 'PUT', path, value);
      expect({ path, status: put.status, body: put.body }).toEqual({ path, status: 200, body: value });
      const got = await to(leader, 'GET', path);
      expect({ path, status: got.status, body: got.body }).toEqual({ path, status: 200, body: value });
      expect(got.headers['content-type']).toMatch(/^application\/json/);
    }
    for (const type of ['application/json', 'text/plain', 'application/octet-stream', 'nonsense']) {
      const put = await to(leader, 'PUT', '/typed', '{"kept":"as it came"}', { 'content-type': type });
      expect({ type, status: put.status, body: put.body }).toEqual({
        type,
        status: 200,
        body: '{"kept":"as it came"}',
      });
    }
  });

  it('answers 404 for a key that was never written, and for one that was deleted', async () => {
    expect((await to(leader, 'GET', '/never')).status).toBe(404);
    await to(leader, 'PUT', '/gone', '1');
    expect(await to(leader, 'DELETE', '/gone')).toMatchObject({ status: 200, body: '{"deleted":true}' });
    expect(await to(leader, 'DELETE', '/gone')).toMatchObject({ status: 200, body: '{"deleted":false}' });
    const absent = await to(leader, 'GET', '/gone');
    expect(absent.status).toBe(404);
    expect(json(absent)).toMatchObject({ statusCode: 404, message: "/gone isn't there" });
  });

  it('writes once for an Idempotency-Key, and answers repetitions as the first, whichever node leads by then', async () => {
    const once = { 'idempotency-key': 'order 7' };
    const first = await to(leader, 'PUT', '/once', '1', once);
    expect(first.status).toBe(200);
    await to(leader, 'PUT', '/once', '2');
    const again = await to(leader, 'PUT', '/once', '1', once);
    expect([again.status, again.headers['x-raft-index'], again.headers.etag]).toEqual([
      200,
      first.headers['x-raft-index'],
      first.headers.etag,
    ]);
    expect((await to(leader, 'GET', '/once')).body).toBe('2');
    const other = await to(leader, 'PUT', '/once', '3', once);
    expect([other.status, json(other)]).toEqual([409, expect.objectContaining({ code: 'RAFT_CONFLICT' })]);
    const deleting = { 'idempotency-key': 'order 8' };
    for (let time = 0; time < 2; time++)
      expect(await to(leader, 'DELETE', '/once', undefined, deleting)).toMatchObject({
        status: 200,
        body: '{"deleted":true}',
      });
    for (const key of ['', 'x'.repeat(256)])
      expect((await to(leader, 'PUT', '/once', '4', { 'idempotency-key': key })).status).toBe(400);
    expect((await to(leader, 'GET', '/once')).status).toBe(404);
  });

  it('answers HEAD as GET, without the body', async () => {
    const put = await to(leader, 'PUT', '/head', '"body"');
    expect(await to(leader, 'HEAD', '/head')).toMatchObject({
      status: 200,
      body: '',
      headers: { etag: put.headers.etag },
    });
    expect(await to(leader, 'HEAD', '/never')).toMatchObject({ status: 404, body: '' });
    expect(await to(follower, 'HEAD', '/head')).toMatchObject({
      status: 302,
      headers: { location: `${leader.url}/head` },
    });
  });

  it('says in X-Raft-Index where the log stands, and in ETag which entry wrote the value', async () => {
    const first = await to(leader, 'PUT', '/indexed', '1');
    const second = await to(leader, 'PUT', '/indexed', '2');
    const [one, two] = [first, second].map((answer) => Number(answer.headers['x-raft-index']));
    expect(two).toBeGreaterThan(one!);
    expect(second.headers.etag).toBe(`"${two}"`);
    const got = await to(leader, 'GET', '/indexed');
    expect(got.headers.etag).toBe(second.headers.etag);
    expect(Number(got.headers['x-raft-index'])).toBeGreaterThanOrEqual(two!);
    const fresh = await to(leader, 'GET', '/indexed', undefined, { 'if-none-match': `"1", W/"${two}"` });
    expect(fresh).toMatchObject({ status: 304, body: '' });
    expect((await to(leader, 'GET', '/indexed', undefined, { 'if-none-match': first.headers.etag! })).status).toBe(200);
  });

  it('writes only what the preconditions allow, and says so with RAFT_CONFLICT', async () => {
    const created = await to(leader, 'PUT', '/guarded', '1', { 'if-none-match': '*' });
    expect(created.status).toBe(200);
    const again = await to(leader, 'PUT', '/guarded', '2', { 'if-none-match': '*' });
    expect(again.status).toBe(409);
    expect(json(again).code).toBe('RAFT_CONFLICT');
    expect(json(again).message).toContain('/guarded');

    const changed = await to(leader, 'PUT', '/guarded', '2', { 'if-match': created.headers.etag! });
    expect(changed.status).toBe(200);
    const late = await to(leader, 'PUT', '/guarded', '3', { 'if-match': created.headers.etag! });
    expect(late.status).toBe(409);
    expect((await to(leader, 'DELETE', '/guarded', undefined, { 'if-match': created.headers.etag! })).status).toBe(409);
    expect((await to(leader, 'GET', '/guarded')).body).toBe('2');
    expect((await to(leader, 'PUT', '/guarded', '4', { 'if-match': `"1", ${changed.headers.etag!}` })).status).toBe(
      200,
    );
    expect((await to(leader, 'DELETE', '/guarded', undefined, { 'if-match': '*' })).status).toBe(200);
    expect((await to(leader, 'PUT', '/guarded', '5', { 'if-match': '*' })).status).toBe(409);
  });

  it('lets exactly one of many concurrent writers with the same If-Match through', async () => {
    const { headers } = await to(leader, 'PUT', '/withDeadline', '0');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        to(leader, 'PUT', '/withDeadline', String(at + 1), { 'if-match': headers.etag! }).then(
          (answer) => answer.status,
        ),
      ),
    );
    expect(answers.toSorted((a, b) => a - b)).toEqual([200, ...Array.from({ length: 19 }, () => 409)]);
  });

  it('reads with three consistencies, a stale one on the node itself', async () => {
    await to(leader, 'PUT', '/read', '"now"');
    for (const consistency of ['linearizable', 'lease', 'stale'])
      expect(await to(leader, 'GET', `/read?consistency=${consistency}`)).toMatchObject({ status: 200, body: '"now"' });
    const stale = () => to(follower, 'GET', '/read?consistency=stale');
    while ((await stale()).status !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await stale()).body).toBe('"now"');
  });

  it('is sent on by a follower: 302 without a body, 307 with one, to the same path at the leader', async () => {
    const path = '/on/a%20follower?consistency=linearizable';
    const get = await to(follower, 'GET', path);
    expect(get).toMatchObject({ status: 302, headers: { location: leader.url + path } });
    expect(json(get)).toMatchObject({ code: 'RAFT_NOT_LEADER', leader: { name: leader.id, http: leader.url } });
    const put = await to(follower, 'PUT', '/on/follower', '1');
    expect(put).toMatchObject({ status: 307, headers: { location: `${leader.url}/on/follower` } });
    const remove = await to(follower, 'DELETE', '/on/follower');
    expect(remove).toMatchObject({ status: 302, headers: { location: `${leader.url}/on/follower` } });
    expect((await to(leader, 'GET', '/on/follower')).status).toBe(404);
  });

  it('is sent to the path of a target in the absolute form, and never to the host that it names', async () => {
    const { port } = new URL(follower.url);
    const location = await new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path: 'http://elsewhere.example/a%20b?x=1' }, (answer) => {
        answer.resume();
        resolve(answer.headers.location);
      });
      asked.on('error', reject).end();
    });
    expect(location).toBe(`${leader.url}/a%20b?x=1`);
  });

  itNeeds(curl)('works through `curl -L` on every node, for every method', () => {
    for (const node of cluster.nodes) {
      const curl = (...args: string[]) => {
        const { stdout, status } = spawnSync('curl', ['-sS', '-L', '-w', ' %{http_code}', ...args], {
          encoding: 'utf8',
        });
        expect(status).toBe(0);
        return stdout;
      };
      const url = `${node.url}/curl/${node.id}`;
      expect(curl('-X', 'PUT', '-d', '{"by":"curl"}', url)).toBe('{"by":"curl"} 200');
      expect(curl(url)).toBe('{"by":"curl"} 200');
      expect(curl('-X', 'DELETE', url)).toBe('{"deleted":true} 200');
      expect(curl(url)).toMatch(/ 404$/);
    }
  });

  it('works through the redirects that fetch follows, for every method', async () => {
    const url = `${follower.url}/fetched`;
    const put = await fetch(url, { method: 'PUT', body: '"by fetch"' });
    expect([put.status, await put.text()]).toEqual([200, '"by fetch"']);
    expect(await (await fetch(url)).text()).toBe('"by fetch"');
    expect(await (await fetch(url, { method: 'DELETE' })).text()).toBe('{"deleted":true}');
  });

  describe('refuses with a sentence', () => {
    it.each([
      ['a body that is no JSON', 'PUT', '/bad', '{"a":', undefined, 400, /isn't JSON/],
      ['an empty body', 'PUT', '/bad', '', undefined, 400, /is empty/],
      ['a missing body', 'PUT', '/bad', undefined, undefined, 400, /is empty/],
      ['a key over 1 KiB', 'PUT', `/${'k'.repeat(KIB)}`, '1', undefined, 400, /at most 1024 bytes/],
      ['a key over 1 KiB, read', 'GET', `/${'k'.repeat(KIB)}`, undefined, undefined, 400, /at most 1024 bytes/],
      ['a path that is no UTF-8', 'GET', '/%FF', undefined, undefined, 400, /./],
      [
        'an unknown consistency',
        'GET',
        '/bad?consistency=eventual',
        undefined,
        undefined,
        400,
        /linearizable, lease or stale/,
      ],
      ['an If-Match that is no ETag', 'PUT', '/bad', '1', { 'if-match': 'seven' }, 400, /If-Match/],
      ['an If-None-Match that is a tag', 'PUT', '/bad', '1', { 'if-none-match': '"7"' }, 400, /If-None-Match/],
      [
        'both preconditions',
        'PUT',
        '/bad',
        '1',
        { 'if-match': '"7"', 'if-none-match': '*' },
        400,
        /exclude each other/,
      ],
      ['POST', 'POST', '/bad', '1', undefined, 405, /GET, PUT and DELETE/],
      ['PATCH', 'PATCH', '/bad', '1', undefined, 405, /GET, PUT and DELETE/],
      ['an unknown path of the app', 'GET', '/_unknown', undefined, undefined, 404, /_unknown/],
      ['an encoded path of the app', 'PUT', '/%5Funknown', '1', undefined, 404, /_unknown/],
    ])('%s', async (_what, method, path, body, headers, status, message) => {
      for (const node of [leader, follower]) {
        const answer = await to(node, method, path, body, headers);
        expect(answer.status).toBe(status);
        expect(json(answer)).toMatchObject({ statusCode: status, message: expect.stringMatching(message) });
      }
    });

    it('a value over 1 MiB, and takes one of exactly 1 MiB', async () => {
      const value = (bytes: number) => `"${'v'.repeat(bytes - 2)}"`;
      const large = await to(leader, 'PUT', '/large', value(KIB * KIB));
      expect(large.status).toBe(200);
      expect((await to(leader, 'GET', '/large')).body).toHaveLength(KIB * KIB);
      const tooLarge = await to(leader, 'PUT', '/large', value(KIB * KIB + 1));
      expect(tooLarge.status).toBe(413);
      expect(json(tooLarge)).toMatchObject({ statusCode: 413, message: expect.stringMatching(/\w+/) });
    });

    it('says in Allow which methods a key has', async () => {
      expect((await to(leader, 'POST', '/bad', '1')).headers.allow).toBe('GET, HEAD, PUT, DELETE');
    });
  });

  it('tells its status and its health', async () => {
    const status = (await follower.status())!;
    expect(status).toMatchObject({
      phase: 'running',
      role: 'follower',
      nodeId: follower.id,
      isLeader: false,
      leader: { name: leader.id, http: leader.url },
    });
    expect(status.members.map((member) => member.name)).toEqual(['n1', 'n2', 'n3']);
    const health = await to(follower, 'GET', '/_health');
    expect(health.status).toBe(200);
    expect(json(health)).toMatchObject({ status: 'ok', leader: leader.id });
  });

  describe('with another policy for followers', () => {
    /** The follower starts again with other flags, and is a follower still. */
    const startAgainWith = async (...flags: string[]): Promise<void> => {
      follower = (await cluster.followers())[0]!;
      await follower.stop();
      follower.start(flags);
      leader = await cluster.leader({ all: true });
      expect(follower).not.toBe(leader);
    };

    it('--on-follower forward: the follower answers as the leader would', async () => {
      await startAgainWith('--on-follower', 'forward');
      const put = await to(follower, 'PUT', '/forwarded', '"there"');
      expect(put).toMatchObject({ status: 200, body: '"there"' });
      expect(await to(follower, 'GET', '/forwarded')).toMatchObject({ status: 200, body: '"there"' });
      expect(await to(leader, 'GET', '/forwarded')).toMatchObject({ status: 200, headers: { etag: put.headers.etag } });
      const conflict = await to(follower, 'PUT', '/forwarded', '1', { 'if-none-match': '*' });
      expect([conflict.status, json(conflict).code]).toEqual([409, 'RAFT_CONFLICT']);
      expect(await to(follower, 'DELETE', '/forwarded')).toMatchObject({ status: 200, body: '{"deleted":true}' });
      expect((await to(follower, 'GET', '/forwarded')).status).toBe(404);
    });

    it('--on-follower reject: 503 with Retry-After and the name of the leader', async () => {
      await startAgainWith('--on-follower', 'reject');
      const rejected = await to(follower, 'PUT', '/rejected', '1');
      expect(rejected.status).toBe(503);
      expect(Number(rejected.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(json(rejected)).toMatchObject({ code: 'RAFT_NOT_LEADER', leader: { name: leader.id, http: leader.url } });
      expect((await to(follower, 'GET', '/rejected?consistency=stale')).status).toBe(404);
    });

    it('--redirect-status 308: that status, with or without a body', async () => {
      await startAgainWith('--redirect-status', '308');
      for (const [method, body] of [
        ['GET', undefined],
        ['PUT', '1'],
        ['DELETE', undefined],
      ] as const) {
        const answer = await to(follower, method, '/moved', body);
        expect(answer).toMatchObject({ status: 308, headers: { location: `${leader.url}/moved` } });
      }
    });
  });
});
