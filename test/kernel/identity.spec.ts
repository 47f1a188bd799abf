import { encodeConfiguration } from '../../libs/raft/src/core/membership/configuration-codec';
import { type Configuration, makeEntry, type Message, ORIGIN } from '../../libs/raft/src/core';
import { ELECTION_TICKS, ELECTION_TIMEOUT_MS, KernelCluster } from './kernel-cluster';
import { at, from } from './message-from';

describe('who may speak', () => {
  it.each<[string, Partial<Message>]>([
    ['of another cluster', { clusterId: 'another' }],
    ['of another group', { groupId: 'another' }],
    ['to another replica', { to: 3 }],
    ['from itself', { from: 1 }],
    ['of a member, but from another store', { incarnation: 'a-wiped-store' }],
  ])('a message %s changes nothing and gets no answer', (_, header) => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    const sender = from(n2, 5, header);

    n1.receive(sender.requestVote(n1, ORIGIN));
    n1.receive(sender.preVote(n1, ORIGIN));
    n1.receive(sender.heartbeat(n1));
    n1.receive(sender.appendEntries(n1, ORIGIN, [5]));

    expect(cluster.sent).toEqual([]);
    expect([n1.term, n1.kernel.lastIndex]).toEqual([0, 0]);
  });

  it('votes count only with the store that the configuration holds', () => {
    const cluster = new KernelCluster();
    const [n1, n2, n3] = cluster.all;
    n1.campaign();
    n1.receive(from(n2, 1).preVoteReply(n1, true));
    expect(n1.role).toBe('candidate');

    n1.receive(from(n2, 1, { incarnation: 'a-wiped-store' }).requestVoteReply(n1, true));
    n1.receive(from(n3, 1, { from: 9, incarnation: 'of-no-member' }).requestVoteReply(n1, true));
    expect(n1.role).toBe('candidate');
  });

  it('read confirmations count only with the store that the configuration holds', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    n1.read(7);
    cluster.lose();

    n1.receive(from(n2, 1, { incarnation: 'a-wiped-store' }).heartbeatReply(n1, 1000));

    expect(n1.reads).toEqual([]);
  });

  it('trap 10: a replica id that was removed gets no vote and no pre-vote, ever', () => {
    const cluster = new KernelCluster({ configuration: (genesis) => ({ ...genesis, nextReplicaId: 6 }) });
    const [n1, n2] = cluster.all;
    const removed = from(n2, 5, { from: 4, incarnation: 'store-of-n4' });

    n1.receive(removed.preVote(n1, at(9, 9)));
    n1.receive(removed.requestVote(n1, at(9, 9)));

    expect(cluster.sent).toEqual([]);
    expect(n1.term).toBe(0);
  });

  it('answers of a replica that is no member are dropped', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');

    n1.receive(from(n2, 9, { from: 9, incarnation: 'of-no-member' }).heartbeatReply(n1, 1));

    expect([n1.role, n1.term]).toEqual(['leader', 1]);
  });
});

