import { decodeConfiguration } from '../../libs/raft/src/core/membership/configuration-codec';
import type { Entry } from '../../libs/raft/src/core';
import { ELECTION_TICKS, ELECTION_TIMEOUT_MS, KernelCluster } from './kernel-cluster';
import { from } from './message-from';

/** A cluster of `voters` nodes; the others run, with an empty store, and aren't members yet. */
function clusterOf(voters: number, nodes: number): KernelCluster {
  return new KernelCluster({
    nodes,
    configuration: (genesis) => ({
      ...genesis,
      members: genesis.members.slice(0, voters),
      voters: genesis.voters.slice(0, voters),
      nextReplicaId: voters + 1,
    }),
  });
}

describe('a change of the membership', () => {
  it('adds learners, waits until they have caught up, and goes through the joint configuration by itself', () => {
    const cluster = clusterOf(1, 3);
    const n1 = cluster.elect('n1');
    n1.propose('a');

    expect(n1.changeMembership(['n1', 'n2', 'n3'])).toMatchObject({ accepted: true });
    expect(n1.membership).toBe('n1 n2? n3?');
    cluster.tick(ELECTION_TICKS);

    for (const node of cluster.nodes) {
      expect(node.membership).toBe('n1 n2 n3');
      expect(node.commands).toEqual(['a']);
    }
    const steps = n1.disk.entries.filter(({ kind }) => kind === 'configuration');
    expect(steps).toHaveLength(3);
  });

  it('trap 30: promotes nobody who has not caught up, and gives up in time', () => {
    const cluster = clusterOf(1, 2);
    const n1 = cluster.elect('n1');
    // It is alive, and acknowledges nothing.
    cluster.hold(({ kind, from: sender }) => kind === 'appendEntriesReply' && sender === 2);

    n1.changeMembership(['n1', 'n2'], { catchUpTimeoutMs: 3000 });
    cluster.tick(2 * ELECTION_TICKS);
    expect(n1.membership).toBe('n1 n2?');
    expect(n1.kernel.configuration.configuration.target).not.toBeNull();

    cluster.tick(2 * ELECTION_TICKS);
    expect(n1.membership).toBe('n1 n2?');
    expect(n1.kernel.configuration.configuration.target).toBeNull();
    expect(n1.propose('a').accepted).toBe(true);
    expect(n1.commands).toEqual(['a']);
  });

  it('trap 30: promotes nobody whose last round of catching up took as long as an election', () => {
    const cluster = clusterOf(1, 2);
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    const steps = () => n1.disk.entries.filter(({ kind }) => kind === 'configuration').length;
    const answer = () => {
      n1.receive(cluster.held.shift()!);
      cluster.deliver();
    };
    cluster.hold(({ kind }) => kind === 'appendEntriesReply');
    n1.changeMembership(['n1', 'n2']);
    cluster.heartbeat('n1');
    answer();
    n1.propose('a');
    answer();
    expect([n1.matchOf(n2), n1.kernel.lastIndex]).toEqual([2, 3]);

    cluster.wait(ELECTION_TIMEOUT_MS);
    n1.propose('b');
    cluster.deliver();
    answer();
    expect([n1.matchOf(n2), steps()]).toEqual([3, 1]);

    answer();
    expect(n1.matchOf(n2)).toBe(4);
    cluster.heartbeat('n1');
    expect(steps()).toBeGreaterThan(1);
  });

  it('trap 30: promotes nobody whose log is level and whose state machine has applied nothing', () => {
    const cluster = clusterOf(1, 2);
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    n2.applyHeld = true;
    for (const command of ['a', 'b']) n1.propose(command);

    n1.changeMembership(['n1', 'n2']);
    cluster.tick(3 * ELECTION_TICKS);
    expect([n1.matchOf(n2), n1.membership]).toEqual([n1.kernel.lastIndex, 'n1 n2?']);
    expect(n1.progressOf(n2)).toMatchObject({ appliedIndex: 0, isCaughtUp: false });

    n2.finishApplying();
    cluster.tick(ELECTION_TICKS);
    expect(n1.membership).toBe('n1 n2');
  });

  it('trap 30: promotes no learner whose state machine stands still behind a log that goes on', () => {
    const cluster = clusterOf(1, 2);
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    n1.changeMembership(['n1', 'n2?']);
    cluster.tick(10);
    expect(n1.progressOf(n2).appliedIndex).toBe(n1.kernel.lastIndex);
    n2.applyHeld = true;

    n1.changeMembership(['n1', 'n2']);
    for (let round = 0; round < 15 * ELECTION_TICKS; round++) {
      n1.propose('a');
      cluster.tick(1);
    }

    expect([n1.matchOf(n2), n1.membership]).toEqual([n1.kernel.lastIndex, 'n1 n2?']);
  });

  it('trap 30: a new voter counts as alive from the start, so that it does not depose its leader', () => {
    const cluster = clusterOf(1, 2);
    const n1 = cluster.elect('n1');
    n1.changeMembership(['n1', 'n2']);
    cluster.tick(10);
    expect(n1.membership).toBe('n1 n2');

    cluster.tick(3 * ELECTION_TICKS);
    expect([n1.role, n1.term]).toEqual(['leader', 1]);
  });

  it('leaves learners as learners where that is asked', () => {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.elect('n1');

    n1.changeMembership(['n1', 'n2', 'n3', 'n4?']);
    cluster.tick(ELECTION_TICKS);

    expect(cluster.node('n4').membership).toBe('n1 n2 n3 n4?');
    expect(cluster.node('n4').role).toBe('learner');
  });

  it('makes voters learners, and learners voters, in one change', () => {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.elect('n1');
    n1.changeMembership(['n1', 'n2', 'n3', 'n4?']);
    cluster.tick(10);

    n1.changeMembership(['n1', 'n2', 'n3?', 'n4']);
    cluster.tick(ELECTION_TICKS);

    for (const node of cluster.nodes) expect(node.membership).toBe('n1 n2 n3? n4');
    expect(cluster.node('n3').role).toBe('learner');
  });

  it('trap 24: is refused until the leader has committed in its term', () => {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.node('n1');
    cluster.hold((message) => message.kind === 'appendEntriesReply');
    n1.campaign();
    cluster.deliver();
    expect(n1.role).toBe('leader');

    expect(n1.changeMembership(['n1', 'n2'])).toMatchObject({ accepted: false, reason: 'notReady' });

    cluster.release();
    expect(n1.changeMembership(['n1', 'n2'])).toMatchObject({ accepted: true });
  });

  it('trap 25: is refused while another is under way, in the log of a new leader too', () => {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.elect('n1');
    cluster.hold((message) => message.kind === 'appendEntriesReply');
    n1.changeMembership(['n1', 'n2', 'n3', 'n4?']);
    expect(n1.changeMembership(['n1', 'n2', 'n3'])).toMatchObject({ accepted: false, reason: 'inProgress' });
    cluster.deliver();
    n1.crash();
    cluster.held.splice(0);

    cluster.hold(() => false);
    const n2 = cluster.node('n2');
    cluster.tick(3 * ELECTION_TICKS, 'n2');
    expect(n2.role).toBe('leader');
    expect(n2.membership).toBe('n1 n2 n3 n4?');
  });

  it('trap 25: is refused by a new leader that has another in its log and has committed only behind that', () => {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.elect('n1');
    cluster.hold(({ kind }) => kind === 'appendEntriesReply');
    n1.changeMembership(['n1', 'n2', 'n3', 'n4?']);
    cluster.deliver();
    n1.crash();
    const n2 = cluster.node('n2');
    cluster.tick(3 * ELECTION_TICKS, 'n2');
    expect(n2.logTerms).toEqual([1, 1, 2]);

    expect(n2.membership).toBe('n1 n2 n3');
    expect(n2.changeMembership(['n1', 'n2', 'n3'])).toMatchObject({ accepted: false });
  });

  it('trap 25: a leader does not add a step of its own to a configuration that it has not committed', () => {
    const cluster = clusterOf(3, 5);
    const n1 = cluster.elect('n1');
    cluster.hold((message) => message.kind === 'appendEntriesReply');
    n1.changeMembership(['n1', 'n2', 'n3', 'n4', 'n5']);
    cluster.tick(10, 'n1');

    expect(n1.disk.entries.filter(({ kind }) => kind === 'configuration')).toHaveLength(1);
  });

  it('trap 25: a leader enters the joint configuration once, however long that takes to be committed', () => {
    const cluster = clusterOf(3, 5);
    const n1 = cluster.elect('n1');
    const steps = () => n1.disk.entries.filter(({ kind }) => kind === 'configuration').length;
    cluster.hold(({ kind }) => kind === 'appendEntriesReply' && steps() === 2);
    n1.changeMembership(['n1', 'n2', 'n3', 'n4', 'n5']);

    cluster.tick(20);

    expect([steps(), n1.membership]).toEqual([2, 'n1 n2 n3 n4? n5?']);
  });

  it('takes the place of one that still waits for its learners, where that is asked', () => {
    const cluster = clusterOf(1, 3);
    const n1 = cluster.elect('n1');
    cluster.cut('n2', 'n1');
    n1.changeMembership(['n1', 'n2']);
    cluster.tick(2 * ELECTION_TICKS);
    expect(n1.changeMembership(['n1', 'n3'])).toMatchObject({ accepted: false, reason: 'inProgress' });

    expect(n1.changeMembership(['n1', 'n3'], { supersede: true })).toMatchObject({ accepted: true });
    cluster.tick(ELECTION_TICKS);

    expect(n1.membership).toBe('n1 n3');
    expect(cluster.node('n3').membership).toBe('n1 n3');
  });

  it('does not take the place of one by which votes change already', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    n1.changeMembership(['n1', 'n2']);
    cluster.hold((message) => message.kind === 'appendEntriesReply');
    cluster.tick(3, 'n1');

    expect(n1.changeMembership(['n1', 'n2', 'n3'], { supersede: true })).toMatchObject({ reason: 'inProgress' });
  });

  it('is refused where the membership is not the one that was expected', () => {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.elect('n1');
    const { index } = n1.kernel.configuration;

    expect(n1.changeMembership(['n1', 'n2', 'n3', 'n4?'], { expectedIndex: index }).accepted).toBe(true);
    cluster.deliver();
    expect(n1.changeMembership(['n1', 'n2', 'n3'], { expectedIndex: index })).toMatchObject({ reason: 'stale' });
  });

  it.each([
    ['without a voter', ['n1?'], 'the last voter cannot be removed'],
    ['with one member twice', ['n1', 'n2', 'n2'], "two members have the replica id '2'"],
  ])('is refused %s', (_what, target, sentence) => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');

    const result = n1.changeMembership(target);

    expect(result).toMatchObject({ accepted: false, reason: 'invalid' });
    expect(result).toMatchObject({ detail: expect.stringContaining(sentence) });
  });

  it('is refused where those that are alive would be no quorum, unless it is forced', () => {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.elect('n1');
    cluster.node('n3').crash();
    cluster.tick(2 * ELECTION_TICKS, 'n1', 'n2');

    expect(n1.changeMembership(['n1', 'n3'])).toMatchObject({ accepted: false, reason: 'quorumAtRisk' });
    expect(n1.changeMembership(['n1', 'n2'])).toMatchObject({ accepted: true });
    cluster.tick(10, 'n1', 'n2');
    expect(n1.membership).toBe('n1 n2');
    expect(n1.changeMembership(['n1', 'n4'], { force: true })).toMatchObject({ accepted: true });
  });

  it('updates an address without a change of votes, in one step', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    const members = n1.kernel.configuration.configuration.members.map((member) => ({
      ...member,
      voter: true,
      peer: member.id === 3 ? 'elsewhere:7001' : member.peer,
    }));

    n1.kernel.changeMembership({ members, force: false, catchUpTimeoutMs: 1000 }, cluster.nowMs);
    n1.settle();
    cluster.tick(6);

    expect(cluster.node('n2').kernel.configuration.configuration.members[2]!.peer).toBe('elsewhere:7001');
    expect(n1.disk.entries.filter(({ kind }) => kind === 'configuration')).toHaveLength(1);
  });

  it('goes on under another leader, from wherever it was', () => {
    for (let crashAfter = 0; crashAfter < 12; crashAfter++) {
      const cluster = clusterOf(3, 5);
      const n1 = cluster.elect('n1');
      n1.changeMembership(['n2', 'n3', 'n4', 'n5']);
      for (let delivered = 0; delivered < 4 * crashAfter && cluster.inFlight.length > 0; delivered++) {
        const [next] = cluster.inFlight.splice(0, 1);
        cluster.nodes[next!.to - 1]!.receive(next!);
      }
      n1.crash();
      cluster.deliver();
      cluster.tick(8 * ELECTION_TICKS, 'n2', 'n3', 'n4', 'n5');

      const leader = cluster.node(cluster.leaders[0]!);
      expect(['n2 n3 n4 n5', 'n1 n2 n3']).toContain(leader.membership);
      expect(leader.kernel.configuration.configuration.target).toBeNull();
      expect(leader.propose('x').accepted).toBe(true);
      cluster.tick(10, 'n2', 'n3', 'n4', 'n5');
      expect(leader.commands).toContain('x');
    }
  });
});

