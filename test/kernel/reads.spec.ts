import type { HeartbeatReply } from '../../libs/raft/src/core';
import { ELECTION_TICKS, ELECTION_TIMEOUT_MS, KernelCluster, TICK_MS } from './kernel-cluster';
import { from } from './message-from';

const LEASE_MS = ELECTION_TIMEOUT_MS * 0.9;

describe('a linearizable read', () => {
  it('is confirmed by a round that a quorum answers, at the commit index of the moment when it came', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    n1.propose('a');
    cluster.deliver();

    n1.read(7);
    expect(n1.reads).toEqual([]);
    cluster.deliver();

    expect(n1.reads).toEqual([{ context: 7, index: 2 }]);
  });

  it('is refused where this node does not lead', () => {
    const cluster = new KernelCluster();
    cluster.elect('n1');
    const n2 = cluster.node('n2');

    n2.read(7);

    expect(n2.refusedReads).toEqual([7]);
  });

  it('is not confirmed by less than a quorum', () => {
    const cluster = new KernelCluster({ nodes: 5 });
    const n1 = cluster.elect('n1');
    cluster.partition(['n1', 'n2'], ['n3', 'n4', 'n5']);

    n1.read(7);
    cluster.heartbeat('n1');

    expect(n1.reads).toEqual([]);
  });

  it('is confirmed by a later round where the answers to its own were lost', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    n1.read(7);
    cluster.lose();

    cluster.heartbeat('n1');

    expect(n1.reads).toEqual([{ context: 7, index: 1 }]);
  });

  it('shares the next round with all reads that come while one is on its way', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const before = cluster.sent.length;

    for (let context = 1; context <= 50; context++) n1.read(context);
    cluster.deliver();

    expect(n1.reads).toHaveLength(50);
    const rounds = cluster.sent.slice(before).filter((message) => message.kind === 'heartbeat' && message.to === 2);
    expect(rounds).toHaveLength(2);
  });

  it('trap 31: waits until the leader has committed an entry of its own term, and sees what that uncovered', () => {
    const cluster = new KernelCluster({
      stores: { n1: { log: [1, 1, 1], commitIndex: 1 }, n2: { log: [1, 1, 1] }, n3: { log: [1, 1, 1] } },
    });
    const [n1] = cluster.all;
    cluster.hold((message) => message.kind === 'appendEntries');
    n1.campaign();
    cluster.deliver();
    expect(n1.role).toBe('leader');

    n1.read(7);
    cluster.heartbeat('n1');
    expect(n1.reads).toEqual([]);

    cluster.release();
    expect(n1.reads).toEqual([{ context: 7, index: 4 }]);
  });

  it('trap 31: a single node is no exception: after a restart its commit index may lag behind what it answered', () => {
    const cluster = new KernelCluster({ nodes: 1 });
    const [n1] = cluster.all;
    n1.propose('a');
    n1.propose('b');
    expect(n1.commands).toEqual(['a', 'b']);
    expect(n1.disk.commitIndex).toBeLessThan(3);
    n1.crash();
    n1.restart({ diskHeld: true });

    n1.read(7);
    expect(n1.role).toBe('leader');
    expect(n1.reads).toEqual([]);

    n1.finishWrites();
    expect(n1.reads).toEqual([{ context: 7, index: 4 }]);
  });

  it('trap 32: is not confirmed by answers to a round that was sent before it came', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const [, n2, n3] = cluster.all;
    // The answers to this heartbeat are on their way when both followers turn to another leader, which commits a write.
    cluster.hold((message) => message.kind === 'heartbeatReply');
    cluster.heartbeat('n1');
    const early = [...cluster.held] as HeartbeatReply[];
    expect(early).toHaveLength(2);
    cluster.partition(['n1'], ['n2', 'n3']);
    n2.connectionClosed(n1);
    n3.connectionClosed(n1);
    cluster.tick(ELECTION_TICKS - 10, 'n2', 'n3');
    expect(n1.role).toBe('leader');

    n1.read(7);
    for (const answer of early) n1.receive(answer);
    expect(n1.reads).toEqual([]);

    cluster.heal();
    cluster.hold(() => false);
    cluster.heartbeat('n1');
    expect(n1.refusedReads).toEqual([7]);
  });

  it('trap 32: an answer without a round confirms nothing: it comes from a node that knows a later term', () => {
    const cluster = new KernelCluster({ stores: { n2: { term: 9 }, n3: { term: 9 } } });
    const [n1, n2] = cluster.all;

    n2.receive(from(n1, 1).heartbeat(n2, 0, 5));

    expect(cluster.sent).toMatchObject([{ kind: 'heartbeatReply', round: 0, term: 9 }]);
  });

  it('trap 37: never hangs: all that wait are refused when the leadership is lost, the parked ones too', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    cluster.partition(['n1'], ['n2', 'n3']);
    n1.read(1);
    n1.read(2);

    cluster.tick(2 * ELECTION_TICKS, 'n1');
    expect(n1.role).not.toBe('leader');
    expect(n1.refusedReads).toEqual([1, 2]);

    const other = new KernelCluster();
    const [m1, m2] = other.all;
    other.hold((message) => message.kind === 'appendEntries');
    m1.campaign();
    other.deliver();
    m1.read(3);
    m1.receive(from(m2, 8).heartbeat(m1));
    expect(m1.refusedReads).toEqual([3]);
  });

  it('trap 37: what a deposed leader proposed is overwritten in sight: its index is applied with another term', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const [, n2, n3] = cluster.all;
    cluster.partition(['n1'], ['n2', 'n3']);
    const proposed = n1.propose('lost');
    n2.connectionClosed(n1);
    n3.connectionClosed(n1);
    cluster.tick(ELECTION_TICKS, 'n2', 'n3');
    cluster.heal();
    cluster.tick(2 * ELECTION_TICKS);

    expect(proposed).toMatchObject({ accepted: true, firstIndex: 2, term: 1 });
    const there = n1.applied.find((entry) => entry.index === 2);
    expect(there?.term).toBeGreaterThan(1);
  });
});