describe('the configuration in force', () => {
  const smaller = (configuration: Configuration): Configuration => ({
    ...configuration,
    voters: [1, 2],
    learners: [3],
  });

  it('takes effect at the commit cursor, whatever the state machine has applied', () => {
    const cluster = new KernelCluster();
    const [n1, n2, n3] = cluster.all;
    n3.applyHeld = true;
    const changed = smaller(n3.kernel.configuration.configuration);
    const entry = makeEntry(1, 1, { kind: 'configuration', schemaVersion: 0, data: encodeConfiguration(changed) });

    n3.receive(from(n1, 1).appendEntries(n3, ORIGIN, [entry]));
    expect(n3.kernel.configuration.index).toBe(0);
    n3.receive(from(n1, 1).heartbeat(n3, 1));

    expect(n3.kernel.configuration).toEqual({ index: 1, configuration: changed });
    expect(n3.kernel.appliedIndex).toBe(0);
    expect(n3.disk.configuration).toEqual({ index: 1, configuration: changed });
    n3.receive(from(n2, 2).heartbeat(n3));
    expect(n3.role).toBe('learner');
  });

  it('trap 9: a node comes up with the configuration that its durable commit covers, and campaigns under no older one', () => {
    const cluster = new KernelCluster();
    const n3 = cluster.node('n3');
    const changed = smaller(n3.kernel.configuration.configuration);
    n3.disk.entries = [
      makeEntry(1, 1, { kind: 'configuration', schemaVersion: 0, data: encodeConfiguration(changed) }),
    ];
    n3.disk.commitIndex = 1;
    n3.applyHeld = true;

    n3.crashAndRestart();
    cluster.tick(6 * ELECTION_TICKS, 'n3');

    expect(n3.kernel.configuration).toEqual({ index: 1, configuration: changed });
    expect([n3.role, n3.term]).toEqual(['learner', 1]);
  });

  it('trap 9: a configuration that is stored and not known to be committed is not in force yet', () => {
    const cluster = new KernelCluster();
    const n3 = cluster.node('n3');
    const changed = smaller(n3.kernel.configuration.configuration);
    n3.disk.entries = [
      makeEntry(1, 1, { kind: 'configuration', schemaVersion: 0, data: encodeConfiguration(changed) }),
    ];

    n3.crashAndRestart();

    expect([n3.role, n3.kernel.configuration.index]).toEqual(['follower', 0]);
  });

  it('trap 29: who is behind in commits learns from a vote of the membership by which it can win', () => {
    const cluster = new KernelCluster({ nodes: 4 });
    const [, n2, n3] = cluster.all;
    const { configuration } = n3.kernel.configuration;
    const changed = { ...configuration, members: configuration.members.slice(1, 3), voters: [2, 3] };
    const entry = makeEntry(1, 1, { kind: 'configuration', schemaVersion: 0, data: encodeConfiguration(changed) });
    for (const node of [n2, n3]) {
      node.disk.entries = [entry];
      node.disk.hardState = { term: 1, votedFor: 0 };
    }
    n2.disk.commitIndex = 1;
    n2.crashAndRestart();
    n3.crashAndRestart();
    cluster.wait(ELECTION_TIMEOUT_MS);
    cluster.partition(['n2', 'n3'], ['n1', 'n4']);
    expect(n3.kernel.configuration.index).toBe(0);

    n3.campaign();
    cluster.deliver();

    expect([n3.role, n3.kernel.configuration.index]).toEqual(['leader', 1]);
  });

  it('trap 29: votes and their answers carry what their sender knows to be committed, and who holds that entry learns from it', () => {
    const stores = { log: [1, 1, 1], commitIndex: 0 };
    const cluster = new KernelCluster({ stores: { n1: { ...stores, commitIndex: 3 }, n2: stores, n3: stores } });
    const [n1, n2, n3] = cluster.all;

    n2.campaign();
    cluster.inFlight = cluster.inFlight.filter((message) => message.to === n1.id);
    cluster.hold((message) => message.kind === 'requestVote');
    cluster.deliver();
    expect(n2.kernel.commitIndex).toBe(3);

    n3.receive(from(n1, 1).preVote(n3, at(1, 3), at(1, 2)));
    expect(n3.kernel.commitIndex).toBe(2);
    n3.receive(from(n1, 1).preVote(n3, at(1, 3), at(2, 3)));
    expect(n3.kernel.commitIndex).toBe(2);
  });

  it('within a joint configuration a leader needs a majority of both halves', () => {
    const cluster = new KernelCluster({
      nodes: 5,
      configuration: (genesis) => ({ ...genesis, voters: [1, 4, 5], outgoing: [1, 2, 3] }),
    });
    const [n1] = cluster.all;
    cluster.partition(['n1', 'n4', 'n5'], ['n2', 'n3']);
    n1.campaign();
    cluster.deliver();
    expect(n1.role).toBe('preCandidate');

    cluster.partition(['n1', 'n2', 'n4'], ['n3', 'n5']);
    cluster.elect('n1');
    cluster.partition(['n1', 'n4', 'n5'], ['n2', 'n3']);
    n1.propose('a');
    cluster.deliver();
    expect(n1.kernel.commitIndex).toBe(1);

    cluster.heal();
    cluster.heartbeat('n1');
    cluster.heartbeat('n1');
    expect(n1.kernel.commitIndex).toBe(2);
  });
});