describe('a removed replica', () => {
  it('trap 28: a leader that removes itself tells its successor of its vote before it hands over, and asks it once', () => {
    const cluster = new KernelCluster({
      configuration: (genesis) => ({ ...genesis, voters: [1], learners: [2, 3] }),
    });
    const n1 = cluster.elect('n1');
    n1.changeMembership(['n2', 'n3']);
    cluster.tick(ELECTION_TICKS);

    expect(cluster.sent.filter(({ kind }) => kind === 'timeoutNow')).toHaveLength(1);
    expect(cluster.leaders).not.toContain('n1');
    expect(cluster.node('n2').membership).toBe('n2 n3');
  });

  it('trap 28: a leader that removes itself asks a successor that refuses no sooner than with its next heartbeat', () => {
    const cluster = new KernelCluster({
      configuration: (genesis) => ({ ...genesis, voters: [1], learners: [2, 3] }),
    });
    const n1 = cluster.elect('n1');
    const refuse = () => {
      for (const { to, term } of cluster.held.splice(0))
        n1.receive(from(cluster.all[to - 1]!, term).timeoutNowReply(n1, false));
    };
    cluster.hold(({ kind }) => kind === 'timeoutNow');
    n1.changeMembership(['n2', 'n3']);
    const asked = () => cluster.sent.filter(({ kind }) => kind === 'timeoutNow').length;
    while (asked() === 0) cluster.tick(1);
    const before = asked();
    for (let times = 0; times < 20; times++) {
      refuse();
      cluster.deliver();
    }
    expect(asked()).toBe(before);
    cluster.tick(10);
    expect(asked()).toBeGreaterThan(before);
    expect(asked()).toBeLessThanOrEqual(before + 3);
  });

  it('trap 28: a leader that removes itself hands over first', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');

    n1.changeMembership(['n2', 'n3']);
    cluster.tick(ELECTION_TICKS);

    expect(cluster.leaders).toHaveLength(1);
    expect(cluster.leaders).not.toContain('n1');
    for (const name of ['n2', 'n3']) expect(cluster.node(name).membership).toBe('n2 n3');
    // The last step is the next leader's.
    const steps = cluster.node('n2').disk.entries.filter(({ kind }) => kind === 'configuration');
    expect(steps.map(({ term }) => term)).toEqual([1, 2]);
  });

  it('trap 28: of two, the one that stays knows that it does before the other steps down', () => {
    const cluster = clusterOf(2, 2);
    const n1 = cluster.elect('n1');
    cluster.hold(({ kind }) => kind === 'timeoutNow');
    n1.changeMembership(['n2']);
    for (let ticks = 0; n1.role === 'leader' && ticks < 10 * ELECTION_TICKS; ticks++) cluster.tick(1);

    expect([n1.role, n1.membership]).toEqual(['follower', 'n2']);
    n1.crash();
    cluster.tick(3 * ELECTION_TICKS);
    const n2 = cluster.node('n2');
    expect([n2.membership, n2.role]).toEqual(['n2', 'leader']);
  });

  it('trap 28: an answer from before its removal was committed is no word that the others know of it', () => {
    const cluster = clusterOf(2, 2);
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.hold(({ kind }) => kind === 'timeoutNow' || (kind === 'heartbeat' && n1.membership === 'n2'));
    n1.changeMembership(['n2']);
    for (let ticks = 0; n1.membership !== 'n2' && ticks < 10 * ELECTION_TICKS; ticks++) cluster.tick(1);

    n1.receive(from(n2, 1).heartbeatReply(n1, 1));
    expect([n1.membership, n1.role]).toEqual(['n2', 'leader']);

    cluster.release();
    expect(n1.role).toBe('follower');
  });

  it('trap 28: of two, the one that stays leads afterwards, although the other left at once', () => {
    const cluster = clusterOf(2, 2);
    const n1 = cluster.elect('n1');

    n1.changeMembership(['n2']);
    cluster.tick(ELECTION_TICKS);
    const n2 = cluster.node('n2');
    expect([n2.membership, n2.role]).toEqual(['n2', 'leader']);

    n1.crash();
    n2.propose('a');
    expect(n2.commands).toEqual(['a']);
  });

  it('trap 28: where nobody takes over, it leaves all the same, tells the others, and steps down', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    cluster.hold((message) => message.kind === 'timeoutNow');

    n1.changeMembership(['n2', 'n3']);
    cluster.tick(10 * ELECTION_TICKS);

    expect(cluster.leaders).not.toContain('n1');
    expect(cluster.leaders).toHaveLength(1);
    for (const name of ['n2', 'n3']) expect(cluster.node(name).membership).toBe('n2 n3');
  });

  it('learns that it was removed, and does not campaign any more', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');

    n1.changeMembership(['n1', 'n2']);
    cluster.tick(10);
    const n3 = cluster.node('n3');
    expect(n3.membership).toBe('n1 n2');

    cluster.tick(6 * ELECTION_TICKS, 'n3');
    expect([n3.role, n3.term, n1.role]).toEqual(['follower', 1, 'leader']);
  });

  it('trap 7: disturbs nobody, even where it has not heard of its removal', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    cluster.partition(['n1', 'n2'], ['n3']);
    n1.changeMembership(['n1', 'n2']);
    cluster.tick(10, 'n1', 'n2');
    cluster.heal();
    const n2 = cluster.node('n2');
    const sent = cluster.sent.length;

    // Long enough that nothing but the removal speaks against it.
    cluster.wait(2 * ELECTION_TIMEOUT_MS);
    n2.receive(from(cluster.node('n3'), 9).requestVote(n2, { index: 99, term: 9 }));

    expect(n2.term).toBe(1);
    expect(cluster.sent.slice(sent).filter(({ kind }) => kind === 'requestVoteReply')).toEqual([]);
    expect(n1.role).toBe('leader');
  });

  it('trap 10: its id is never given out again, although its name and address are', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    n1.changeMembership(['n1', 'n2']);
    cluster.tick(10);

    const members = [
      ...n1.kernel.configuration.configuration.members.map((member) => ({ ...member, voter: true })),
      { id: 0, name: 'n3', peer: 'n3:7001', http: '', incarnation: 'another-store', voter: false },
    ];
    n1.kernel.changeMembership({ members, force: false, catchUpTimeoutMs: 1000 }, cluster.nowMs);
    n1.settle();
    cluster.deliver();

    expect(n1.kernel.configuration.configuration.members.at(-1)).toMatchObject({ id: 4, name: 'n3' });
    expect(n1.kernel.configuration.configuration.nextReplicaId).toBe(5);
  });

  it('trap 19: a late acknowledgement of the life before does not count, neither by itself nor for who took its place', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    cluster.cut('n1', 'n3');
    n1.changeMembership(['n1', 'n2']);
    cluster.tick(10);
    const members = n1.kernel.configuration.configuration.members.map((member) => ({ ...member, voter: true }));
    const again = { id: 0, name: 'n3', peer: 'n3:7001', http: '', incarnation: 'another-store', voter: false };
    const change = { members: [...members, again], force: false, catchUpTimeoutMs: 1000 };
    n1.kernel.changeMembership(change, cluster.nowMs);
    n1.settle();
    cluster.deliver();

    n1.receive(from(cluster.node('n3'), 1).accepts(n1, n1.kernel.lastIndex));

    const matches = new Map(n1.kernel.progress().map(({ id, matchIndex }) => [id, matchIndex]));
    expect(matches.get(4)).toBe(0);
    expect(matches.get(3) ?? 0).toBeLessThan(n1.kernel.lastIndex);
    expect(matches.get(2)).toBe(n1.kernel.lastIndex);
  });
});

