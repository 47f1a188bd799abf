import { isLongForm, quantile } from '../support/chaos-scale';
import { eventually } from '../support/eventually';
import { KvCluster } from '../support/kv/kv-cluster';
import type { KvNode } from '../support/kv/kv-node';
import { untilVotersAre } from '../support/kv/members';
import { fillState, valueAt } from '../support/load/state-filling';
import { SteadyLoad } from '../support/load/steady-load';
import { figure } from '../support/test-run';
import { NONE_BROKEN } from '../support/load/write-load';

const STATE_BYTES = (isLongForm ? 200 : 16) * 1_000_000;
const JOIN_LIMIT_MS = 240_000;

describe('a node that joins a cluster with a large state', () => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start({ flags: ['--snapshot-entries', '5000'] });
    await fillState(cluster, { bytes: STATE_BYTES });
  }, 300_000);
  afterAll(() => cluster?.stop());

  const terms = (nodes: readonly KvNode[]): Promise<(number | undefined)[]> =>
    Promise.all(nodes.map(async (node) => (await node.status())?.term));

  it(
    'installs a snapshot while clients write, gets its vote by itself, and no heartbeat misses',
    async () => {
      const founders = [...cluster.nodes];
      const leader = await cluster.leader({ all: true });
      const last = Math.ceil(STATE_BYTES / 16_384) - 1;
      // A linearizable read: from here on each founder has applied the whole state, and its snapshot has it.
      for (const node of founders) await cluster.get(`/state/${last}`, { node });
      for (const node of founders) await cluster.send('/_raft/snapshot', { node, method: 'POST', timeoutMs: 120_000 });
      await eventually('the log is cut behind the snapshots', async () => {
        const statuses = await Promise.all(founders.map((node) => node.status()));
        return statuses.every((status) => status !== undefined && status.firstIndex > 1) ? true : undefined;
      });
      const termsBefore = await terms(founders);
      const load = SteadyLoad.start(cluster, { prefix: '/joining', everyMs: 40, nodes: () => founders });
      await load.more(100);

      const startedMs = Date.now();
      const joiner = await cluster.join(
        'n4',
        founders.find((node) => node !== leader)!,
      );
      await untilVotersAre(cluster, leader, ['n1', 'n2', 'n3', 'n4'], JOIN_LIMIT_MS);
      const promotedMs = Date.now();
      await load.more(100);
      await load.stop();

      const status = (await joiner.status())!;
      figure('joining with a snapshot: bytes fetched', String(status.fetchedBytes), `${STATE_BYTES} or more`);
      figure('joining with a snapshot: a voter after', `${promotedMs - startedMs} ms`);
      figure(
        'joining with a snapshot: terms before and after',
        `${termsBefore.join(' ')} / ${(await terms(founders)).join(' ')}`,
      );
      figure('joining with a snapshot: longest slice of the new node', `${status.longestSliceMs.toFixed(1)} ms`);
      figure('joining with a snapshot: writes meanwhile', `${load.writes}, failed ${load.failures.length}`, 'failed 0');
      figure(
        'joining with a snapshot: their p99',
        `${Math.round(quantile(load.latenciesMs([startedMs, promotedMs]), 0.99))} ms`,
      );

      expect(status.fetchedBytes).toBeGreaterThan(STATE_BYTES);
      expect(await terms(cluster.nodes)).toEqual([...termsBefore, termsBefore[0]]);
      expect(await cluster.leader({ all: true })).toBe(leader);
      expect(load.failures).toEqual([]);
      expect(await load.brokenPromises()).toEqual(NONE_BROKEN);
      for (const at of [0, Math.floor(last / 2), last])
        expect(await cluster.get(`/state/${at}?consistency=stale`, { node: joiner })).toBe(valueAt(at));
    },
    JOIN_LIMIT_MS + 120_000,
  );
});
