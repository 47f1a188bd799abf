import { readPostmasterFileSync } from '../../apps/kv/src/embedded-postgres/server/postmaster-file';
import { eventually } from '../support/eventually';
import { KvCluster } from '../support/kv/kv-cluster';
import { report } from '../support/test-run';
import { WriteLoad } from '../support/load/write-load';

describe('the life of a node’s database', () => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start();
  });
  afterAll(() => cluster?.stop());

  it.each(['a follower', 'the leader'])('is begun anew when the database of %s is killed under load', async (whose) => {
    const load = WriteLoad.start(cluster, { clients: 8, prefix: `/${encodeURIComponent(whose)}` });
    await load.moreAcknowledged(100);
    const node = whose === 'the leader' ? await cluster.leader({ all: true }) : (await cluster.followers())[0]!;
    const before = readPostmasterFileSync(node.postgresDir)?.pid;

    const killed = performance.now();
    node.killPostgresNow();
    await load.moreAcknowledged(100);
    const writingMs = performance.now() - killed;
    await eventually('the database runs again', () => {
      const pid = readPostmasterFileSync(node.postgresDir)?.pid;
      return pid !== undefined && pid !== before ? true : undefined;
    });
    await load.moreAcknowledged(100);
    await load.stop();
    report(`the database of ${whose} is killed`, { '100 writes succeed within': `${Math.round(writingMs)} ms` });

    expect(node.log()).toContain('is started again');
    expect(await load.brokenPromises()).toEqual({ missing: [], doubled: [], appliedThoughRefused: [] });
    await eventually('the node’s own copy has everything', async () => {
      const [own, leader] = [await node.status(), await (await cluster.leader()).status()];
      return own !== undefined && own.appliedIndex === leader?.appliedIndex ? true : undefined;
    });
  });
});
