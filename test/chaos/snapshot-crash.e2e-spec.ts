import { setTimeout as sleep } from 'node:timers/promises';
import { isLongForm, rounds, timeFor } from '../support/chaos-scale';
import { eventually } from '../support/eventually';
import { NoAnswerError } from '../support/http-client';
import { KvCluster } from '../support/kv/kv-cluster';
import type { KvNode } from '../support/kv/kv-node';
import { untilVotersAre } from '../support/kv/members';
import { fillState, valueAt } from '../support/load/state-filling';
import { figure } from '../support/test-run';
import { NONE_BROKEN, WriteLoad } from '../support/load/write-load';

const STATE_BYTES = (isLongForm ? 64 : 8) * 1_000_000;
const KEYS = Math.ceil(STATE_BYTES / 16_384);
const BACK_LIMIT_MS = 180_000;

/** What dies: the node, its database, or both at one instant. */
const VICTIMS = ['node', 'database', 'both'] as const;

describe('a crash in the middle of a snapshot', () => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start({ flags: ['--snapshot-entries', '400'] });
    await fillState(cluster, { bytes: STATE_BYTES });
  }, 300_000);
  afterAll(() => cluster?.stop());

  const crash = async (node: KvNode, victim: (typeof VICTIMS)[number]): Promise<void> => {
    if (victim !== 'node') node.killPostgresNow();
    if (victim !== 'database') await node.kill();
  };

  /** The node runs, starting it if it died, and has applied what the leader has committed by now. */
  const back = async (node: KvNode): Promise<void> => {
    if (!node.running) node.start();
    const leader = await cluster.leader();
    const { commitIndex } = (await leader.status())!;
    await eventually(
      `${node.id} is back`,
      async () => {
        if (!node.running) node.start();
        const status = await node.status();
        return status?.phase === 'running' && status.appliedIndex >= commitIndex ? true : undefined;
      },
      { withinMs: BACK_LIMIT_MS, describe: () => cluster.describe() },
    );
  };

  const expectWholeState = async (node: KvNode): Promise<void> => {
    for (let at = 0; at < KEYS; at += isLongForm ? 7 : 1)
      expect(await cluster.get(`/state/${at}?consistency=stale`, { node })).toBe(valueAt(at));
  };

  const writings = rounds({ short: 2, long: 9 });
  it(
    'that is being written leaves the old one or the new one, and either is whole',
    async () => {
      const node = (await cluster.followers())[0]!;
      const load = WriteLoad.start(cluster, { clients: 4, prefix: '/crashes' });
      const kept = { old: 0, new: 0 };
      for (let round = 0; round < writings; round++) {
        await load.moreAcknowledged(20);
        const before = (await node.status())!.snapshot?.index ?? 0;
        const taken = cluster
          .send('/_raft/snapshot', { node, method: 'POST', timeoutMs: 60_000 })
          .catch((error: unknown) => {
            if (!(error instanceof NoAnswerError)) throw error;
          });
        await sleep(Math.random() * (isLongForm ? 3_000 : 600));
        await crash(node, VICTIMS[round % VICTIMS.length]!);
        await taken;
        await back(node);
        const after = (await node.status())!.snapshot?.index ?? 0;
        expect(after).toBeGreaterThanOrEqual(before);
        if (after === before) kept.old++;
        else kept.new++;
        await expectWholeState(node);
      }
      await load.stop();
      figure('crashes while a snapshot is written', `${writings}`, 'none loses a snapshot');
      figure('the old one was there afterwards, or a new one', `${kept.old}, ${kept.new}`);
      expect(await load.brokenPromises()).toEqual(NONE_BROKEN);
    },
    timeFor(writings, 90_000),
  );

  const installs = rounds({ short: 1, long: 3 });
  it(
    'that is being installed leaves a node that installs it in the end',
    async () => {
      const stages: string[] = [];
      for (let round = 0; round < installs; round++) {
        const leader = await cluster.leader({ all: true });
        const joiner = await cluster.join(`joiner${round}`, leader);
        const founders = cluster.nodes.filter((node) => node !== joiner).map(({ id }) => id);
        for (const victim of VICTIMS) {
          await eventually('it runs', async () => (await joiner.status()) && true, { withinMs: BACK_LIMIT_MS });
          await sleep(Math.random() * (isLongForm ? 4_000 : 1_500));
          const status = await joiner.status();
          stages.push(status?.install?.stage ?? status?.phase ?? 'starting');
          await crash(joiner, victim);
          if (!joiner.running) joiner.start();
        }
        await untilVotersAre(cluster, leader, [...founders, joiner.id], BACK_LIMIT_MS);
        await back(joiner);
        await expectWholeState(joiner);
        const gone = await cluster.send(`/_raft/members/${joiner.id}`, {
          node: leader,
          method: 'DELETE',
          timeoutMs: 60_000,
        });
        expect(gone.status).toBe(200);
        await joiner.ended();
        cluster.nodes.splice(cluster.nodes.indexOf(joiner), 1);
        await joiner.wipe();
      }
      figure('crashes while one is installed', String(installs * VICTIMS.length), 'each ends as a voter');
      figure('what the node was at', stages.join(' '));
    },
    timeFor(installs, 240_000),
  );
});
