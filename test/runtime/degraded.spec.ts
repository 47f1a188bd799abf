import { addressOf } from '../../libs/raft/src/testing/cluster/virtual-hosts';
import { add, VirtualCluster, type VirtualNode, watch } from './virtual-cluster';

describe('A node whose store doesn’t serve it', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  const healthOf = (viewer: VirtualNode, name: string) =>
    viewer.raft.status().members.find((member) => member.name === name)?.health;

  it('reports itself degraded while its store stalls, the leader shows it, and both end by themselves', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const follower = cluster.followers()[0]!;
    await cluster.pass(500);
    expect(follower.raft.status().degraded).toBeNull();
    expect(healthOf(leader, follower.name)).toBe('well');
    expect(healthOf(leader, leader.name)).toBe('well');
    expect(healthOf(follower, leader.name)).toBeNull();

    const told: (string | undefined)[] = [];
    follower.raft.onStatus(({ degraded }) => told.push(degraded?.reason));
    follower.storage.hold('persist', 'probe');
    await cluster.ends(leader.raft.propose(add('while it stalls')));
    await cluster.until(() => follower.raft.status().degraded !== null);
    const { degraded } = follower.raft.status();
    expect(degraded!.reason).toBe("its store doesn't answer");
    await cluster.until(() => healthOf(leader, follower.name) === 'degraded');
    await cluster.pass(1000);
    expect(follower.raft.status().degraded).toEqual(degraded);
    expect(leader.raft.status().isLeader).toBe(true);

    follower.storage.release('persist', 'probe');
    await cluster.until(() => follower.raft.status().degraded === null);
    await cluster.until(() => healthOf(leader, follower.name) === 'well');
    await cluster.until(() => follower.raft.status().appliedIndex === leader.raft.status().appliedIndex);
    expect(told).toContain("its store doesn't answer");
    expect(told.at(-1)).toBeUndefined();
  });

  it('says why its store can’t be reached, and since when; to the leader it is silent', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const follower = cluster.followers()[0]!;
    follower.storage.before = (operation) => {
      if (operation === 'persist' || operation === 'probe' || operation === 'recover')
        throw new Error('connect ECONNREFUSED');
    };
    await cluster.ends(leader.raft.propose(add('while it is away')));
    await cluster.until(() => follower.raft.status().degraded !== null);
    const first = follower.raft.status().degraded!;
    expect(first.reason).toBe("its store can't be reached (connect ECONNREFUSED)");
    await cluster.until(() => healthOf(leader, follower.name) === 'silent');
    await cluster.pass(3000);
    expect(follower.raft.status().degraded).toEqual(first);

    follower.storage.before = undefined;
    await cluster.until(() => follower.raft.status().degraded === null);
    await cluster.until(() => healthOf(leader, follower.name) === 'well');
  });

  it('makes no fuss of a short trouble', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const follower = cluster.followers()[0]!;
    const told: unknown[] = [];
    follower.raft.onStatus(({ degraded }) => degraded !== null && told.push(degraded));
    follower.storage.hold('persist');
    await cluster.ends(leader.raft.propose(add('a')));
    await cluster.pass(200);
    follower.storage.release('persist');
    await cluster.pass(2000);
    expect(told).toEqual([]);
  });

  it('safety 17: hands over where it leads, reports itself degraded, and is a good follower again afterwards', async () => {
    cluster = new VirtualCluster(3);
    const old = await cluster.startWithLeader();
    old.storage.hold('persist', 'probe');
    void old.raft.propose(add('stuck')).catch(() => undefined);
    await cluster.until(() => cluster.leaderInsteadOf(old) !== undefined);
    await cluster.until(() => old.raft.status().degraded !== null);
    old.storage.release('persist', 'probe');
    await cluster.until(() => old.raft.status().degraded === null);
    const leader = cluster.leaderInsteadOf(old)!;
    await cluster.until(() => healthOf(leader, old.name) === 'well');
  });
});

