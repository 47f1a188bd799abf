import { add, VirtualCluster, type VirtualNode } from '../virtual-cluster';

const REJOIN = { onEmptyStore: 'rejoin' } as const;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

const idOf = (seenBy: VirtualNode, name: string): number =>
  seenBy.raft.members().members.find((member) => member.name === name)!.id;

/** The follower's disk is emptied, and it is started again. */
async function empty(cluster: VirtualCluster, name: string, settings: object = REJOIN): Promise<VirtualNode> {
  await cluster.kill(cluster.node(name));
  cluster.wipe(name);
  const node = cluster.make(name, settings);
  await cluster.ends(node.raft.start());
  return node;
}

const isVoter = (node: VirtualNode): boolean => {
  const { phase, members, membershipChanging, replicaId } = node.raft.status();
  return phase === 'running' && !membershipChanging && members.find(({ id }) => id === replicaId)?.role === 'voter';
};

describe('a founder whose disk is empty', () => {
  let cluster: VirtualCluster;

  afterEach(() => cluster.stopAll());

  async function start(size: number): Promise<VirtualNode> {
    cluster = new VirtualCluster(size);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    return leader;
  }

  it('takes no part by default, and says what to start it with', async () => {
    await start(3);
    const node = await empty(cluster, cluster.followers()[0]!.name, {});
    await cluster.until(() => node.raft.status().phase === 'quarantined');
    expect(node.raft.status().reason).toMatch(
      /onEmptyStore: 'rejoin'.*RAFT_ON_EMPTY_STORE=rejoin.*--on-empty-store rejoin/,
    );
  });

  it('comes back in place of its old replica once that has been silent for half a minute, where it is told to', async () => {
    const leader = await start(3);
    const { name } = cluster.followers()[0]!;
    const old = idOf(leader, name);
    const emptiedAtMs = cluster.time.nowMs;
    const node = await empty(cluster, name);
    await cluster.until(() => node.raft.status().reason.includes('must be silent for 30 s'));
    await cluster.until(() => isVoter(node), 2 * MINUTE);

    expect(cluster.time.nowMs - emptiedAtMs).toBeGreaterThanOrEqual(30 * SECOND);
    expect(idOf(leader, name)).toBeGreaterThan(old);
    expect(leader.raft.members().members).toHaveLength(3);
    expect(node.machine.lines).toEqual(['a']);
  });

  it('keeps the part that it had: who was a learner comes back as one', async () => {
    const leader = await start(3);
    const { name } = cluster.followers()[0]!;
    const members = leader.raft.members().members.map((member) => ({ ...member, voter: member.name !== name }));
    await cluster.ends(leader.raft.changeMembership(members));
    const node = await empty(cluster, name);
    await cluster.until(() => node.raft.status().phase === 'running' && node.machine.lines.length > 0, 2 * MINUTE);
    await cluster.pass(5 * SECOND);
    expect(node.raft.status().role).toBe('learner');
  });

  it('founds nothing, and gets no place, where two were emptied at once', async () => {
    await start(3);
    const [first, second] = ['n1', 'n2'];
    await cluster.kill(cluster.node(second));
    cluster.wipe(second);
    const nodes = [await empty(cluster, first), cluster.make(second, REJOIN)];
    await cluster.ends(nodes[1]!.raft.start());
    await cluster.pass(3 * MINUTE);

    expect(nodes.map(({ raft }) => raft.status().phase)).toEqual(['joining', 'joining']);
    expect(nodes.map(({ raft }) => raft.status().clusterId)).toEqual(['', '']);
    expect(idOf(cluster.node('n3'), 'n1')).toBe(1);

    // Nor after a start at which nobody is there who could say that there is a cluster.
    await cluster.kill(cluster.node('n3'));
    for (const name of [first, second]) {
      await cluster.kill(cluster.node(name));
      await cluster.ends(cluster.make(name, { ...REJOIN, forceBootstrap: true }).raft.start());
    }
    await cluster.pass(MINUTE);
    for (const name of [first, second]) {
      const { phase, clusterId } = cluster.node(name).raft.status();
      expect([phase, clusterId]).toEqual(['bootstrapping', '']);
    }
    expect(cluster.node(first).raft.status().reason).toContain('it founds none');
  });

  it('gets its place only when all other voters are there and level', async () => {
    await start(5);
    const [emptied, behind] = cluster.followers() as [VirtualNode, VirtualNode];
    cluster.network.partition(
      [behind.address],
      [...cluster.nodes.values()].map(({ address }) => address).filter((address) => address !== behind.address),
    );
    const node = await empty(cluster, emptied.name);
    await cluster.until(() => node.raft.status().reason.includes(`and '${behind.name}' doesn't`), 2 * MINUTE);
    await cluster.pass(2 * MINUTE);
    expect(node.raft.status().phase).toBe('joining');

    cluster.network.heal();
    await cluster.until(() => isVoter(node), MINUTE);
  });

  it('gets no place of a member that is alive: a second process with its name ends there', async () => {
    const leader = await start(3);
    const { name } = cluster.followers()[0]!;
    const second = cluster.make('second', {
      nodeId: name,
      advertise: 'second:7001',
      founders: cluster.founders,
      ...REJOIN,
    });
    await cluster.ends(second.raft.start());
    await cluster.until(() => second.raft.status().phase === 'quarantined', MINUTE);
    expect(second.raft.status().reason).toContain('a member of that name that is alive');
    expect(idOf(leader, name)).toBe(cluster.node(name).raft.status().replicaId);
    expect(cluster.node(name).raft.status().phase).toBe('running');
    await cluster.kill(second);
  });

  it('waits after another replacement, also where another leads by then', async () => {
    const leader = await start(3);
    const [first, second] = cluster.followers().map(({ name }) => name);
    const earlier = await empty(cluster, first!);
    await cluster.until(() => isVoter(earlier), 2 * MINUTE);
    await cluster.ends(leader.raft.transferLeadership(first));

    const later = await empty(cluster, second!);
    await cluster.until(() => later.raft.status().reason.includes('another replacement ended'), MINUTE);
    await cluster.pass(20 * SECOND);
    expect(later.raft.status().phase).toBe('joining');
  });
});