describe('a lease read', () => {
  const withLease = { leaseMs: LEASE_MS, fastFailover: false };

  it('is answered at once while a confirmed round is young enough', () => {
    const cluster = new KernelCluster(withLease);
    const n1 = cluster.elect('n1');
    const sent = cluster.sent.length;

    n1.read(7, true);

    expect(n1.reads).toEqual([{ context: 7, index: 1 }]);
    expect(cluster.sent).toHaveLength(sent);
  });

  it('trap 33: needs a round where the lease has run out', () => {
    const cluster = new KernelCluster(withLease);
    const n1 = cluster.elect('n1');

    cluster.wait(LEASE_MS);
    n1.read(7, true);
    expect(n1.reads).toEqual([]);

    cluster.deliver();
    expect(n1.reads).toEqual([{ context: 7, index: 1 }]);
  });

  it('trap 33: counts the lease from when the confirmed round was sent, not from when its answers came', () => {
    const cluster = new KernelCluster(withLease);
    const n1 = cluster.elect('n1');
    cluster.wait(LEASE_MS);
    cluster.hold((message) => message.kind === 'heartbeatReply');
    cluster.heartbeat('n1');
    const roundSentAt = cluster.nowMs;

    cluster.wait(LEASE_MS - 1);
    cluster.release();
    n1.read(1, true);
    expect(n1.reads).toEqual([{ context: 1, index: 1 }]);

    expect(cluster.nowMs).toBe(roundSentAt + LEASE_MS - 1);
    cluster.wait(1);
    n1.read(2, true);
    expect(n1.reads).toHaveLength(1);
  });

  it('trap 33: needs the lease of a quorum, not of one follower', () => {
    const cluster = new KernelCluster({ ...withLease, nodes: 5 });
    const n1 = cluster.elect('n1');
    cluster.partition(['n1', 'n2'], ['n3', 'n4', 'n5']);
    cluster.wait(LEASE_MS - 5 * TICK_MS);
    cluster.heartbeat('n1');

    n1.read(7, true);

    expect(n1.reads).toEqual([]);
  });

  it('is not answered before the leader has committed in its term, whatever lease it holds', () => {
    const cluster = new KernelCluster(withLease);
    const [n1] = cluster.all;
    cluster.hold((message) => message.kind === 'appendEntries');
    n1.campaign();
    cluster.deliver();
    expect([n1.role, n1.kernel.status.committedInTerm]).toEqual(['leader', false]);

    n1.read(7, true);

    expect(n1.reads).toEqual([]);
  });

  it('takes a round where lease reads are off', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');

    n1.read(7, true);
    expect(n1.reads).toEqual([]);

    cluster.deliver();
    expect(n1.reads).toHaveLength(1);
  });
});
