import { ORIGIN } from '../../libs/raft/src/core';
import { ELECTION_TICKS, ELECTION_TIMEOUT_MS, KernelCluster } from './kernel-cluster';
import { at, from } from './message-from';

/** n1 leads and has just been confirmed by n2, which n1's lease rests on; n3 has heard nothing for long. */
function leaseHeldByTwo(): KernelCluster {
  const cluster = new KernelCluster({ leaseMs: ELECTION_TIMEOUT_MS * 0.9, fastFailover: false });
  cluster.elect('n1');
  cluster.partition(['n1', 'n2'], ['n3']);
  cluster.tick(2 * ELECTION_TICKS, 'n1', 'n2');
  cluster.heartbeat('n1');
  return cluster;
}

/** n1 is cut off; whoever leads now, n1 must not answer from its lease what the other may have changed. */
function expectNoOtherLeaderWithinTheLease(cluster: KernelCluster): void {
  cluster.deliver();
  const n1 = cluster.node('n1');
  n1.read(7, true);
  expect(n1.reads).toHaveLength(1);
  expect(cluster.leaders).toEqual(['n1']);
}

describe('trap 33: a voter that confirmed a lease keeps its promise', () => {
  it('though it learns of a later term, and so has no leader any more', () => {
    const cluster = leaseHeldByTwo();
    const [, n2, n3] = cluster.all;
    cluster.partition(['n1'], ['n2', 'n3']);

    // The refusal of a pre-vote that n2 sent before it heard n1 again; n3 got to term 5 by itself.
    n2.receive(from(n3, 5).preVoteReply(n2, false));
    n2.receive(from(n3, 6).preVote(n2, at(1, 1)));
    n2.receive(from(n3, 5).requestVote(n2, at(1, 1)));
    n2.receive(from(n3, 6).requestVote(n2, at(1, 1)));

    const granted = cluster.sent.filter((message) => 'granted' in message && message.to === 3 && message.granted);
    expect(granted.map((message) => [message.kind, message.from]).filter(([, voter]) => voter === 2)).toEqual([]);
    expect(n2.disk.hardState).toEqual({ term: 5, votedFor: 0 });
  });

  it('though it is told to campaign itself', () => {
    const cluster = leaseHeldByTwo();
    cluster.partition(['n1'], ['n2', 'n3']);

    cluster.node('n2').campaign();

    expectNoOtherLeaderWithinTheLease(cluster);
  });

  it('through a restart, though it is told to campaign itself', () => {
    const cluster = leaseHeldByTwo();
    cluster.partition(['n1'], ['n2', 'n3']);
    const n2 = cluster.node('n2');

    n2.crashAndRestart();
    n2.campaign();

    expectNoOtherLeaderWithinTheLease(cluster);
  });

  it('until the lease is over, whereupon it votes and campaigns as ever', () => {
    const cluster = leaseHeldByTwo();
    const [, n2, n3] = cluster.all;
    cluster.partition(['n1'], ['n2', 'n3']);
    n2.receive(from(n3, 5).preVoteReply(n2, false));

    cluster.tick(3 * ELECTION_TICKS, 'n2', 'n3');

    expect(cluster.leaders.filter((name) => name !== 'n1')).toHaveLength(1);
  });

  it('but lets go where the leader itself asks for another', () => {
    const cluster = leaseHeldByTwo();
    const [, n2, n3] = cluster.all;

    n2.receive(from(n3, 5).requestVote(n2, at(1, 1), { leadershipTransfer: true }));

    expect(n2.disk.hardState).toEqual({ term: 5, votedFor: 3 });
  });

  it('and where no leases are, nothing keeps a voter that knows of a later term', () => {
    const cluster = new KernelCluster();
    cluster.elect('n1');
    const [, n2, n3] = cluster.all;

    n2.receive(from(n3, 5).heartbeatReply(n2, 1));
    n2.receive(from(n3, 5).requestVote(n2, at(1, 1), { commit: ORIGIN }));

    expect(n2.disk.hardState).toEqual({ term: 5, votedFor: 3 });
  });
});
