import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { eventually } from '../support/eventually';
import { KvCluster } from '../support/kv/kv-cluster';
import type { KvNode } from '../support/kv/kv-node';

describe('safety 10: a database directory that is put back to an earlier copy', () => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start();
  });
  afterAll(() => cluster?.stop());

  const crash = async (node: KvNode): Promise<void> => {
    const ended = node.kill();
    node.killPostgresNow();
    await ended;
  };
  const phase = (node: KvNode, wanted: string) =>
    eventually(
      `${node.id} is ${wanted}`,
      async () => {
        const status = await node.status();
        return status?.phase === wanted && (wanted !== 'running' || status.leader !== null) ? status : undefined;
      },
      { withinMs: 60_000, describe: () => cluster.describe() },
    );

  it('keeps its node out of the cluster, over restarts, with a sentence that says what to do', async () => {
    const [node] = await cluster.followers();
    const others = cluster.nodes.filter((each) => each !== node);
    const backup = `${node!.postgresDir}.backup`;
    await cluster.put('/before', '1');

    // A crash and a start from what is there do no harm.
    await crash(node!);
    execFileSync('cp', ['-a', node!.postgresDir, backup]);
    node!.start();
    await phase(node!, 'running');
    await cluster.put('/after', '2');

    await crash(node!);
    rmSync(node!.postgresDir, { recursive: true, force: true });
    execFileSync('cp', ['-a', backup, node!.postgresDir]);
    node!.start();
    const { reason } = await phase(node!, 'quarantined');
    expect(reason).toMatch(/put back to an earlier state.*repair it: POST/);

    const health = await cluster.http.send(`${node!.url}/_health`);
    expect([health.status, (JSON.parse(health.body) as { reason: string }).reason]).toEqual([503, reason]);
    const write = await cluster.http.send(`${node!.url}/before`, { method: 'PUT', body: '3' });
    expect([write.status, (JSON.parse(write.body) as { code: string }).code]).toEqual([503, 'RAFT_QUARANTINED']);
    await cluster.put('/go-on', '4');

    // Without the others, too: its own store says so.
    await crash(node!);
    await Promise.all(others.map((other) => other.kill()));
    node!.start();
    expect((await phase(node!, 'quarantined')).reason).toBe(reason);
    for (const other of others) other.start();
    await Promise.all(others.map((other) => phase(other, 'running')));
    expect(await cluster.get('/after', { node: others[0]! })).toBe('2');
    expect((await node!.status())?.phase).toBe('quarantined');
  });
});
