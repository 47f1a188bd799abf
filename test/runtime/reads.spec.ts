import type { HeartbeatReply } from '../../libs/raft/src/core/base/messages';
import { add, ALL, valueOf, VirtualCluster, watch } from './virtual-cluster';

describe('A read', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  it('sees every acknowledged write, asked on any node', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    for (const { raft } of cluster.nodes.values()) expect(valueOf(await cluster.ends(raft.query(ALL)))).toEqual(['a']);
  });

  it('trap 34: waits until its index is applied', async () => {
    cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    leader.machine.hold();
    const write = watch(leader.raft.propose(add('b')));
    await cluster.until(() => leader.raft.status().commitIndex === leader.raft.status().lastIndex);
    const read = watch(leader.raft.query(ALL));
    await cluster.pass(300);
    expect(read.settled).toBe(false);
    leader.machine.release();
    await cluster.until(() => read.settled && write.settled);
    expect(valueOf(read.value)).toEqual(['a', 'b']);
    expect(read.value!.index).toBe(write.value!.index);
  });

  it('is served from the local copy where it may be stale, also with no leader in sight', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    await cluster.pass(500);
    const [alone, other] = cluster.followers();
    await cluster.kill(leader);
    await cluster.kill(other!);
    const stale = await cluster.outcome(alone!.raft.query(ALL, { consistency: 'stale' }), 10);
    expect(valueOf(stale.value)).toEqual(['a']);
    expect((await cluster.outcome(alone!.raft.query(ALL, { timeoutMs: 5000 }))).code).toBe('RAFT_NO_LEADER');
  });

  it('shows nothing older than what its own store knew to be committed, even where it may be stale', async () => {
    cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    await cluster.ends(leader.raft.propose(add('b')));
    await cluster.ends(leader.raft.propose(add('c')));
    await cluster.ends(leader.raft.stop());
    const again = cluster.make('n1');
    again.machine.hold();
    await cluster.ends(again.raft.start());
    const read = watch(again.raft.query(ALL, { consistency: 'stale' }));
    await cluster.pass(200);
    expect(read.settled).toBe(false);
    again.machine.release();
    await cluster.until(() => read.settled);
    expect((valueOf(read.value) as string[]).slice(0, 2)).toEqual(['a', 'b']);
  });

  it('waits for a proof that the store is still ours, where the last one is old', async () => {
    cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    leader.storage.hold('probe');
    await cluster.pass(1000);
    const read = watch(leader.raft.query(ALL));
    await cluster.pass(500);
    expect(read.settled).toBe(false);
    leader.storage.release('probe');
    await cluster.until(() => read.settled, 1000);
    expect(valueOf(read.value)).toEqual(['a']);
  });

  it('is never answered by a node whose store another has taken over', async () => {
    cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    leader.storage.hold('probe');
    await cluster.pass(1000);
    cluster.takeStoreFrom(leader);
    const read = watch(leader.raft.query(ALL));
    await cluster.pass(100);
    leader.storage.release('probe');
    await cluster.until(() => read.settled);
    expect(read.code).toBe('RAFT_STORAGE');
    expect(leader.raft.status().phase).toBe('failed');
  });

  it('is confirmed by no follower that can not prove that it still owns its store', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    await cluster.pass(500);
    const replies: HeartbeatReply[] = [];
    const { host } = cluster.network.listenerAt(leader.address)!;
    const receive = host!.receive.bind(host);
    host!.receive = (message, sender) => {
      if (message.kind === 'heartbeatReply') replies.push(message);
      receive(message, sender);
    };
    for (const { storage } of cluster.followers()) storage.hold('probe');
    await cluster.pass(1000);
    replies.length = 0;
    const read = watch(leader.raft.query(ALL));
    await cluster.pass(400);
    expect(replies.length).toBeGreaterThan(0);
    expect(replies.every(({ round }) => round === 0)).toBe(true);
    expect(read.settled).toBe(false);
    expect(leader.raft.status().isLeader).toBe(true);
    for (const { storage } of cluster.followers()) storage.release('probe');
    await cluster.until(() => read.settled, 1000);
    expect(valueOf(read.value)).toEqual(['a']);
  });

  it('goes to the next leader where the one that it was sent to is gone', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    const [origin] = cluster.followers();
    cluster.network.cut(leader.address, origin!.address);
    const read = watch(origin!.raft.query(ALL));
    await cluster.pass(20);
    expect(read.settled).toBe(false);
    cluster.network.heal();
    await cluster.kill(leader);
    await cluster.until(() => read.settled);
    expect(valueOf(read.value)).toEqual(['a']);
  });

  it('leaves an isolated leader without an answer, rather than with an old one', async () => {
    cluster = new VirtualCluster(3);
    const old = await cluster.startWithLeader();
    await cluster.ends(old.raft.propose(add('a')));
    cluster.network.partition(
      [old.address],
      cluster.followers().map(({ address }) => address),
    );
    const read = watch(old.raft.query(ALL, { timeoutMs: 3000 }));
    await cluster.until(() => cluster.leaderInsteadOf(old) !== undefined);
    const leader = cluster.leaderInsteadOf(old)!;
    await cluster.ends(leader.raft.propose(add('b')));
    await cluster.until(() => read.settled);
    expect(['RAFT_NO_LEADER', 'RAFT_TIMEOUT']).toContain(read.code);
    cluster.network.heal();
  });

  it('brings a follower up to date by a barrier: what was acknowledged before is applied there then', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [follower] = cluster.followers();
    follower!.machine.hold();
    const { index } = await cluster.ends(leader.raft.propose(add('a')));
    const barrier = watch(follower!.raft.barrier());
    await cluster.pass(300);
    expect(barrier.settled).toBe(false);
    follower!.machine.release();
    await cluster.until(() => barrier.settled);
    expect(barrier.value).toBeGreaterThanOrEqual(index);
    expect(follower!.machine.lines).toEqual(['a']);
    expect(await cluster.ends(leader.raft.barrier())).toBeGreaterThanOrEqual(index);
  });

  it('says where the query itself failed', async () => {
    cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();
    leader.machine.query = () => Promise.reject(new Error('no such table'));
    const { value } = await cluster.ends(leader.raft.query(ALL));
    expect(value).toEqual({ status: 'failed', message: 'no such table' });
  });

  it('on a follower is answered from its own state: the leader only says what it must see', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    const [follower] = cluster.followers();
    const queries = jest.spyOn(leader.machine, 'query');

    expect(valueOf(await cluster.ends(follower!.raft.query(ALL)))).toEqual(['a']);
    expect(queries).not.toHaveBeenCalled();
  });

  it('trap 34: on a follower waits until what the leader said is applied there', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [follower] = cluster.followers();
    await cluster.pass(500);
    follower!.machine.hold();
    await cluster.ends(leader.raft.propose(add('a')));

    const read = watch(follower!.raft.query(ALL));
    await cluster.pass(500);
    expect(read.settled).toBe(false);
    follower!.machine.release();
    await cluster.until(() => read.settled);
    expect(valueOf(read.value)).toEqual(['a']);
  });

  it('trap 32: on a follower shares a question only with reads that came before it was asked', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [follower] = cluster.followers();
    await cluster.pass(500);
    const before = leader.raft.status().reads.linearizable;

    const first = Array.from({ length: 20 }, () => watch(follower!.raft.query(ALL)));
    await cluster.pass(1);
    await cluster.ends(leader.raft.propose(add('a')));
    const second = Array.from({ length: 20 }, () => watch(follower!.raft.query(ALL)));
    await cluster.until(() => [...first, ...second].every(({ settled }) => settled));

    for (const { value } of second) expect(valueOf(value)).toEqual(['a']);
    expect(leader.raft.status().reads.linearizable - before).toBeLessThanOrEqual(3);
  });

  it('shares its round with others that come at the same time', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const before = leader.raft.status().reads;
    const client = async (): Promise<void> => {
      for (let turn = 0; turn < 10; turn++) await leader.raft.query(ALL);
    };
    await cluster.ends(Promise.all(Array.from({ length: 64 }, client)));

    const after = leader.raft.status().reads;
    expect(after.linearizable - before.linearizable).toBe(640);
    expect((after.rounds - before.rounds) / 640).toBeLessThan(0.2);
  });

  it('by lease costs no message', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader({ leaseReads: { driftMargin: 0.8 } });
    await cluster.pass(500);
    const before = leader.raft.status().reads;

    for (let turn = 0; turn < 50; turn++) await cluster.ends(leader.raft.query(ALL, { consistency: 'lease' }));

    const after = leader.raft.status().reads;
    expect(after.lease - before.lease).toBe(50);
    expect(after.rounds).toBe(before.rounds);
  });

  it('that may be stale is refused where the state is older than asked for, or of unknown age', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    await cluster.pass(1000);
    const [follower] = cluster.followers();
    const stale = (maxLagMs: number) => cluster.outcome(follower!.raft.query(ALL, { consistency: 'stale', maxLagMs }));

    expect(valueOf((await stale(500)).value)).toEqual(['a']);
    expect((await stale(1)).code).toBe('RAFT_LAGGING');
    for (const other of cluster.nodes.values())
      if (other !== follower) {
        cluster.network.cut(other.address, follower!.address);
        cluster.network.cut(follower!.address, other.address);
      }
    await cluster.pass(700);
    expect((await stale(500)).code).toBe('RAFT_LAGGING');
    expect(valueOf((await stale(60_000)).value)).toEqual(['a']);
    // A barrier that asks nobody has the same bound.
    const barrier = (maxLagMs: number) => cluster.outcome(follower!.raft.barrier({ consistency: 'stale', maxLagMs }));
    expect((await barrier(500)).code).toBe('RAFT_LAGGING');
    expect((await barrier(60_000)).code).toBeUndefined();
    cluster.network.heal();
  });

  it('that may be stale is as old as the last proof where its leader can not prove that it still owns its store', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('a')));
    await cluster.pass(1000);
    const [follower] = cluster.followers();
    expect(follower!.raft.status().ageMs).toBeLessThan(500);
    // All of them, so that there is nobody to hand over to.
    for (const { storage } of cluster.nodes.values()) storage.hold('probe');
    await cluster.pass(2000);
    expect(leader.raft.status().isLeader).toBe(true);
    // Another process may have its store by now, and vote and write in its name.
    expect(follower!.raft.status().ageMs).toBeGreaterThan(1000);
    expect(leader.raft.status().ageMs).toBeGreaterThan(1000);
    for (const { storage } of cluster.nodes.values()) storage.release('probe');
    await cluster.pass(1000);
    expect(follower!.raft.status().ageMs).toBeLessThan(500);
    expect(leader.raft.status().ageMs).toBeLessThan(500);
  });

  it('sees the caller’s own write on any node where it says the write’s index, or says that this node lags', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    await cluster.pass(500);
    const [follower] = cluster.followers();
    follower!.machine.hold();
    const { index } = await cluster.ends(leader.raft.propose(add('a')));

    const late = await cluster.outcome(
      follower!.raft.query(ALL, { consistency: 'stale', after: index, timeoutMs: 300 }),
    );
    expect(late.code).toBe('RAFT_LAGGING');
    const read = watch(follower!.raft.query(ALL, { consistency: 'stale', after: index }));
    await cluster.pass(300);
    expect(read.settled).toBe(false);
    follower!.machine.release();
    await cluster.until(() => read.settled);
    expect(valueOf(read.value)).toEqual(['a']);
  });
});
