import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RaftStatus } from 'nestjs-raft';
import { isLongForm } from '../support/chaos-scale';
import { eventually } from '../support/eventually';
import { KvCluster } from '../support/kv/kv-cluster';
import type { KvNode } from '../support/kv/kv-node';
import { untilVotersAre } from '../support/kv/members';
import { fillState, valueAt } from '../support/load/state-filling';
import { figure } from '../support/test-run';

const CUT_PEERS_HOOK = join(__dirname, '..', 'support', 'hooks', 'cut-peers.cjs');
const STATE_BYTES = (isLongForm ? 200 : 16) * 1_000_000;
/** Of the store and of the wire; two are on the way at a time. */
const CHUNK_BYTES = 64 * 1024;
const INSTALL_LIMIT_MS = 240_000;

describe('an install of a snapshot that is cut three times', () => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start({ flags: ['--snapshot-entries', '1000'], preload: [CUT_PEERS_HOOK] });
    await fillState(cluster, { bytes: STATE_BYTES });
  }, 300_000);
  afterAll(() => cluster?.stop());

  /** Resolves when this share of the snapshot has come in. */
  const fetchedShare = (node: KvNode, share: number): Promise<NonNullable<RaftStatus['install']>> =>
    eventually(
      `${share * 100} % of the snapshot`,
      async () => {
        const install = (await node.status())?.install;
        const isThere = install && install.totalBytes > 0 && install.receivedBytes >= share * install.totalBytes;
        return isThere ? install : undefined;
      },
      { withinMs: INSTALL_LIMIT_MS, describe: () => cluster.describe() },
    );

  it(
    'goes on where it was, and does not begin anew',
    async () => {
      const leader = await cluster.leader({ all: true });
      const source = cluster.nodes.find((node) => node !== leader)!;
      // Snapshots of one index are the same on every node; where one node alone has it, only that node can go on with it.
      await cluster.send('/_raft/snapshot', { node: source, method: 'POST', timeoutMs: 120_000 });
      await cluster.send('/_raft/snapshot', { node: leader, method: 'POST', timeoutMs: 120_000 });
      await eventually('the log is cut', async () => ((await leader.status())!.firstIndex > 1 ? true : undefined));

      const startedMs = Date.now();
      const joiner = await cluster.join('n4', leader);
      const begun = await fetchedShare(joiner, 0.2);
      joiner.signal('SIGUSR2');
      const broken = await fetchedShare(joiner, 0.45);
      const from = cluster.node(broken.source);
      from.signal('SIGUSR2');
      const last = await fetchedShare(joiner, 0.7);
      const victim = cluster.node(last.source);
      await cluster.kill(victim);
      await sleep(300);
      victim.start();
      await untilVotersAre(cluster, leader, ['n1', 'n2', 'n3', 'n4'], INSTALL_LIMIT_MS);

      const status = (await joiner.status())!;
      const extra = status.fetchedBytes - begun.totalBytes;
      figure('cut install: size of the snapshot', `${begun.totalBytes} bytes`);
      figure('cut install: bytes fetched beyond it', String(extra), `${6 * CHUNK_BYTES}`);
      figure('cut install: seen resumptions before the last cut', String(last.resumptions));
      figure('cut install: a voter after', `${Date.now() - startedMs} ms`);
      expect([broken.index, last.index]).toEqual([begun.index, begun.index]);
      expect(last.resumptions).toBeGreaterThanOrEqual(2);
      expect(extra).toBeLessThanOrEqual(6 * CHUNK_BYTES);
      const highest = Math.ceil(STATE_BYTES / 16_384) - 1;
      for (const at of [0, highest])
        expect(await cluster.get(`/state/${at}?consistency=stale`, { node: joiner })).toBe(valueAt(at));
    },
    INSTALL_LIMIT_MS + 120_000,
  );
});
