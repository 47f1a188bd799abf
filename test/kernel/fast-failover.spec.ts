import type { Message, PreVoteReply } from '../../libs/raft/src/core';
import { ELECTION_TICKS, ELECTION_TIMEOUT_MS, KernelCluster, TICK_MS, type ClusterOptions } from './kernel-cluster';
import { at, from } from './message-from';

/** n1 led, its process was killed, and the named nodes have seen their connections to it close. */
function leaderKilled(seenBy: string[], options: ClusterOptions = {}): KernelCluster {
  const cluster = new KernelCluster(options);
  const n1 = cluster.elect('n1');
  n1.crash();
  for (const name of seenBy) cluster.node(name).connectionClosed(n1);
  return cluster;
}

/** What the voter answered to the pre-votes of one candidate. */
const answersOf = (cluster: KernelCluster, voter: string, candidate: string): boolean[] =>
  cluster.sent
    .filter((message): message is PreVoteReply => message.kind === 'preVoteReply')
    .filter((reply) => reply.from === cluster.node(voter).id && reply.to === cluster.node(candidate).id)
    .map((reply) => reply.granted);

/** Timers run, and every message takes so many ticks to arrive. */
function tickOverALongWay(cluster: KernelCluster, ticks: number, wayTicks: number): void {
  const under: { readonly message: Message; readonly due: number }[] = [];
  for (let tick = 0; tick < ticks; tick++) {
    cluster.wait(TICK_MS);
    for (const node of cluster.nodes) if (!node.down) node.tick();
    const due = new Set(under.filter((each) => each.due === tick).map(({ message }) => message));
    cluster.hold((message) => !due.has(message));
    cluster.inFlight.push(...due);
    cluster.deliver();
    under.push(...cluster.held.splice(0).map((message) => ({ message, due: tick + wayTicks })));
  }
}

describe('fast fail-over', () => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'elects another within less than an election time-out when the leader’s process dies (seed %i)',
    (seed) => {
      const cluster = leaderKilled(['n2', 'n3'], { seed });

      cluster.tick(ELECTION_TICKS - 1);

      expect(cluster.leaders).toHaveLength(1);
    },
  );

  it.each(Array.from({ length: 10 }, (_, seed) => seed))(
    'elects another though answers take longer than the short wait (seed %i)',
    (seed) => {
      const cluster = leaderKilled(['n2'], { seed });

      tickOverALongWay(cluster, 6 * ELECTION_TICKS, 0.2 * ELECTION_TICKS);

      expect(cluster.leaders).toHaveLength(1);
      expect(cluster.node('n2').term).toBeLessThan(8);
    },
  );

  it('waits longer after each campaign whose answers did not come in time, up to the whole time-out', () => {
    const cluster = leaderKilled(['n2']);
    const n2 = cluster.node('n2');
    cluster.node('n3').crash();
    const campaignsAt: number[] = [];
    let asked = 0;
    for (let tick = 0; campaignsAt.length < 6; tick++) {
      cluster.tick(1, 'n2');
      const preVotes = cluster.sent.filter(({ kind, from: sender }) => kind === 'preVote' && sender === n2.id).length;
      if (preVotes > asked) campaignsAt.push(tick);
      asked = preVotes;
    }

    const waits = campaignsAt.slice(1).map((tick, at) => (tick - campaignsAt[at]!) / ELECTION_TICKS);
    [0.2, 0.4, 0.8, 1, 1].forEach((least, at) => {
      expect(waits[at]).toBeGreaterThanOrEqual(least);
      expect(waits[at]).toBeLessThanOrEqual(2 * least);
    });
  });

  it('waits a little and at random first, so that two followers seldom campaign at once', () => {
    const waits = Array.from({ length: 30 }, (_, seed) => {
      const cluster = leaderKilled(['n2'], { seed });
      const n2 = cluster.node('n2');
      expect(n2.role).toBe('follower');
      let ticks = 0;
      for (; n2.role === 'follower'; ticks++) cluster.tick(1, 'n2');
      return ticks;
    });

    expect(Math.max(...waits)).toBeLessThanOrEqual(ELECTION_TICKS / 5);
    expect(new Set(waits).size).toBeGreaterThan(3);
  });

  it('a voter whose own connection closed grants at once', () => {
    const cluster = leaderKilled(['n2', 'n3']);

    cluster.node('n2').campaign();
    cluster.deliver();

    expect(cluster.leaders).toEqual(['n2']);
  });

  it('a voter whose connection stands holds to the leader, and nobody’s term rises', () => {
    const cluster = leaderKilled(['n2']);

    cluster.tick(ELECTION_TICKS / 2, 'n2');

    const answers = answersOf(cluster, 'n3', 'n2');
    expect(answers.length).toBeGreaterThan(0);
    expect(answers).not.toContain(true);
    expect(cluster.node('n2').term).toBe(1);
  });

  it('does not depose a leader that only one follower has lost sight of', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.cut('n1', 'n2');
    cluster.cut('n2', 'n1');
    n2.connectionClosed(n1);

    cluster.tick(4 * ELECTION_TICKS);
    expect([n1.role, n1.term]).toEqual(['leader', 1]);

    cluster.heal();
    cluster.tick(ELECTION_TICKS);
    expect([n1.role, n1.term, n2.kernel.status.leader]).toEqual(['leader', 1, 1]);
  });

  it('is called off when the leader is heard again: the voter holds to it as before', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const [, n2, n3] = cluster.all;
    n2.connectionClosed(n1);

    cluster.heartbeat('n1');
    cluster.tick(ELECTION_TICKS / 2, 'n2');
    expect(n2.role).toBe('follower');

    n3.campaign();
    cluster.deliver();
    expect(answersOf(cluster, 'n2', 'n3')).toEqual([false]);
  });

  it('the connection to another follower says nothing of the leader', () => {
    const cluster = new KernelCluster();
    cluster.elect('n1');
    const [, n2, n3] = cluster.all;

    n2.connectionClosed(n3);
    cluster.tick(ELECTION_TICKS / 2, 'n2');

    expect(n2.role).toBe('follower');
  });

  it('never happens where lease reads are on: a closed connection neither hastens an election nor lifts stickiness', () => {
    const cluster = leaderKilled(['n2', 'n3'], { fastFailover: false, leaseMs: ELECTION_TIMEOUT_MS * 0.9 });
    const n2 = cluster.node('n2');

    cluster.tick(ELECTION_TICKS - 6, 'n2', 'n3');
    expect(n2.role).toBe('follower');

    const n3 = cluster.node('n3');
    n3.receive(from(n2, 2).preVote(n3, at(1, 1)));
    expect(answersOf(cluster, 'n3', 'n2')).toEqual([false]);
  });
});
