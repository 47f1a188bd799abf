import { isLongForm, rounds, timeFor } from '../support/chaos-scale';
import { eventually } from '../support/eventually';
import { KvCluster } from '../support/kv/kv-cluster';
import type { KvNode } from '../support/kv/kv-node';
import { untilVotersAre } from '../support/kv/members';
import { type Span, SteadyLoad } from '../support/load/steady-load';
import { figure } from '../support/test-run';
import { NONE_BROKEN } from '../support/load/write-load';

/** One election is what is asked for, on top of what this machine makes the same load wait for when nothing happens. */
const ELECTION_TIMEOUT_MS = 1_000;
const LONGEST_GAP_MS = ELECTION_TIMEOUT_MS * (isLongForm ? 1 : 5);
const CHANGE_LIMIT_MS = 180_000;

/** How long no write succeeded at most while nothing happened. */
async function quietGapMs(load: SteadyLoad): Promise<number> {
  const fromMs = Date.now();
  await load.more(400);
  return load.longestGapMs([fromMs, Date.now()]);
}

/** Nothing failed, nothing is lost, and no client waited for longer than one election. */
async function expectKept(load: SteadyLoad, what: string, quietMs: number, span: Span): Promise<void> {
  await load.stop();
  const gapMs = load.longestGapMs(span);
  figure(`${what}: acknowledged writes`, String(load.writes));
  figure(`${what}: failed writes`, String(load.failures.length), '0');
  figure(`${what}: refused for certain, and sent again`, String(load.refusals));
  figure(`${what}: longest time without a success`, `${gapMs} ms`, `${ELECTION_TIMEOUT_MS} + ${quietMs} ms`);
  expect(load.failures).toEqual([]);
  expect(await load.brokenPromises()).toEqual(NONE_BROKEN);
  expect(gapMs).toBeLessThan(LONGEST_GAP_MS + quietMs);
}

describe('the members of a cluster that clients write to all the time', () => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start({ nodes: 1, flags: ['--snapshot-entries', '500'] });
  });
  afterAll(() => cluster?.stop());

  const remove = async (gone: KvNode, through: KvNode): Promise<void> => {
    const answer = await cluster.send(`/_raft/members/${gone.id}`, {
      node: through,
      method: 'DELETE',
      timeoutMs: 60_000,
    });
    expect([answer.status, answer.body.slice(0, 300)]).toEqual([200, expect.any(String)]);
  };

  it('grow from 1 to 3 to 5 and shrink to 3, the leader among the removed, without a failed write', async () => {
    const [n1] = cluster.nodes as [KvNode];
    const load = SteadyLoad.start(cluster, {
      prefix: '/members',
      everyMs: isLongForm ? 20 : 100,
      // A node that joins is no member yet, and one that was removed none any more.
      nodes: () => cluster.running.filter((node) => members.has(node)),
    });
    const members = new Set([n1]);
    await load.more(100);
    const quietMs = await quietGapMs(load);
    const startedMs = Date.now();
    for (const id of ['n2', 'n3', 'n4', 'n5']) {
      const node = await cluster.join(id, cluster.nodes.at(-1)!);
      await untilVotersAre(
        cluster,
        n1,
        [...members, node].map((each) => each.id),
        CHANGE_LIMIT_MS,
      );
      members.add(node);
    }
    figure('grown from 1 to 5', `${Date.now() - startedMs} ms`);
    await load.more(200);

    const leader = await cluster.leader({ all: true });
    const other = cluster.nodes.find((node) => node !== leader)!;
    const kept = cluster.nodes.filter((node) => node !== leader && node !== other);
    for (const gone of [leader, other]) {
      await remove(gone, kept[0]!);
      expect(await gone.ended()).toEqual({ code: 3, signal: null });
      expect(gone.log()).toContain('was removed from the cluster');
      members.delete(gone);
    }
    await untilVotersAre(
      cluster,
      kept[0]!,
      kept.map(({ id }) => id),
      CHANGE_LIMIT_MS,
    );
    await load.more(200);
    const endedMs = Date.now();
    cluster.nodes.splice(0, cluster.nodes.length, ...kept);
    await cluster.leader({ all: true });
    await expectKept(load, 'members under load', quietMs, [startedMs, endedMs]);
  }, 900_000);

  const stops = rounds({ short: 1, long: 5 });
  it.each(['redirect', 'forward'])(
    'a leader that is stopped in order hands over: no write fails, at it or at the others, which %s',
    async (onFollower) => {
      const flags = ['--on-follower', onFollower];
      for (const node of cluster.nodes) {
        if (node.running) await node.stop();
        node.start(flags);
      }
      await cluster.leader({ all: true });
      const load = SteadyLoad.start(cluster, { prefix: `/stopped/${onFollower}`, clients: 16 });
      const quietMs = await quietGapMs(load);
      const startedMs = Date.now();
      for (let stop = 0; stop < stops; stop++) {
        await load.more(200);
        const leader = await cluster.leader({ all: true });
        const before = (await leader.status())!.term;
        expect(await leader.stop()).toEqual({ code: 0, signal: null });
        await load.more(200);
        leader.start(flags);
        const next = await cluster.leader({ all: true });
        await eventually('one term more', async () => ((await next.status())!.term > before ? true : undefined));
      }
      await load.more(200);
      await expectKept(load, `SIGTERM of the leader, ${stops} times, others ${onFollower}`, quietMs, [
        startedMs,
        Date.now(),
      ]);
    },
    timeFor(stops, 60_000),
  );
});
