import { type Message, type MessageKind, ORIGIN } from '../../libs/raft/src/core';
import { ELECTION_TICKS, ELECTION_TIMEOUT_MS, KernelCluster } from './kernel-cluster';
import { at, from } from './message-from';

const replies = <K extends MessageKind>(cluster: KernelCluster, kind: K): Extract<Message, { kind: K }>[] =>
  cluster.sent.filter((message): message is Extract<Message, { kind: K }> => message.kind === kind);

describe('an election', () => {
  it.each([1, 2, 3, 4, 5])('ends with one leader that everybody knows, among %i nodes', (nodes) => {
    const cluster = new KernelCluster({ nodes });

    cluster.tick(2 * ELECTION_TICKS);

    expect(cluster.leaders).toHaveLength(1);
    const { leader, term } = cluster.nodes[0]!.kernel.status;
    expect(cluster.nodes.every((node) => node.kernel.status.leader === leader && node.term === term)).toBe(true);
  });

  it('is not won by half of the voters', () => {
    const cluster = new KernelCluster({ nodes: 4 });
    cluster.partition(['n1', 'n2'], ['n3', 'n4']);

    cluster.tick(6 * ELECTION_TICKS);

    expect(cluster.leaders).toEqual([]);
  });

  it('follows when the leader dies, and the old leader follows when it is back', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');

    n1.crash();
    cluster.tick(3 * ELECTION_TICKS);
    expect(cluster.leaders).toHaveLength(1);

    n1.restart();
    cluster.tick(2 * ELECTION_TICKS);
    expect(n1.role).toBe('follower');
    expect(cluster.leaders).toHaveLength(1);
  });

  it('draws its time-outs from the whole range between one and two election time-outs', () => {
    const waits = Array.from({ length: 40 }, (_, seed) => {
      const cluster = new KernelCluster({ seed, stores: { n1: { term: 1, old: true } } });
      const [n1] = cluster.all;
      let ticks = 0;
      while (n1.role === 'follower') {
        cluster.tick(1, 'n1');
        ticks++;
      }
      return ticks;
    });

    expect(Math.min(...waits)).toBeGreaterThanOrEqual(ELECTION_TICKS);
    expect(Math.max(...waits)).toBeLessThanOrEqual(2 * ELECTION_TICKS);
    expect(new Set(waits).size).toBeGreaterThan(10);
  });

  it('trap 2: term and vote are one record: a voter that crashed has either both or neither', () => {
    const cluster = new KernelCluster();
    const [n1, n2, n3] = cluster.all;

    n1.receive(from(n2, 5).requestVote(n1, ORIGIN));
    expect(n1.disk.landed.map((batch) => batch.hardState)).toEqual([{ term: 5, votedFor: 2 }]);

    n1.crashAndRestart();
    cluster.wait(ELECTION_TIMEOUT_MS);
    n1.receive(from(n3, 5).requestVote(n1, at(9, 9)));
    n1.receive(from(n2, 5).requestVote(n1, ORIGIN));
    expect(replies(cluster, 'requestVoteReply').map(({ to, granted }) => [to, granted])).toEqual([
      [2, true],
      [3, false],
      [2, true],
    ]);
  });

  it('trap 2: a vote in a term that is durable already is written, too', () => {
    const cluster = new KernelCluster({ stores: { n1: { term: 5 } } });
    const [n1, n2, n3] = cluster.all;

    n1.receive(from(n2, 5).requestVote(n1, ORIGIN));
    n1.crashAndRestart();
    cluster.wait(ELECTION_TIMEOUT_MS);
    n1.receive(from(n3, 5).requestVote(n1, at(9, 9)));

    expect(n1.disk.hardState).toEqual({ term: 5, votedFor: 2 });
    expect(replies(cluster, 'requestVoteReply').map(({ granted }) => granted)).toEqual([true, false]);
  });

  it('trap 2: a candidate that finds another leader in its term keeps its own vote', () => {
    const cluster = new KernelCluster();
    const [n1, n2, n3] = cluster.all;
    cluster.partition(['n1', 'n2'], ['n3']);
    cluster.hold((message) => message.kind === 'requestVoteReply');
    n1.campaign();
    cluster.deliver();
    expect([n1.role, n1.term]).toEqual(['candidate', 1]);

    n1.receive(from(n2, 1).heartbeat(n1));
    expect(n1.role).toBe('follower');
    n1.receive(from(n3, 1).requestVote(n1, at(9, 9)));

    expect(n1.disk.hardState).toEqual({ term: 1, votedFor: 1 });
    expect(replies(cluster, 'requestVoteReply').filter(({ from }) => from === 1)).toMatchObject([{ granted: false }]);
  });

  it.each([
    { log: [1, 1, 2], lastLog: at(3, 1), granted: true, which: 'a later last term, though shorter' },
    { log: [1, 1, 2], lastLog: at(2, 4), granted: true, which: 'the same last term, and longer' },
    { log: [1, 1, 2], lastLog: at(2, 3), granted: true, which: 'the same log' },
    { log: [1, 1, 2], lastLog: at(2, 2), granted: false, which: 'the same last term, but shorter' },
    { log: [1, 1, 2], lastLog: at(1, 9), granted: false, which: 'an earlier last term, though longer' },
    { log: [], lastLog: ORIGIN, granted: true, which: 'no log, to a voter with none' },
  ])('trap 5: a candidate with $which gets the vote: $granted', ({ log, lastLog, granted }) => {
    const cluster = new KernelCluster({ stores: { n1: { log } } });
    const [n1, n2] = cluster.all;

    n1.receive(from(n2, 9).preVote(n1, lastLog));
    n1.receive(from(n2, 9).requestVote(n1, lastLog));

    expect(replies(cluster, 'preVoteReply')).toMatchObject([{ granted }]);
    expect(replies(cluster, 'requestVoteReply')).toMatchObject([{ granted }]);
  });

  it('trap 6: a pre-vote changes neither term nor vote; a grant echoes the campaign’s term, a refusal has the own', () => {
    const cluster = new KernelCluster({ stores: { n1: { log: [4] } } });
    const [n1, n2] = cluster.all;

    n1.receive(from(n2, 9).preVote(n1, at(4, 1)));
    n1.receive(from(n2, 9).preVote(n1, at(3, 9)));

    expect(replies(cluster, 'preVoteReply').map(({ granted, term }) => [granted, term])).toEqual([
      [true, 9],
      [false, 4],
    ]);
    expect(n1.term).toBe(4);
    expect(n1.disk.landed).toEqual([]);
  });

  it('trap 6: a replica that is stuck in a higher term gets back in: it tells the leader its term, which steps down for it', () => {
    const cluster = new KernelCluster({ stores: { n3: { term: 7 } } });
    const [n1, , n3] = cluster.all;
    cluster.partition(['n1', 'n2'], ['n3']);
    cluster.elect('n1');
    expect(n1.term).toBe(1);

    cluster.heal();
    cluster.tick(4 * ELECTION_TICKS);

    expect(cluster.leaders).toHaveLength(1);
    expect(n1.term).toBe(n3.term);
    expect(n3.term).toBeGreaterThan(7);
    expect(n3.kernel.lastIndex).toBe(n1.kernel.lastIndex);
  });

  it('trap 7: a node that was cut off comes back without a higher term, and disturbs nobody', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n3 = cluster.node('n3');

    cluster.partition(['n1', 'n2'], ['n3']);
    cluster.tick(10 * ELECTION_TICKS);
    expect(n3.role).toBe('preCandidate');
    expect(n3.term).toBe(1);

    cluster.heal();
    cluster.tick(ELECTION_TICKS);
    expect([n1.role, n1.term, n3.role]).toEqual(['leader', 1, 'follower']);
  });

  it('trap 7: who hears its leader takes over no campaigner’s term, unless that leader asked for the campaign', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const [, n2, n3] = cluster.all;

    for (const voter of [n1, n2]) {
      voter.receive(from(n3, 8).preVote(voter, at(1, 1)));
      voter.receive(from(n3, 8).requestVote(voter, at(1, 1)));
      expect([voter.term, voter.kernel.status.leader]).toEqual([1, 1]);
    }
    expect(replies(cluster, 'preVoteReply').slice(-2)).toMatchObject([{ granted: false }, { granted: false }]);

    n2.receive(from(n3, 8).requestVote(n2, at(1, 1), { leadershipTransfer: true }));
    expect(n2.disk.hardState).toEqual({ term: 8, votedFor: 3 });
  });

  it('trap 8: a voter looks at log and term alone: it votes for a candidate that its configuration does not know', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;

    n1.receive(from(n2, 3, { from: 9, incarnation: 'store-of-n9' }).requestVote(n1, ORIGIN));

    expect(replies(cluster, 'requestVoteReply')).toMatchObject([{ to: 9, granted: true }]);
  });

  it('trap 8: a learner votes when asked, as it may be a voter by a configuration that it has not heard of; it never campaigns', () => {
    const cluster = new KernelCluster({
      configuration: (genesis) => ({ ...genesis, voters: [1, 2], learners: [3] }),
    });
    const [, n2, n3] = cluster.all;

    cluster.tick(10 * ELECTION_TICKS, 'n3');
    n3.campaign();
    expect([n3.role, n3.term]).toEqual(['learner', 0]);
    expect(cluster.sent).toEqual([]);

    n3.receive(from(n2, 2).requestVote(n3, ORIGIN));
    expect(replies(cluster, 'requestVoteReply')).toMatchObject([{ from: 3, granted: true }]);
    expect(n3.role).toBe('learner');
  });

  it('a learner that hears its leader no more says that it knows of none', () => {
    const cluster = new KernelCluster({
      configuration: (genesis) => ({ ...genesis, voters: [1, 2], learners: [3] }),
    });
    const n3 = cluster.node('n3');
    cluster.elect('n1');
    expect(n3.kernel.status.leader).toBe(1);

    cluster.tick(2 * ELECTION_TICKS, 'n3');
    expect(n3.kernel.status).toMatchObject({ role: 'learner', leader: 0 });
  });

  it('a learner’s vote and its acknowledgements do not count', () => {
    const cluster = new KernelCluster({
      configuration: (genesis) => ({ ...genesis, voters: [1, 2], learners: [3] }),
    });
    const [n1] = cluster.all;
    cluster.partition(['n1', 'n3'], ['n2']);

    cluster.tick(4 * ELECTION_TICKS);
    expect(cluster.leaders).toEqual([]);

    cluster.heal();
    cluster.elect('n1');
    cluster.partition(['n1', 'n3'], ['n2']);
    n1.propose('x');
    cluster.deliver();
    expect(n1.matchOf(cluster.node('n3'))).toBe(2);
    expect(n1.kernel.commitIndex).toBe(1);
  });

  it('a leader that a quorum does not answer steps down within two election time-outs', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');

    cluster.partition(['n1'], ['n2', 'n3']);
    cluster.tick(2 * ELECTION_TICKS, 'n1');

    expect(n1.role).not.toBe('leader');
    expect(n1.propose('x')).toEqual({ accepted: false, reason: 'noLeader' });
  });

  it('a leader that hears from a quorum stays, though one replica is silent', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');

    cluster.partition(['n1', 'n2'], ['n3']);
    cluster.tick(5 * ELECTION_TICKS, 'n1', 'n2');

    expect([n1.role, n1.term]).toEqual(['leader', 1]);
  });

  it('a vote of another term, or a second vote of one voter, wins no election', () => {
    const cluster = new KernelCluster({ nodes: 5 });
    const [n1, n2, n3] = cluster.all;
    n1.campaign();
    n1.receive(from(n2, 1).preVoteReply(n1, true));
    n1.receive(from(n3, 1).preVoteReply(n1, true));
    expect([n1.role, n1.term]).toEqual(['candidate', 1]);

    n1.receive(from(n2, 1).requestVoteReply(n1, true));
    n1.receive(from(n2, 1).requestVoteReply(n1, true));
    n1.receive(from(n3, 0).requestVoteReply(n1, true));
    expect(n1.role).toBe('candidate');

    n1.receive(from(n3, 1).requestVoteReply(n1, true));
    expect(n1.role).toBe('leader');
  });

  it('a pre-vote that was granted for another term does not count', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n1.campaign();

    n1.receive(from(n2, 5).preVoteReply(n1, true));

    expect([n1.role, n1.term]).toEqual(['preCandidate', 0]);
  });

  it('two leaders of one term stop the one that learns of it', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');

    expect(() => n1.receive(from(cluster.node('n2'), 1).heartbeat(n1))).toThrow(/replicas 1 and 2 both lead term 1/);
  });

  it('two leaders of one term stop the follower that hears of both, in a heartbeat and in an append', () => {
    for (const kind of ['heartbeat', 'append'] as const) {
      const cluster = new KernelCluster();
      cluster.elect('n1');
      const [, n2, n3] = cluster.all;
      const second = from(n2, 1);
      const message = kind === 'heartbeat' ? second.heartbeat(n3) : second.appendEntries(n3, at(0, 0), [1]);

      expect(() => n3.receive(message)).toThrow(/replicas 1 and 2 both lead term 1/);
      expect(n3.disk.entries).toHaveLength(1);
    }
  });

  it('a replica that knows no leader of its term follows the first that it hears of, and the leader of a later term', () => {
    const cluster = new KernelCluster();
    const [n1, n2, n3] = cluster.all;
    n3.campaign();
    n3.receive(from(n2, 0).heartbeat(n3));
    expect([n3.role, n3.kernel.status.leader]).toEqual(['follower', 2]);

    n3.campaign();
    n3.receive(from(n2, 0).heartbeat(n3));
    n3.receive(from(n1, 1).heartbeat(n3));
    expect([n3.role, n3.kernel.status.leader, n3.term]).toEqual(['follower', 1, 1]);
  });
});

