import { eventually } from '../support/eventually';
import { KvCluster } from '../support/kv/kv-cluster';
import type { KvNode } from '../support/kv/kv-node';

describe('the members of a running cluster', () => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start({ flags: ['--snapshot-entries', '500'] });
  });
  afterAll(() => cluster?.stop());

  it('all come back at other addresses with their stores, and nobody has to say so to the cluster', async () => {
    await cluster.put('/kept', '"through the move"');
    await cluster.moveAll();
    await cluster.leader({ all: true });
    expect(await cluster.get('/kept')).toBe('"through the move"');

    const places = cluster.nodes.map(({ id, joinAddress, url }) => ({
      name: id,
      peer: `127.0.0.1:${joinAddress.split('/')[1]!}`,
      http: url,
    }));
    await eventually('each node has everybody at the new address', async () => {
      const statuses = await Promise.all(cluster.nodes.map((node) => node.status()));
      return statuses.every(
        (status) =>
          JSON.stringify(status?.members.map(({ name, peer, http }) => ({ name, peer, http }))) ===
          JSON.stringify(places),
      )
        ? true
        : undefined;
    });
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
    await cluster.put('/covered', '1');
    const { appliedIndex } = (await node.status())!;
    const answer = await cluster.send('/_raft/snapshot', { node, method: 'POST' });
    expect(answer.status).toBe(200);
    const { index } = JSON.parse(answer.body) as { readonly index: number };
    expect(index).toBeGreaterThanOrEqual(appliedIndex);
    expect((await node.status())!.snapshot).toMatchObject({ index });
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