describe('A leader whose state machine hangs', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  it('hands over to a node that gets past the entries, says that it is degraded, and loses nothing', async () => {
    cluster = new VirtualCluster(3);
    const old = await cluster.startWithLeader();
    await cluster.ends(old.raft.propose(add('a')));
    old.machine.hold();
    const stuck = watch(old.raft.propose(add('stuck'), { timeoutMs: 60_000 }));
    await cluster.pass(2000);
    expect(old.raft.status().isLeader).toBe(true);
    await cluster.until(() => cluster.leaderInsteadOf(old) !== undefined);
    const leader = cluster.leaderInsteadOf(old)!;
    await cluster.ends(leader.raft.propose(add('b')));
    await cluster.until(() => old.raft.status().degraded !== null);
    expect(old.raft.status().degraded!.reason).toMatch(/its state machine doesn't get past entry \d+/);
    expect(old.logged.join('\n')).toMatch(
      /The state machine here doesn't get past entry \d+; 'n\d', which does, is asked to lead/,
    );

    old.machine.release();
    await cluster.until(() => stuck.settled);
    expect(stuck.code).toBeUndefined();
    await cluster.until(() => old.raft.status().degraded === null);
    await cluster.until(() => old.machine.lines.length === 3);
    for (const { machine } of cluster.nodes.values()) expect(machine.lines).toEqual(['a', 'stuck', 'b']);
  });

  it('keeps leading where the others get no further: commands may be slow', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    for (const { machine } of cluster.nodes.values()) machine.hold();
    const slow = watch(leader.raft.propose(add('slow'), { timeoutMs: 60_000 }));
    await cluster.pass(9000);
    expect(leader.raft.status().isLeader).toBe(true);
    expect(leader.raft.status().degraded).toBeNull();
    for (const { machine } of cluster.nodes.values()) machine.release();
    await cluster.until(() => slow.settled);
    expect(slow.code).toBeUndefined();
  });
});

describe('A node whose committed entries nobody has in hand', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  /** Starts a node again whose store takes writes, and gives no entries back. */
  async function restartHeld(node: VirtualNode): Promise<VirtualNode> {
    await cluster.kill(node);
    const again = cluster.make(node.name);
    again.storage.hold('entries');
    void again.raft.start();
    await cluster.until(() => again.raft.status().leader !== null);
    return again;
  }

  it('is not ready, names the entry, and hands over to a voter that has applied it', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    for (const line of ['a', 'b', 'c']) await cluster.ends(leader.raft.propose(add(line)));
    const held = await restartHeld(cluster.followers()[0]!);
    await cluster.until(() => held.raft.status().commitIndex === leader.raft.status().commitIndex);
    await cluster.ends(leader.raft.transferLeadership(held.name));
    await cluster.until(() => held.raft.status().isLeader);
    await cluster.until(() => held.raft.status().degraded !== null);
    const next = held.raft.status().appliedIndex + 1;
    expect(held.raft.status().degraded!.reason).toBe(
      `entry ${next} is committed and not applied: its store doesn't give it back`,
    );
    await cluster.until(() => cluster.leaderInsteadOf(held) !== undefined);
    await cluster.pass(5000);
    expect(held.raft.status().isLeader).toBe(false);

    held.storage.release('entries');
    await cluster.until(() => held.raft.status().degraded === null);
    await cluster.until(() => held.machine.lines.length === 3);
  });

  it('keeps leading where no voter has got further, and its status names the entry', async () => {
    cluster = new VirtualCluster(1);
    const first = await cluster.startWithLeader();
    await cluster.ends(first.raft.propose(add('a')));
    const held = await restartHeld(first);
    await cluster.until(() => held.raft.status().degraded !== null);
    expect(held.raft.status().degraded!.reason).toMatch(/^entry 1 is committed and not applied/);
    await cluster.pass(10_000);
    expect(held.raft.status().isLeader).toBe(true);
    held.storage.release('entries');
    await cluster.until(() => held.raft.status().degraded === null);
    expect(held.machine.lines).toEqual(['a']);
  });

  it('is not said to be stuck while a snapshot is restored, however long that takes', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader({ snapshots: { afterEntries: 5, trailingEntries: 0 } });
    for (let n = 0; n < 20; n++) await cluster.ends(leader.raft.propose(add(`line ${n}`)));
    await cluster.until(() => leader.raft.status().firstIndex > 5);
    const joining = cluster.make('n4', { founders: [{ id: 'n4', peer: addressOf('n4') }], join: [addressOf('n1')] });
    let open = (): void => undefined;
    joining.machine.restoreGate = new Promise((resolve) => (open = resolve));
    void joining.raft.start();
    await cluster.until(() => joining.raft.status().install !== null);
    await cluster.pass(30_000);
    expect(joining.raft.status()).toMatchObject({ appliedIndex: 0, degraded: null });
    open();
    await cluster.until(() => joining.machine.lines.length === 20);
  });
});
