import { VirtualCluster } from './virtual-cluster';

describe('Founding a cluster', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  it('binds each founder to its store, in the order of the list, and elects a leader', async () => {
    cluster = new VirtualCluster(3);
    await cluster.startWithLeader();
    const all = ['n1', 'n2', 'n3'].map((name) => cluster.node(name).raft.status());
    expect(new Set(all.map(({ clusterId }) => clusterId)).size).toBe(1);
    expect(all.map(({ replicaId }) => replicaId)).toEqual([1, 2, 3]);
    expect(all[0]!.members.map(({ name, voter }) => [name, voter])).toEqual([
      ['n1', true],
      ['n2', true],
      ['n3', true],
    ]);
  });

  it('is over at once for a single node, which leads then', async () => {
    cluster = new VirtualCluster(1);
    const { raft } = cluster.make('n1');
    await cluster.ends(raft.start());
    await cluster.until(() => raft.status().isLeader, 100);
    expect(raft.status().members).toHaveLength(1);
  });

  it('waits for all founders, and says every five seconds who is missing and why', async () => {
    cluster = new VirtualCluster(3);
    const n1 = cluster.make('n1');
    const n2 = cluster.make('n2');
    await cluster.ends(Promise.all([n1.raft.start(), n2.raft.start()]));
    await cluster.pass(11_000);
    expect(n1.raft.status().phase).toBe('bootstrapping');
    const said = n1.logged.filter((line) => line.startsWith('Founding'));
    expect(said).toHaveLength(2);
    expect(said[0]).toMatch(/n1, n2 there; n3 at n3:7001 doesn't answer \(refused: nobody listens at n3:7001\)/);
    expect(n2.logged.find((line) => line.startsWith('Founding'))).toMatch(/waiting for 'n1', listed first/);
    expect(n1.raft.status().reason).toBe(said[0]);

    const n3 = cluster.make('n3');
    await cluster.ends(n3.raft.start());
    await cluster.leaderKnown();
  });

  it('goes on with a majority where forceBootstrap says so, and leaves the others out', async () => {
    cluster = new VirtualCluster(3);
    const n1 = cluster.make('n1', { forceBootstrap: true });
    const n2 = cluster.make('n2', { forceBootstrap: true });
    await cluster.ends(Promise.all([n1.raft.start(), n2.raft.start()]));
    await cluster.pass(1500);
    expect(n1.raft.status().phase).toBe('bootstrapping');
    await cluster.leaderKnown();
    expect(n1.raft.status().members.map(({ name }) => name)).toEqual(['n1', 'n2']);

    const late = cluster.make('n3');
    await cluster.ends(late.raft.start());
    await cluster.until(() => late.raft.status().phase === 'quarantined');
    expect(late.raft.status().reason).toMatch(/left out at the founding.*Start it with join/);
  });

  it('does not go on with a minority, even so', async () => {
    cluster = new VirtualCluster(3);
    const n1 = cluster.make('n1', { forceBootstrap: true });
    await cluster.ends(n1.raft.start());
    await cluster.pass(10_000);
    expect(n1.raft.status().phase).toBe('bootstrapping');
  });

  it('tells nobody of a genesis that is not durable yet', async () => {
    cluster = new VirtualCluster(3);
    const nodes = ['n1', 'n2', 'n3'].map((name) => cluster.make(name));
    nodes[0]!.storage.hold('persist');
    await cluster.ends(Promise.all(nodes.map(({ raft }) => raft.start())));
    await cluster.pass(5000);
    expect(nodes[0]!.storage.writes).toHaveLength(1);
    expect(nodes.map(({ raft }) => raft.status().phase)).toEqual(['bootstrapping', 'bootstrapping', 'bootstrapping']);
    nodes[0]!.storage.release('persist');
    await cluster.leaderKnown();
    expect(new Set(nodes.map(({ raft }) => raft.status().clusterId)).size).toBe(1);
  });

  it('does not write a second genesis where the answer of the store was lost', async () => {
    cluster = new VirtualCluster(1);
    const { raft, storage } = cluster.make('n1');
    storage.afterPersist = () => {
      storage.afterPersist = undefined;
      throw new Error('connection lost behind COMMIT');
    };
    await cluster.ends(raft.start());
    await cluster.until(() => raft.status().isLeader);
    expect(storage.writes.filter(({ number }) => number === 1)).toHaveLength(1);
  });

  it('trap 10: keeps a wiped founder from taking its old place: it is quarantined, whether it is listed first or last', async () => {
    for (const wiped of ['n1', 'n3']) {
      cluster = new VirtualCluster(3);
      await cluster.startWithLeader();
      await cluster.kill(cluster.node(wiped));
      cluster.wipe(wiped);
      const back = cluster.make(wiped);
      await cluster.ends(back.raft.start());
      await cluster.until(() => back.raft.status().phase === 'quarantined');
      expect(back.raft.status().reason).toMatch(/exists already.*wiped or replaced/);
      expect((await cluster.outcome(back.raft.propose(new Uint8Array(20)))).code).toBe('RAFT_QUARANTINED');
      expect(back.storage.writes).toEqual([]);
      if (wiped === 'n1') await cluster.stopAll();
    }
  });

  it('trap 10: refuses to start a node with an empty store that is none of the founders', async () => {
    cluster = new VirtualCluster(3);
    const { raft } = cluster.make('n9');
    const { code, message } = await cluster.outcome(raft.start());
    expect(code).toBe('RAFT_CONFIGURATION');
    expect(message).toMatch(/'n9' is none of the founders \(n1, n2, n3\)/);
    expect(raft.status().phase).toBe('failed');
  });

  it('comes back from its store after a restart, without founding anything', async () => {
    cluster = new VirtualCluster(1);
    const first = cluster.make('n1');
    await cluster.ends(first.raft.start());
    await cluster.until(() => first.raft.status().isLeader);
    const { clusterId } = first.raft.status();
    await cluster.ends(first.raft.stop());
    const second = cluster.make('n1');
    await cluster.ends(second.raft.start());
    await cluster.until(() => second.raft.status().isLeader);
    expect(second.raft.status().clusterId).toBe(clusterId);
  });
});
