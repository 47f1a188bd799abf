import { add, VirtualCluster, type VirtualNode } from '../virtual-cluster';

/** Kills a node and starts it again from what its disk holds now, or from an older copy of it. */
async function comeBack(cluster: VirtualCluster, name: string, backup?: ReturnType<VirtualCluster['backUp']>) {
  if (cluster.nodes.has(name)) await cluster.kill(cluster.node(name));
  if (backup !== undefined) cluster.putBack(name, backup);
  const back = cluster.make(name);
  await cluster.ends(back.raft.start());
  return back;
}

async function write(cluster: VirtualCluster, node: VirtualNode, ...texts: string[]): Promise<void> {
  for (const text of texts) await cluster.ends(node.raft.propose(add(text)));
}

describe('safety 10: a disk that was put back to an earlier state', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  it('is quarantined where it was started since the copy was made: its peers remember a life that it does not', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const { name } = cluster.followers()[0]!;
    const backup = cluster.backUp(name);
    await comeBack(cluster, name);
    await cluster.leaderKnown();
    await write(cluster, leader, 'a');

    const back = await comeBack(cluster, name, backup);
    await cluster.until(() => back.raft.status().phase === 'quarantined');
    expect(back.raft.status().reason).toMatch(/put back to an earlier state.*repair it: POST/);
    expect((await cluster.outcome(back.raft.propose(add('b')))).code).toBe('RAFT_QUARANTINED');
    await write(cluster, leader, 'c');
    expect(leader.raft.status().members.find((member) => member.name === name)!.connection).not.toBe('connected');
  });

  it('is quarantined where it was copied in the life in which it is put back: it had acknowledged more', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const { name } = cluster.followers()[0]!;
    await cluster.pass(500);
    const backup = cluster.backUp(name);
    await write(cluster, leader, 'a', 'b', 'c');
    await cluster.pass(500);

    const back = await comeBack(cluster, name, backup);
    await cluster.until(() => back.raft.status().phase === 'quarantined');
    expect(back.raft.status().reason).toMatch(/had acknowledged entry \d+ to the leader, and its log ends at \d+/);
  });

  it('stays in quarantine when it is started again, and says the same', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const { name } = cluster.followers()[0]!;
    await cluster.pass(500);
    const backup = cluster.backUp(name);
    await write(cluster, leader, 'a', 'b');
    await cluster.pass(500);
    const first = await comeBack(cluster, name, backup);
    await cluster.until(() => first.raft.status().phase === 'quarantined');
    const { reason } = first.raft.status();
    await cluster.pass(100);

    // Nobody is there any more who could tell it.
    for (const other of [...cluster.nodes.values()]) if (other.name !== name) await cluster.kill(other);
    const again = await comeBack(cluster, name);
    expect(again.raft.status()).toMatchObject({ phase: 'quarantined', reason });
  });

  it('is refused by peers that were all restarted since: what they know of it is in their stores', async () => {
    cluster = new VirtualCluster(3);
    await cluster.startWithLeader();
    const backup = cluster.backUp('n3');
    await comeBack(cluster, 'n3');
    await cluster.leaderKnown();
    await cluster.pass(500);
    for (const name of ['n1', 'n2', 'n3']) await cluster.kill(cluster.node(name));
    await comeBack(cluster, 'n1');
    const back = await comeBack(cluster, 'n3', backup);
    await cluster.until(() => back.raft.status().phase === 'quarantined');
    // With its vote the two would be a majority.
    await cluster.pass(5000);
    expect(cluster.node('n1').raft.status().leader).toBeNull();
  });

  it('may come back as a new member with an empty store', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const { name } = cluster.followers()[0]!;
    await cluster.pass(500);
    const backup = cluster.backUp(name);
    await write(cluster, leader, 'a', 'b');
    const back = await comeBack(cluster, name, backup);
    await cluster.until(() => back.raft.status().phase === 'quarantined');
    await cluster.kill(back);
    cluster.wipe(name);
    const anew = await cluster.join(name, leader.name);
    await cluster.until(() => anew.raft.status().members.some((member) => member.name === name && member.voter));
    expect(anew.raft.status().replicaId).toBe(4);
  });

  it('goes on where it is the only voter, whom nobody can contradict', async () => {
    cluster = new VirtualCluster(1);
    const first = await cluster.startWithLeader();
    const backup = cluster.backUp('n1');
    await write(cluster, first, 'a');
    const back = await comeBack(cluster, 'n1', backup);
    await cluster.until(() => back.raft.status().isLeader);
  });
});

describe('safety 10: what is no sign of a disk put back', () => {
  let cluster: VirtualCluster;
  afterEach(async () => {
    expect([...cluster.nodes.values()].map(({ raft }) => raft.status().phase)).not.toContain('quarantined');
    await cluster.stopAll();
  });

  it('a crash, in the midst of writing', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const { name } = cluster.followers()[0]!;
    for (let round = 0; round < 5; round++) {
      cluster.node(name).storage.hold('persist');
      await write(cluster, leader, `a${round}`);
      await comeBack(cluster, name);
      await cluster.until(() => cluster.node(name).raft.status().leader !== null);
      await cluster.pass(300);
    }
  });

  it('starts that were killed before they said who they are', async () => {
    cluster = new VirtualCluster(3);
    await cluster.startWithLeader();
    await cluster.kill(cluster.node('n3'));
    for (let round = 0; round < 3; round++) {
      const early = cluster.make('n3');
      early.storage.hold('notes');
      void early.raft.start().catch(() => undefined);
      await cluster.pass(50);
      await cluster.kill(early);
    }
    const back = await comeBack(cluster, 'n3');
    await cluster.until(() => back.raft.status().leader !== null);
  });

  it('restarts while the peers were down, however many', async () => {
    cluster = new VirtualCluster(3);
    await cluster.startWithLeader();
    await cluster.kill(cluster.node('n1'));
    await cluster.kill(cluster.node('n2'));
    for (let round = 0; round < 40; round++) await comeBack(cluster, 'n3');
    await comeBack(cluster, 'n1');
    await comeBack(cluster, 'n2');
    await cluster.leaderKnown();
  });

  it('a power cut of all, once and again', async () => {
    cluster = new VirtualCluster(3);
    await cluster.startWithLeader();
    for (let round = 0; round < 3; round++) {
      for (const name of ['n1', 'n2', 'n3']) await cluster.kill(cluster.node(name));
      for (const name of ['n3', 'n1', 'n2']) await comeBack(cluster, name);
      await cluster.leaderKnown();
    }
  });

  it('a store that stands elsewhere now, under another address, with everything in it', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const { name } = cluster.followers()[0]!;
    await write(cluster, leader, 'a');
    await cluster.kill(cluster.node(name));
    // Copied after the node had stopped for the last time: nothing is missing.
    const moved = await comeBack(cluster, name, cluster.backUp(name));
    await cluster.until(() => moved.raft.status().leader !== null);
  });
});