describe('the first lease after a start', () => {
  it('a process that started grants neither vote nor pre-vote, as a lease that it confirmed before may still hold', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n1.crashAndRestart();
    const ask = (): void => {
      n1.receive(from(n2, 3).preVote(n1, ORIGIN));
      n1.receive(from(n2, 3).requestVote(n1, ORIGIN));
    };

    cluster.wait(ELECTION_TIMEOUT_MS - 1);
    ask();
    expect(replies(cluster, 'preVoteReply')).toMatchObject([{ granted: false }]);
    expect(replies(cluster, 'requestVoteReply')).toEqual([]);
    expect(n1.term).toBe(0);

    cluster.wait(1);
    ask();
    expect(replies(cluster, 'preVoteReply').at(-1)).toMatchObject({ granted: true });
    expect(replies(cluster, 'requestVoteReply')).toMatchObject([{ granted: true }]);
  });

  it('a store that this process has made was no voter before: it votes at once', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;

    n1.receive(from(n2, 3).requestVote(n1, ORIGIN));

    expect(replies(cluster, 'requestVoteReply')).toMatchObject([{ granted: true }]);
  });

  it('the only voter leads again at once', () => {
    const [n1] = new KernelCluster({ nodes: 1 }).all;

    n1.crashAndRestart();

    expect([n1.role, n1.term]).toEqual(['leader', 2]);
  });
});

describe('stickiness', () => {
  it('is measured in milliseconds of a monotonic clock, whatever the timers did', () => {
    const cluster = new KernelCluster();
    cluster.elect('n1');
    const [, n2, n3] = cluster.all;
    const asked = (): boolean => {
      n2.receive(from(n3, 2).preVote(n2, at(1, 1)));
      return replies(cluster, 'preVoteReply').at(-1)!.granted;
    };

    cluster.wait(ELECTION_TIMEOUT_MS - 1);
    expect(asked()).toBe(false);
    cluster.wait(1);
    expect(asked()).toBe(true);
  });

  it('time that goes back stops the node, as leases rest on it', () => {
    const cluster = new KernelCluster();

    cluster.wait(-1);

    expect(() => cluster.node('n1').tick()).toThrow(/monotonic time goes back/);
  });

  it('a node that was paused hears what waits for it before it campaigns: one tick for the gap, then messages', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');

    cluster.wait(100 * ELECTION_TIMEOUT_MS);
    n2.tick();
    expect(n2.role).toBe('follower');
    cluster.heartbeat('n1');

    expect([n1.role, n2.kernel.status.leader]).toEqual(['leader', 1]);
  });
});
