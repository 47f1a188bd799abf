import { KvCluster } from '../support/kv-cluster';
import { eventually } from '../support/eventually';
import type { KvNode } from '../support/kv-node';
import { report } from '../support/test-run';
import { NONE_BROKEN, WriteLoad } from '../support/write-load';

interface Membership {
  readonly changing: boolean;
  readonly members: readonly { readonly name: string; readonly role: string }[];
}

describe('the members of a running cluster', () => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start({ nodes: 1, flags: ['--snapshot-entries', '500'] });
  });
  afterAll(() => cluster?.stop());

  const members = async (node: KvNode): Promise<Membership> =>
    JSON.parse((await cluster.send('/_raft/members', { node })).body) as Membership;

  const voters = (node: KvNode, ...names: string[]): Promise<Membership> =>
    eventually(
      `the voters ${names.join(', ')}`,
      async () => {
        const membership = await members(node);
        const found = membership.members.map(({ name, role }) => `${name} ${role}`);
        const wanted = names.map((name) => `${name} voter`);
        const same = found.length === wanted.length && wanted.every((each) => found.includes(each));
        return same && !membership.changing ? membership : undefined;
      },
      { withinMs: 60_000, describe: () => cluster.describe() },
    );

  it('grow from 1 to 3 to 5 and shrink to 3, the leader among the removed, while clients write', async () => {
    const [n1] = cluster.nodes as [KvNode];
    const load = WriteLoad.start(cluster, { clients: 8, prefix: '/grow' });
    await load.moreAcknowledged(1000);
    const started = performance.now();
    const n2 = await cluster.join('n2', n1);
    await voters(n1, 'n1', 'n2');
    const n3 = await cluster.join('n3', n2);
    await voters(n1, 'n1', 'n2', 'n3');
    const n4 = await cluster.join('n4', n3);
    await voters(n1, 'n1', 'n2', 'n3', 'n4');
    await cluster.join('n5', n4);
    await voters(n1, 'n1', 'n2', 'n3', 'n4', 'n5');
    const grownMs = performance.now() - started;
    const unknownBefore = load.unknown.size;

    const leader = await cluster.leader();
    const other = cluster.nodes.find((node) => node !== leader)!;
    const kept = cluster.nodes.filter((node) => node !== leader && node !== other);
    for (const gone of [leader, other]) {
      const answer = await cluster.send(`/_raft/members/${gone.id}`, {
        node: kept[0]!,
        method: 'DELETE',
        timeoutMs: 30_000,
      });
      expect([answer.status, answer.body.slice(0, 200)]).toEqual([200, expect.any(String)]);
      expect(await gone.ended()).toEqual({ code: 3, signal: null });
      expect(gone.log()).toContain('was removed from the cluster');
    }
    await voters(kept[0]!, ...kept.map(({ id }) => id));
    await load.moreAcknowledged(500);
    await load.stop();
    report('members under load', {
      'acknowledged writes': load.acknowledged.size,
      'grown from 1 to 5 in': `${Math.round(grownMs)} ms`,
      'answers that said nothing for certain while growing': unknownBefore,
      'and while shrinking': load.unknown.size - unknownBefore,
    });

    cluster.nodes.splice(0, cluster.nodes.length, ...kept);
    await cluster.leader({ all: true });
    expect(await load.brokenPromises()).toEqual(NONE_BROKEN);
    expect(unknownBefore).toBe(0);
  });

  it('the leadership goes to whom the short form or the long one says', async () => {
    const [first, second] = cluster.nodes as [KvNode, KvNode];
    const answer = await cluster.send('/_raft/transfer', {
      node: first,
      method: 'POST',
      body: JSON.stringify({ to: second.id }),
    });
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { leader: second.id }]);
    expect(await cluster.leader({ all: true })).toBe(second);

    const short = await cluster.send('/_praft/leadership_transfer', { node: first, method: 'PUT' });
    expect([short.status, short.body]).toEqual([200, '{"transferring":true}']);
    expect(await cluster.leader({ all: true })).not.toBe(second);
  });

  it('a snapshot is taken on demand', async () => {
    const [node] = cluster.nodes as [KvNode];
    const answer = await cluster.send('/_raft/snapshot', { node, method: 'POST' });
    expect(answer.status).toBe(200);
    expect((JSON.parse(answer.body) as { index: number }).index).toBeGreaterThan(1000);
  });

  it('what cannot be done is refused with a code, and 404 or 400 for what is no node', async () => {
    const [node] = cluster.nodes as [KvNode];
    const unknown = await cluster.send('/_raft/members/nobody', { node, method: 'DELETE' });
    expect([unknown.status, (JSON.parse(unknown.body) as { reason: string }).reason]).toEqual([422, 'UNKNOWN_MEMBER']);
    expect((await cluster.send('/_praft/remove_node', { node, method: 'PUT' })).status).toBe(400);
    const nowhere = await cluster.send('/_praft/remove_node?hostname=nowhere&port=1', { node, method: 'DELETE' });
    expect(nowhere.status).toBe(404);
    const silent = await cluster.send('/_raft/members', {
      node,
      method: 'POST',
      body: '{"id":"n9","http":"127.0.0.1:9","peer":"127.0.0.1:9"}',
      timeoutMs: 20_000,
    });
    expect([silent.status, (JSON.parse(silent.body) as { reason: string }).reason]).toEqual([
      422,
      'MEMBER_UNREACHABLE',
    ]);
  });

  it('a member is removed by the address that clients reach it at', async () => {
    const leader = await cluster.leader({ all: true });
    const gone = cluster.nodes.find((node) => node !== leader)!;
    const { hostname, port } = new URL(gone.url);
    const answer = await cluster.send('/_praft/remove_node', {
      node: leader,
      method: 'PUT',
      body: `hostname=${hostname}&port=${port}`,
      timeoutMs: 30_000,
    });
    expect(answer.status).toBe(200);
    expect(await gone.ended()).toEqual({ code: 3, signal: null });
  });
});