describe('a joint configuration', () => {
  /** n1 n2 n3 become n1 n4 n5, and the joint configuration stays for as long as n4 and n5 are cut off behind it. */
  function joint(): KernelCluster {
    const cluster = clusterOf(3, 5);
    const n1 = cluster.elect('n1');
    n1.changeMembership(['n1', 'n2', 'n3', 'n4?', 'n5?']);
    cluster.tick(10);
    cluster.hold((message) => (message.to > 3 || message.from > 3) && n1.membership.includes('('));
    n1.changeMembership(['n1', 'n4', 'n5']);
    cluster.tick(12, 'n1');
    expect(n1.membership).toBe('n1 (n2) (n3) n4 n5');
    return cluster;
  }

  it('trap 22: commits nothing without a majority of both halves', () => {
    const cluster = joint();
    const n1 = cluster.node('n1');
    const before = n1.kernel.commitIndex;

    n1.propose('a');
    cluster.tick(5, 'n1');
    expect(n1.kernel.commitIndex).toBe(before);

    cluster.release();
    cluster.tick(ELECTION_TICKS, 'n1');
    expect(n1.commands).toEqual(['a']);
    expect(n1.membership).toBe('n1 n4 n5');
  });

  it('trap 29: is left by whichever replica leads after the one that entered it', () => {
    const cluster = joint();
    cluster.node('n1').crash();
    cluster.release();

    cluster.tick(8 * ELECTION_TICKS);

    const leader = cluster.node(cluster.leaders[0]!);
    expect(leader.membership).toBe('n1 n4 n5');
    expect(['n4', 'n5']).toContain(leader.name);
  });

  it('trap 29: is left by the next leader, where the one that entered it got no further', () => {
    const cluster = clusterOf(3, 5);
    const n1 = cluster.elect('n1');
    n1.changeMembership(['n1', 'n2', 'n3', 'n4?', 'n5?']);
    cluster.tick(10);
    const isLastStep = ({ kind, data }: Entry): boolean => {
      if (kind !== 'configuration') return false;
      const { voters, outgoing } = decodeConfiguration(data);
      return outgoing.length === 0 && !voters.includes(2);
    };
    cluster.hold((message) => message.kind === 'appendEntries' && message.entries.some(isLastStep));
    n1.changeMembership(['n1', 'n4', 'n5']);
    cluster.tick(12, 'n1');
    expect(n1.membership).toBe('n1 (n2) (n3) n4 n5');
    n1.crash();
    cluster.held.splice(0);
    cluster.hold(() => false);

    cluster.tick(8 * ELECTION_TICKS);

    const leader = cluster.node(cluster.leaders[0]!);
    expect([leader.membership, leader.disk.entries.findLast(isLastStep)!.term]).toEqual(['n1 n4 n5', leader.term]);
  });

  it('trap 26: one that was cut off with the log of a deposed leader never takes effect', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    cluster.partition(['n1'], ['n2', 'n3']);
    n1.changeMembership(['n1', 'n2']);
    expect(n1.membership).toBe('n1 n2 n3');

    cluster.tick(4 * ELECTION_TICKS);
    cluster.heal();
    cluster.tick(4 * ELECTION_TICKS);

    for (const node of cluster.nodes) expect(node.membership).toBe('n1 n2 n3');
    expect(n1.kernel.configuration.index).toBe(0);
  });

  it('trap 9: a replica that crashed in it comes back in it', () => {
    const cluster = joint();
    const n2 = cluster.node('n2');
    cluster.tick(5, 'n1');
    n2.crashAndRestart();

    expect(n2.membership).toBe('n1 (n2) (n3) n4 n5');
  });
});
