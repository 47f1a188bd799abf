import { decodeConfiguration } from '../../libs/raft/src/core/membership/configuration-codec';
import type { Configuration, Message } from '../../libs/raft/src/core';
import { cancelWithoutOneHalf, clusterOf, enteringJoint, stepsOf } from './cancel-stories';
import { ELECTION_TICKS, type KernelCluster, TICK_MS } from './kernel-cluster';
import type { KernelNode } from './kernel-node';

const TICKS_OF_A_MINUTE = 60_000 / TICK_MS;

const isConfiguration = (message: Message, matches: (configuration: Configuration) => boolean): boolean =>
  message.kind === 'appendEntries' &&
  message.entries.some((entry) => entry.kind === 'configuration' && matches(decodeConfiguration(entry.data)));

const targetOf = (node: KernelNode) => node.kernel.configuration.configuration.target;

/** n1 leads n1, n2, n3, and waits for n4, which nobody reaches. */
function waitingForFourth(): KernelCluster {
  const cluster = clusterOf(3, 4);
  const n1 = cluster.elect('n1');
  cluster.partition(['n1', 'n2', 'n3'], ['n4']);
  n1.changeMembership(['n1', 'n2', 'n3', 'n4']);
  cluster.tick(10);
  expect(n1.membership).toBe('n1 n2 n3 n4?');
  return cluster;
}

/** n1, n2, n3 become n2, n3, n4: n1 leads, loses its vote, and tries in vain to hand over before it leaves the joint configuration. */
function joint(): KernelCluster {
  const cluster = clusterOf(3, 4);
  const n1 = cluster.elect('n1');
  cluster.hold(({ kind }) => kind === 'timeoutNow');
  n1.changeMembership(['n2', 'n3', 'n4']);
  for (let ticks = 0; !n1.membership.includes('(') && ticks < 200; ticks++) cluster.tick(1);
  expect(n1.membership).toBe('(n1) n2 n3 n4');
  return cluster;
}

