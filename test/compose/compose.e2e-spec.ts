import { describeNeeds } from '../support/needs';
import { report } from '../support/test-run';
import { ComposeCluster, type NodeName, NODES } from './compose-cluster';
import { docker, whyNoEngine } from './docker-engine';

const engine = { what: 'a Docker engine', missing: whyNoEngine() };

const UP_TIMEOUT_MS = 900_000;
const TEST_TIMEOUT_MS = 300_000;

const databaseOf = (node: NodeName): string => node.replace('node', 'database');
const except = (node: NodeName): NodeName[] => NODES.filter((each) => each !== node);
const since = (startedMs: number): string => `${Math.round(performance.now() - startedMs)} ms`;

describeNeeds(engine)('the cluster of docker-compose.yml', () => {
  let cluster: ComposeCluster;

  beforeAll(async () => {
    cluster = await ComposeCluster.prepare();
    const startedMs = performance.now();
    await cluster.up();
    report('docker compose up --build --wait', { took: since(startedMs) });
  }, UP_TIMEOUT_MS);

  afterAll(() => cluster.remove(), TEST_TIMEOUT_MS);

  it('is six healthy containers, of which one node leads', async () => {
    const containers = [...NODES, ...NODES.map(databaseOf)].map((service) => cluster.container(service));
    const health = await docker(['inspect', '--format', '{{.State.Health.Status}}', ...containers]);
    expect(health.split('\n')).toEqual(containers.map(() => 'healthy'));
    const leader = await cluster.leader();
    const statuses = await Promise.all(NODES.map((node) => cluster.status(node)));
    expect(statuses.map((status) => status.leader?.name)).toEqual([leader, leader, leader]);
  });

  it('asks for the token that it has drawn, as a published port is remote', async () => {
    for (const node of NODES) {
      expect((await cluster.send(node, '/_raft/status')).status).toBe(401);
      expect((await cluster.send(node, '/_raft/snapshot', { method: 'POST' })).status).toBe(401);
    }
  });

  it('takes writes and linearizable reads through every published port', async () => {
    for (const writer of NODES) {
      const json = `{"by":"${writer}"}`;
      await cluster.write(`/through/${writer}`, json, [writer]);
      for (const reader of NODES) await cluster.reads(reader, `/through/${writer}`, json);
    }
  });

  it(
    'goes on without a leader that is cut off from the mesh, which reads its own copy only, and catches up once connected',
    async () => {
      await cluster.write('/partition', '"before"');
      const cut = await cluster.leader();
      await cluster.reads(cut, '/partition?consistency=stale', '"before"');
      await cluster.cutOff(cut);
      const cutMs = performance.now();
      const leader = await cluster.leader(except(cut));
      const electedAfter = since(cutMs);
      await cluster.write('/partition', '"meanwhile"', except(cut));
      report('the leader is cut off', { 'another one leads after': electedAfter, 'a write after': since(cutMs) });
      expect(leader).not.toBe(cut);

      // Its port and its database are on a network of its own, so it answers; but never with what may be out of date.
      const linearizable = await cluster.send(cut, '/partition');
      expect({ status: linearizable.status, body: linearizable.body }).toEqual({
        status: 503,
        body: expect.stringContaining('RAFT_NO_LEADER') as string,
      });
      expect((await cluster.send(cut, '/partition?consistency=stale')).body).toBe('"before"');
      expect((await cluster.send(cut, '/_health')).status).toBe(503);

      await cluster.connect(cut);
      const connectedMs = performance.now();
      await cluster.reads(cut, '/partition?consistency=stale', '"meanwhile"');
      await cluster.becomesHealthy(cut);
      report('it is connected again', { 'it has caught up after': since(connectedMs) });
      await cluster.reads(cut, '/partition', '"meanwhile"');
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'goes on when the container of the leader is killed, which catches up once it is started',
    async () => {
      const killed = await cluster.leader();
      const killMs = performance.now();
      await cluster.kill(killed);
      await cluster.write('/killed', '"meanwhile"', except(killed));
      report('docker kill of the leader', { 'a write after': since(killMs) });
      await cluster.start(killed);
      const startedMs = performance.now();
      await cluster.reads(killed, '/killed?consistency=stale', '"meanwhile"');
      report('docker start', { 'it has caught up after': since(startedMs) });
    },
    TEST_TIMEOUT_MS,
  );

  it(
    "goes on when the leader's database is killed, and its node recovers by itself once there is one again",
    async () => {
      const robbed = await cluster.leader();
      const killMs = performance.now();
      await cluster.kill(databaseOf(robbed));
      const leader = await cluster.leader(except(robbed));
      await cluster.write('/robbed', '"meanwhile"', except(robbed));
      report("docker kill of the leader's database", { 'a write after': since(killMs) });
      expect(leader).not.toBe(robbed);
      // What isn't durable here is neither applied here nor promised to anybody.
      expect((await cluster.send(robbed, '/robbed?consistency=stale')).status).toBe(404);
      await cluster.start(databaseOf(robbed));
      const startedMs = performance.now();
      await cluster.reads(robbed, '/robbed?consistency=stale', '"meanwhile"');
      report('docker start of the database', { 'its node has caught up after': since(startedMs) });
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'has every acknowledged write after all nodes and all databases were killed at one instant',
    async () => {
      const written = Array.from({ length: 50 }, (_, at) => ({ path: `/power-cut/${at}`, json: String(at) }));
      await Promise.all(written.map(({ path, json }) => cluster.write(path, json)));
      const services = [...NODES, ...NODES.map(databaseOf)];
      await cluster.kill(...services);
      await cluster.start(...services);
      const startedMs = performance.now();
      await cluster.write('/power-cut/after', '"after"');
      report('all six killed and started', { 'a write after': since(startedMs) });
      for (const node of NODES) {
        await cluster.reads(node, '/power-cut/after?consistency=stale', '"after"');
        const copies = await Promise.all(written.map(({ path }) => cluster.send(node, `${path}?consistency=stale`)));
        expect(copies.map((copy) => copy.body)).toEqual(written.map(({ json }) => json));
      }
    },
    TEST_TIMEOUT_MS,
  );
});
