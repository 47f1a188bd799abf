import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually';
import { KvCluster } from '../support/kv/kv-cluster';

/** Long enough for several elections, were they possible. */
const WATCHED_MS = 6_000;

describe('a founder that lost its disk', () => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start();
  });
  afterAll(() => cluster?.stop());

  it('helps no lagging node to lead without what was committed, is quarantined, and says what to do', async () => {
    // The first-listed founder is the one that writes a genesis.
    const wiped = cluster.node('n1');
    const leader = await cluster.leader({ all: true });
    const lagging = cluster.nodes.find((node) => node !== wiped && node !== leader)!;
    const third = cluster.nodes.find((node) => node !== wiped && node !== lagging)!;
    await cluster.put('/early', '1');

    lagging.signal('SIGSTOP');
    const keys = Array.from({ length: 20 }, (_, at) => `/committed/${at}`);
    for (const key of keys) await cluster.put(key, '"by the other two"');
    await wiped.wipe();
    await third.kill();
    lagging.signal('SIGCONT');
    wiped.start();

    const status = await eventually(
      'the wiped node is quarantined',
      async () => {
        const said = await wiped.status();
        return said?.phase === 'quarantined' ? said : undefined;
      },
      { describe: () => cluster.describe() },
    );
    expect(status.reason).toMatch(/\w+ \w+ \w+/);
    const health = await cluster.http.send(`${wiped.url}/_health`);
    expect(health.status).toBe(503);
    expect(JSON.parse(health.body)).toMatchObject({ phase: 'quarantined', reason: status.reason });
    const write = await cluster.http.send(`${wiped.url}/early`, { method: 'PUT', body: '2' });
    expect([write.status, (JSON.parse(write.body) as { code: string }).code]).toEqual([503, 'RAFT_QUARANTINED']);

    // Two of three run, and yet nobody may lead: what was committed is on the third one's disk.
    for (const until = performance.now() + WATCHED_MS; performance.now() < until; await sleep(200))
      for (const node of [wiped, lagging]) expect((await node.status())?.isLeader ?? false).toBe(false);

    third.start();
    await eventually('the two that have their disks elect a leader', async () => {
      const [one, other] = await Promise.all([third.status(), lagging.status()]);
      return one?.leader && one.leader.id === other?.leader?.id ? true : undefined;
    });
    for (const node of [third, lagging])
      for (const key of keys) expect(await cluster.get(key, { node })).toBe('"by the other two"');
    expect(await cluster.get('/early', { node: lagging })).toBe('1');
    expect((await wiped.status())?.phase).toBe('quarantined');
  });
});