describe('cancelling a change of the membership', () => {
  it('(b) while members catch up: one entry ends it, and takes out who came with it', () => {
    const cluster = waitingForFourth();
    const n1 = cluster.node('n1');

    expect(n1.cancelChange()).toMatchObject({ outcome: 'written', term: 1 });
    cluster.tick(10);

    for (const name of ['n1', 'n2', 'n3']) expect(cluster.node(name).membership).toBe('n1 n2 n3');
    expect(stepsOf(n1)).toHaveLength(2);
    // Anything may follow.
    expect(n1.changeMembership(['n1', 'n2'])).toMatchObject({ accepted: true });
    cluster.tick(10);
    expect(n1.membership).toBe('n1 n2');
  });

  it('(b) who was to be replaced keeps its name and its vote, and a learner that was to go stays', () => {
    const cluster = clusterOf(3, 5);
    const n1 = cluster.elect('n1');
    n1.changeMembership(['n1', 'n2', 'n3', 'n4?']);
    cluster.tick(10);
    cluster.partition(['n1', 'n2', 'n3', 'n4'], ['n5']);
    const { members } = n1.kernel.configuration.configuration;
    const kept = members.filter(({ name }) => name === 'n1' || name === 'n2').map((each) => ({ ...each, voter: true }));
    const again = { id: 0, name: 'n3', peer: 'n3:7001', http: '', incarnation: 'another-store', voter: true };
    n1.kernel.changeMembership({ members: [...kept, again], force: false, catchUpTimeoutMs: 60_000 }, cluster.nowMs);
    n1.settle();
    cluster.deliver();
    expect(n1.membership).toBe('n1 n2 n3 n4? n3?');

    n1.cancelChange();
    cluster.tick(10);

    expect(n1.membership).toBe('n1 n2 n3 n4?');
    expect(n1.kernel.configuration.configuration.members).toEqual(members);
  });

  it('(b) by another leader than the one that began it', () => {
    const cluster = waitingForFourth();
    cluster.node('n1').crash();
    const n2 = cluster.node('n2');
    cluster.tick(3 * ELECTION_TICKS, 'n2');
    expect(n2.role).toBe('leader');

    expect(n2.cancelChange()).toMatchObject({ outcome: 'written', term: n2.term });
    cluster.tick(10, 'n2', 'n3');

    expect([n2.membership, cluster.node('n3').membership]).toEqual(['n1 n2 n3', 'n1 n2 n3']);
  });

  it('(b) is lost with its leader where nobody else got it: the next one waits on, and can be asked again', () => {
    const cluster = waitingForFourth();
    const n1 = cluster.node('n1');
    cluster.partition(['n1'], ['n2', 'n3']);
    expect(n1.cancelChange()).toMatchObject({ outcome: 'written' });
    cluster.tick(4 * ELECTION_TICKS);
    const [name] = cluster.leaders;
    const next = cluster.node(name!);
    expect([next.membership, targetOf(next)]).toEqual(['n1 n2 n3 n4?', expect.anything()]);

    cluster.heal();
    cluster.partition(['n1', 'n2', 'n3'], ['n4']);
    next.cancelChange();
    cluster.tick(2 * ELECTION_TICKS);
    for (const each of ['n1', 'n2', 'n3']) expect(cluster.node(each).membership).toBe('n1 n2 n3');
  });

  it('(a) waits for an entry that is not committed yet, and comes before the next step', () => {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.elect('n1');
    cluster.hold(({ kind }) => kind === 'appendEntriesReply');
    const { index } = n1.changeMembership(['n1', 'n2', 'n3', 'n4']) as { index: number };

    expect(n1.cancelChange(5000)).toEqual({ outcome: 'waits', pending: { index, term: 1 } });
    cluster.release();
    cluster.tick(10);

    expect(n1.membership).toBe('n1 n2 n3');
    expect(stepsOf(n1).map(({ target }) => target !== null)).toEqual([true, false]);
  });

  it('(a) waits for the joint configuration, and leaves it to where it came from', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    cluster.hold(({ kind }) => kind === 'appendEntriesReply');
    n1.changeMembership(['n1', 'n2']);
    expect(n1.cancelChange(5000)).toMatchObject({ outcome: 'waits' });

    cluster.release();
    cluster.tick(10);

    for (const node of cluster.nodes) expect(node.membership).toBe('n1 n2 n3');
    expect(stepsOf(n1).map(({ outgoing }) => outgoing.length)).toEqual([3, 0]);
  });

  it('(a) waits no longer than its caller does', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    cluster.hold(({ kind }) => kind === 'appendEntriesReply');
    n1.changeMembership(['n1', 'n2']);
    n1.cancelChange(100);
    cluster.wait(200);

    cluster.release();
    cluster.tick(10);

    expect(n1.membership).toBe('n1 n2');
  });

  it('(a) has no hold on the change that comes after the one that it waited for', () => {
    const cluster = clusterOf(3, 5);
    const n1 = cluster.elect('n1');
    cluster.hold(({ kind }) => kind === 'appendEntriesReply');
    n1.changeMembership(['n1', 'n2', 'n3', 'n4?']);
    expect(n1.cancelChange(60_000)).toMatchObject({ outcome: 'waits' });
    cluster.release();
    cluster.tick(10);
    expect(n1.membership).toBe('n1 n2 n3 n4?');

    n1.changeMembership(['n1', 'n2', 'n3', 'n4']);
    cluster.tick(ELECTION_TICKS);
    expect(n1.membership).toBe('n1 n2 n3 n4');
  });

  it('(c) in a joint configuration: one entry goes back, once a majority of both halves has it', () => {
    const cluster = joint();
    const n1 = cluster.node('n1');
    // The hand-over is given up first.
    let result = n1.cancelChange(60_000);
    for (let ticks = 0; result.outcome === 'waits' && ticks < 3 * ELECTION_TICKS; ticks++) {
      cluster.tick(1);
      result = n1.cancelChange(60_000);
    }
    expect(result).toMatchObject({ outcome: 'written' });
    cluster.tick(ELECTION_TICKS);

    for (const name of ['n1', 'n2', 'n3']) expect(cluster.node(name).membership).toBe('n1 n2 n3');
    expect(n1.role).toBe('leader');
  });

  it('(c) is decided by both majorities: with the old one alone it stays joint', () => {
    const cluster = enteringJoint();
    const n1 = cluster.node('n1');
    expect(n1.cancelChange(60_000)).toMatchObject({ outcome: 'waits' });

    const goesBack = (message: Message): boolean => isConfiguration(message, ({ outgoing }) => outgoing.length === 0);
    cluster.hold((message) => message.to > 3 && goesBack(message));
    cluster.inFlight.push(...cluster.held.splice(0));
    cluster.deliver();
    cluster.tick(5, 'n1');
    expect(n1.membership).toBe('n1 (n2) (n3) n4 n5');
    expect(stepsOf(cluster.node('n2')).at(-1)).toMatchObject({ voters: [1, 2, 3], outgoing: [] });

    cluster.release();
    cluster.tick(5, 'n1');
    expect(n1.membership).toBe('n1 n2 n3 n4? n5?');
  });

  it('(c) by a leader that comes after the one that entered it, before it leaves it', () => {
    const cluster = joint();
    cluster.node('n1').crash();
    cluster.held.splice(0);
    cluster.hold(({ kind }) => kind === 'appendEntriesReply');
    const n2 = cluster.node('n2');
    cluster.tick(3 * ELECTION_TICKS, 'n2');
    expect(n2.role).toBe('leader');
    expect(n2.cancelChange(60_000)).toMatchObject({ outcome: 'waits' });

    cluster.release();
    cluster.tick(ELECTION_TICKS, 'n2', 'n3', 'n4');

    expect([n2.membership, cluster.node('n3').membership]).toEqual(['n1 n2 n3', 'n1 n2 n3']);
  });

  it('(d) is refused once the joint configuration is being left, by the next leader too', () => {
    const cluster = clusterOf(4, 4);
    const n1 = cluster.elect('n1');
    cluster.hold(({ kind }) => kind === 'appendEntriesReply' && n1.membership.includes('('));
    n1.changeMembership(['n1', 'n2', 'n3']);
    cluster.tick(5, 'n1');
    expect(n1.membership).toBe('n1 n2 n3 (n4)');

    const refusal = n1.cancelChange(60_000);
    expect(refusal).toMatchObject({ outcome: 'refused', reason: 'leaving' });
    expect(refusal).toMatchObject({ detail: expect.stringMatching(/entry \d+ of term 1.*reverse change/) });

    n1.crash();
    const n2 = cluster.node('n2');
    cluster.tick(3 * ELECTION_TICKS, 'n2');
    expect(n2.role).toBe('leader');
    expect(n2.cancelChange(60_000)).toMatchObject({ outcome: 'refused', reason: 'leaving' });

    cluster.release();
    cluster.tick(10, 'n2', 'n3');
    expect([n2.membership, cluster.node('n3').membership]).toEqual(['n1 n2 n3', 'n1 n2 n3']);
  });

  it(
    '(e) is refused in a joint configuration without one of the majorities, and nothing is written meanwhile',
    cancelWithoutOneHalf,
  );

  it('is refused where nothing is under way, and by one that does not lead', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    expect(n1.cancelChange()).toMatchObject({ outcome: 'refused', reason: 'nothingUnderWay' });
    expect(cluster.node('n2').cancelChange()).toMatchObject({ outcome: 'refused', reason: 'notLeader' });
  });

  it('is refused, like each change, where no majority is heard, also by force', () => {
    const cluster = waitingForFourth();
    const n1 = cluster.node('n1');
    cluster.partition(['n1'], ['n2', 'n3']);
    cluster.wait(ELECTION_TICKS * TICK_MS);
    const { lastIndex } = n1.kernel;

    expect(n1.cancelChange()).toMatchObject({ outcome: 'refused', reason: 'noQuorum' });
    expect(n1.changeMembership(['n1'], { force: true, supersede: true })).toMatchObject({ reason: 'noQuorum' });
    expect(n1.kernel.lastIndex).toBe(lastIndex);
  });

  it('says again what it has written, as long as that is not committed', () => {
    const cluster = waitingForFourth();
    const n1 = cluster.node('n1');
    cluster.hold(({ kind }) => kind === 'appendEntriesReply');
    const first = n1.cancelChange();
    expect(first).toMatchObject({ outcome: 'written' });
    expect(n1.cancelChange()).toEqual(first);
    expect(stepsOf(n1)).toHaveLength(2);
  });
});

