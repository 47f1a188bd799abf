import { add, VirtualCluster, type VirtualNode, watch } from './virtual-cluster';

const namesOf = (node: VirtualNode): string =>
  node.raft
    .members()
    .members.map(({ name, role }) => (role === 'voter' ? name : `${name} (${role})`))
    .join(' ');

/** n4 joins, is met by the leader, and dies as soon as it is a learner. */
async function deadLearner(): Promise<{ cluster: VirtualCluster; leader: VirtualNode; other: VirtualNode }> {
  const cluster = new VirtualCluster(3);
  const leader = await cluster.startWithLeader();
  const joining = await cluster.join('n4', leader.name);
  await cluster.until(() => leader.raft.members().changing);
  await cluster.kill(joining);
  await cluster.pass(2000);
  expect(namesOf(leader)).toBe('n1 n2 n3 n4 (learner)');
  return { cluster, leader, other: cluster.followers()[0]! };
}

describe('a change that waits for a member that is gone', () => {
  it('is shown with its stage, its deadline and whom it waits for', async () => {
    const { cluster, leader, other } = await deadLearner();
    const { change, changing } = leader.raft.members();
    expect(changing).toBe(true);
    expect(change).toMatchObject({ stage: 'catchingUp', voters: ['n1', 'n2', 'n3', 'n4'], added: ['n4'], entry: null });
    expect(change!.waitsFor).toEqual([{ id: 4, name: 'n4', why: expect.stringMatching(/answered/) }]);
    expect(Date.parse(change!.deadline!)).toBeLessThan(Date.parse(change!.ends!));
    expect(leader.raft.status().membershipChange).toEqual(leader.raft.members().change);
    expect(other.raft.status().membershipChange).toMatchObject({ stage: 'catchingUp', waitsFor: null });
    await cluster.stopAll();
  });

  it('is cancelled from any node, and everything can be changed again', async () => {
    const { cluster, leader, other } = await deadLearner();
    expect(await cluster.outcome(other.raft.updateAddress('n2', { http: 'http://n2:1' }))).toMatchObject({});
    const refused = await cluster.outcome(other.raft.promote('n4'));
    expect([refused.code, refused.message]).toEqual(['RAFT_CONFLICT', expect.stringContaining('cancel it')]);

    const view = await cluster.ends(other.raft.cancelMembershipChange());
    expect(view.members.map(({ name }) => name)).toEqual(['n1', 'n2', 'n3']);
    expect([view.changing, view.change]).toEqual([false, null]);

    await cluster.ends(leader.raft.remove(other.name));
    expect(leader.raft.members().members).toHaveLength(2);
    await cluster.stopAll();
  });

  it('is ended by the removal of that member, forced or not', async () => {
    const { cluster, leader } = await deadLearner();
    const view = await cluster.ends(leader.raft.remove('n4', { force: true }));
    expect(view.members.map(({ name }) => name)).toEqual(['n1', 'n2', 'n3']);
    expect(view.changing).toBe(false);
    await cluster.stopAll();
  });

  it('goes on without that member, where it brings in others too', async () => {
    const { cluster, leader, other } = await deadLearner();
    await cluster.ends(leader.raft.cancelMembershipChange());
    cluster.wipe('n4');
    const names = ['n4', 'n5'];
    // They wait for somebody who adds them: nobody answers where they ask.
    for (const name of names) await cluster.join(name, 'n9');
    const target = ['n1', 'n2', 'n3', ...names].map((name) => ({ name, peer: `${name}:7001` }));
    const change = watch(leader.raft.changeMembership(target));
    await cluster.until(() => leader.raft.members().changing);
    await cluster.kill(cluster.node('n4'));
    await cluster.pass(500);
    await cluster.ends(other.raft.remove('n4'));
    await cluster.until(() => change.settled);
    expect(change.code).toBe('RAFT_REJECTED');
    await cluster.until(() => namesOf(leader) === 'n1 n2 n3 n5' && !leader.raft.members().changing);
    await cluster.stopAll();
  });

  it('leaves the name and the vote to the one that was to be replaced, where the newcomer is removed', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const { name } = cluster.followers()[0]!;
    await cluster.kill(cluster.node(name));
    cluster.wipe(name);
    await cluster.pass(3000);
    const again = await cluster.join(name, leader.name);
    await cluster.until(() => leader.raft.members().changing);
    await cluster.kill(again);
    await cluster.ends(leader.raft.remove(name));
    const left = leader.raft.members().members.filter((member) => member.name === name);
    expect(left).toMatchObject([{ role: 'voter' }]);
    expect(left[0]!.id).toBeLessThanOrEqual(3);
    await cluster.stopAll();
  });

  it('ends by itself a minute later, under another leader too, and takes the member out that never answered', async () => {
    const { cluster, leader } = await deadLearner();
    await cluster.pass(20_000);
    await cluster.kill(leader);
    const next = await cluster.leaderKnown();
    expect(next.raft.members().changing).toBe(true);
    await cluster.until(() => !next.raft.members().changing, 60_000);
    expect(namesOf(next)).toBe('n1 n2 n3');
    await cluster.ends(next.raft.remove(leader.name));
    await cluster.stopAll();
  });

  it('is told as cancelled to the one that waits for it', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const joining = await cluster.join('n4', leader.name, { joinAs: 'learner' });
    await cluster.until(() => joining.raft.status().role === 'learner');
    await cluster.kill(joining);
    const promotion = watch(leader.raft.promote('n4'));
    await cluster.until(() => leader.raft.members().changing);
    await cluster.ends(leader.raft.cancelMembershipChange());
    await cluster.until(() => promotion.settled);
    expect([promotion.code, promotion.message]).toEqual(['RAFT_REJECTED', expect.stringContaining('or cancelled')]);
    expect(namesOf(leader)).toBe('n1 n2 n3 n4 (learner)');
    await cluster.stopAll();
  });
});

