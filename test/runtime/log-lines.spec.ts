import { VirtualCluster } from './virtual-cluster';

describe('the log of a node', () => {
  let cluster: VirtualCluster;

  afterEach(() => cluster.stopAll());

  it('says once that a member is away, since when, why, and how many voters answer, and that it is back', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [away, other] = cluster.followers();
    await cluster.pass(2000);
    expect([...leader.warned, ...other!.warned].filter((line) => line.includes('away'))).toEqual([]);

    const sinceMs = cluster.time.nowMs;
    await cluster.kill(away!);
    await cluster.pass(600_000);
    for (const { warned, logged } of [leader, other!]) {
      const about = logged.filter((line) => line.includes(away!.name) && !line.includes('leads'));
      expect(about).toEqual([
        expect.stringMatching(
          new RegExp(`^'${away!.name}' is away since \\d{4}-\\S+Z: \\S.*; 2 of 3 voters answer\\.$`),
        ),
      ]);
      expect(warned).toEqual(expect.arrayContaining(about));
    }

    const back = cluster.make(away!.name);
    await cluster.ends(back.raft.start());
    await cluster.until(() => leader.logged.at(-1)!.includes('is back'));
    const seconds = Number(/back after (\d+\.\d) s; 3 of 3 voters answer/.exec(leader.logged.at(-1)!)?.[1]);
    expect(Math.abs(seconds - (cluster.time.nowMs - sinceMs) / 1000)).toBeLessThan(1);
  });

  it('says that a member doesn’t answer whose connection is open, and nothing of one that is started again at once', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [cut, restarted] = cluster.followers();
    await cluster.kill(restarted!);
    await cluster.ends(cluster.make(restarted!.name).raft.start());
    await cluster.pass(2000);
    expect(leader.warned).toEqual([]);

    cluster.network.partition([leader.address], [cut!.address]);
    await cluster.until(() => leader.warned.length > 0);
    expect(leader.warned[0]).toContain("it doesn't answer, though the connection is open");
  });

  it('has a line for each change of the membership and each call of an administrator, on every member', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [asked, removed] = cluster.followers();
    await cluster.pass(1000);
    await cluster.ends(asked!.raft.remove(removed!.name));
    await cluster.ends(asked!.raft.updateAddress(leader.name, { http: 'http://elsewhere' }));
    await cluster.ends(asked!.raft.transferLeadership(asked!.name));
    await cluster.ends(asked!.raft.snapshot());
    await cluster.pass(1000);

    const kept = [leader, asked!].map(({ name }) => name).toSorted();
    for (const { logged } of [leader, asked!]) {
      const asks = logged.filter((line) => line.startsWith('Administration'));
      expect(asks).toEqual([
        `Administration, asked of '${asked!.name}': remove '${removed!.name}'.`,
        `Administration, asked of '${asked!.name}': '${leader.name}' is at http://elsewhere from now on.`,
        `Administration, asked of '${asked!.name}': hand the leadership over to '${asked!.name}'.`,
        `Administration, asked of '${asked!.name}': take a snapshot.`,
      ]);
      const changes = logged.filter((line) => line.startsWith('Membership of entry'));
      expect(changes.some((line) => line.endsWith(`: voters ${kept.join(', ')}.`))).toBe(true);
      expect(changes.at(-1)).toContain(`${leader.name} is reached by HTTP at http://elsewhere now`);
    }
  });

  it('of a node without a leader says where it is, and where the others know it', async () => {
    cluster = new VirtualCluster(3);
    await cluster.startWithLeader();
    for (const node of [...cluster.nodes.values()]) await cluster.kill(node);
    const alone = await cluster.comeBackAt('n1', 'n1.new:7001');
    await cluster.pass(6000);
    expect(alone.logged.filter((line) => line.startsWith('No leader')).at(-1)).toContain(
      'n1 is this node, at n1.new:7001, and the membership has it at n1:7001',
    );
  });

  it('status: a learner is catching up until it has its vote, or the state', async () => {
    cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();
    for (const joinAs of ['voter', 'learner'] as const) {
      const name = `as-${joinAs}`;
      const node = await cluster.join(name, 'n1', { joinAs });
      await cluster.until(() => node.raft.status().phase === 'running');
      expect(node.raft.status().catchingUp).toBe(true);
      await cluster.until(() => !node.raft.status().catchingUp && !leader.raft.members().changing);
      expect(node.raft.status().role).toBe(joinAs === 'voter' ? 'follower' : 'learner');
    }
  });
});