describe('the deadline of a change', () => {
  it('is in the log, so another leader does not begin it again', () => {
    const cluster = waitingForFourth();
    cluster.tick(TICKS_OF_A_MINUTE / 2);
    cluster.node('n1').crash();
    cluster.tick(3 * ELECTION_TICKS, 'n2');
    const n2 = cluster.node('n2');
    expect([n2.role, targetOf(n2)]).toEqual(['leader', expect.anything()]);

    cluster.tick(TICKS_OF_A_MINUTE / 2, 'n2', 'n3');

    expect(targetOf(n2)).toBeNull();
  });

  it('takes out a member that was never heard and that only the change brought in', () => {
    const cluster = waitingForFourth();
    cluster.tick(TICKS_OF_A_MINUTE + 10);
    const n1 = cluster.node('n1');
    expect([n1.membership, targetOf(n1)]).toEqual(['n1 n2 n3', null]);
  });

  it('leaves a learner that was there before, heard or not', () => {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.elect('n1');
    cluster.partition(['n1', 'n2', 'n3'], ['n4']);
    n1.changeMembership(['n1', 'n2', 'n3', 'n4?']);
    cluster.tick(10);
    n1.changeMembership(['n1', 'n2', 'n3', 'n4'], { catchUpTimeoutMs: 3000 });
    cluster.tick(4 * ELECTION_TICKS);
    expect([n1.membership, targetOf(n1)]).toEqual(['n1 n2 n3 n4?', null]);
  });

  /** n4 gets further, by one entry a second, and never has a short round. */
  function slowFourth(): { readonly cluster: KernelCluster; readonly second: () => void } {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.elect('n1');
    cluster.hold(({ kind, from: sender }) => kind === 'appendEntriesReply' && sender === 4);
    n1.changeMembership(['n1', 'n2', 'n3', 'n4']);
    const second = (): void => {
      cluster.tick(1000 / TICK_MS);
      const answers = cluster.held.splice(0);
      n1.propose('a', 'b');
      for (const answer of answers) n1.receive(answer);
    };
    return { cluster, second };
  }

  it('is moved on once a minute at most while the member gets further, and ends with it', () => {
    const { cluster, second } = slowFourth();
    const n1 = cluster.node('n1');
    for (let seconds = 0; seconds < 200; seconds++) second();
    expect(targetOf(n1)).not.toBeNull();
    const deadlines = stepsOf(n1).map(({ target }) => target?.deadlineMs ?? 0);
    expect(deadlines).toHaveLength(4);
    for (let at = 1; at < deadlines.length; at++)
      expect(deadlines[at]! - deadlines[at - 1]!).toBeGreaterThanOrEqual(60_000);

    cluster.held.splice(0);
    cluster.node('n4').crash();
    cluster.tick(2 * TICKS_OF_A_MINUTE + 100);
    // It was heard, so it stays as a learner.
    expect([n1.membership, targetOf(n1)]).toEqual(['n1 n2 n3 n4?', null]);
  });

  it('has an end that no renewal moves', () => {
    const { cluster, second } = slowFourth();
    const n1 = cluster.node('n1');
    for (let seconds = 0; seconds < 5; seconds++) second();
    const { endsMs } = targetOf(n1)!;
    // Cluster time passes faster here than the ticks that would make it pass.
    let extra = 0;
    n1.clusterTimeMs = () => 1_700_000_000_000 + cluster.nowMs + extra;
    for (let minutes = 0; minutes < 70 && targetOf(n1) !== null; minutes++) {
      expect(targetOf(n1)!.endsMs).toBe(endsMs);
      extra += 58_000;
      second();
      second();
    }
    expect(targetOf(n1)).toBeNull();
    expect(n1.clusterTimeMs()! - endsMs!).toBeLessThan(60_000);
    expect(n1.clusterTimeMs()! - endsMs!).toBeGreaterThanOrEqual(0);
  });

  it('begins when a leader knows the time of the cluster, where the one that began the change did not', () => {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.elect('n1');
    cluster.partition(['n1', 'n2', 'n3'], ['n4']);
    n1.clusterTimeMs = () => undefined;
    n1.tick();
    n1.changeMembership(['n1', 'n2', 'n3', 'n4']);
    cluster.tick(2 * TICKS_OF_A_MINUTE);
    expect(targetOf(n1)).toMatchObject({ deadlineMs: null, endsMs: null });

    n1.clusterTimeMs = () => 5000;
    cluster.tick(2);
    expect(targetOf(n1)).toMatchObject({ deadlineMs: 65_000, endsMs: 3_605_000 });
  });

  it('is moved on by an entry that does not take back what was counted of catching up', () => {
    const { cluster, second } = slowFourth();
    const n1 = cluster.node('n1');
    for (let seconds = 0; seconds < 62; seconds++) second();
    expect(stepsOf(n1)).toHaveLength(2);
    cluster.release();
    cluster.tick(10);
    expect(n1.membership).toBe('n1 n2 n3 n4');
  });
});