describe('a cancel', () => {
  it('is refused where no change is under way', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const refused = await cluster.outcome(leader.raft.cancelMembershipChange());
    expect([refused.code, refused.message]).toEqual(['RAFT_REJECTED', expect.stringContaining('under way')]);
    await cluster.stopAll();
  });

  it('says which entry it waited for in vain, as nobody can take that back', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [first, second] = cluster.followers();
    for (const each of [first!, second!]) each.storage.hold('persist');
    const removal = watch(leader.raft.remove(second!.name, { timeoutMs: 600 }));
    await cluster.pass(20);
    const cancel = await cluster.outcome(leader.raft.cancelMembershipChange({ timeoutMs: 300 }));
    expect([cancel.code, cancel.message]).toEqual([
      'RAFT_INDETERMINATE',
      expect.stringMatching(/entry \d+ of term \d+.*can't be taken back/),
    ]);
    expect(leader.raft.members().change).toMatchObject({ stage: 'uncommitted', entry: { index: expect.any(Number) } });
    await cluster.until(() => removal.settled);
    expect([removal.code, removal.message]).toEqual(['RAFT_INDETERMINATE', expect.stringMatching(/entry \d+ of term/)]);
    await cluster.stopAll();
  });
});

describe('a change without a quorum', () => {
  it.each([false, true])(
    'is refused within a few election time-outs, and nothing is proposed; by force: %s',
    async (force) => {
      const cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      for (const follower of cluster.followers()) await cluster.kill(follower);
      await cluster.pass(1000);
      const { lastIndex } = leader.raft.status();
      const startedMs = cluster.time.nowMs;
      const outcome = await cluster.outcome(
        leader.raft.changeMembership([{ name: leader.name, peer: leader.address }], { force }),
      );
      expect(outcome.code).toBe('RAFT_NO_LEADER');
      expect(cluster.time.nowMs - startedMs).toBeLessThan(6000);
      expect(leader.raft.status().lastIndex).toBeLessThanOrEqual(lastIndex + 1);
      expect(leader.raft.status().membershipIndex).toBe(0);
      await cluster.stopAll();
    },
  );

  it('is dropped where whoever asked has left before it was proposed', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const controller = new AbortController();
    const change = watch(leader.raft.addMember({ name: 'n4', peer: 'n4:7001' }, { signal: controller.signal }));
    await cluster.pass(500);
    controller.abort();
    await cluster.join('n4', 'n9');
    await cluster.until(() => change.settled);
    expect([change.code, change.message]).toEqual(['RAFT_TIMEOUT', expect.stringContaining('nothing was changed')]);
    expect(namesOf(leader)).toBe('n1 n2 n3');
    await cluster.stopAll();
  });
});

describe('a joiner', () => {
  it('that the leader cannot dial is not written into the log, and says why', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const through = cluster.followers()[0]!;
    const { lastIndex } = leader.raft.status();
    cluster.network.partition([leader.address], ['n4:7001']);
    const joining = await cluster.join('n4', through.name);
    await cluster.until(() => joining.raft.status().reason.includes("can't reach 'n4'"));
    expect(joining.raft.status().reason).toMatch(/The leader can't reach 'n4' at n4:7001: .*Nothing was changed/);
    await cluster.pass(5000);
    expect(joining.logged.filter((line) => line.includes("can't reach 'n4' at n4:7001"))).not.toEqual([]);
    expect(namesOf(leader)).toBe('n1 n2 n3');
    expect(leader.raft.status().lastIndex).toBe(lastIndex);

    cluster.network.heal();
    await cluster.until(() => namesOf(leader) === 'n1 n2 n3 n4' && !leader.raft.members().changing);
    expect((await cluster.outcome(leader.raft.propose(add('x')))).code).toBeUndefined();
    await cluster.stopAll();
  });
});
