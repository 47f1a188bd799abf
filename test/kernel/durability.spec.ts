import { type AppendEntriesReply, type Message, ORIGIN } from '../../libs/raft/src/core';
import { ELECTION_TICKS, ELECTION_TIMEOUT_MS, KernelCluster } from './kernel-cluster';
import { at, entriesOf, from } from './message-from';

const kinds = (messages: readonly Message[]): string[] => messages.map((message) => message.kind);

const acceptedBy = (cluster: KernelCluster, name: string): number[] =>
  cluster.sent
    .filter((message): message is AppendEntriesReply => message.kind === 'appendEntriesReply' && message.accepted)
    .filter((reply) => reply.from === cluster.node(name).id)
    .map((reply) => reply.matchIndex);

describe('what is durable before what', () => {
  it('a vote request leaves only when its term and the own vote are durable', () => {
    const cluster = new KernelCluster();
    const [n1] = cluster.all;
    n1.diskHeld = true;

    n1.campaign();
    cluster.deliver();
    expect([n1.role, n1.term]).toEqual(['candidate', 1]);
    expect(kinds(cluster.sent)).not.toContain('requestVote');

    n1.finishWrite();
    expect(kinds(cluster.inFlight)).toEqual(['requestVote', 'requestVote']);
    expect(n1.disk.hardState).toEqual({ term: 1, votedFor: 1 });
  });

  it('a candidate that crashes before its term is durable may lead that term once, not twice', () => {
    const cluster = new KernelCluster();
    const [n1] = cluster.all;
    n1.diskHeld = true;
    n1.campaign();
    cluster.deliver();

    n1.crashAndRestart();
    cluster.wait(ELECTION_TIMEOUT_MS);
    expect(n1.term).toBe(0);
    cluster.elect('n2');

    expect(cluster.sent.filter((message) => message.kind === 'requestVote' && message.from === 1)).toEqual([]);
    expect(cluster.leaders).toEqual(['n2']);
  });

  it('the only voter leads at once, but tells its learners nothing before its term is durable', () => {
    const cluster = new KernelCluster({
      nodes: 2,
      configuration: (genesis) => ({ ...genesis, voters: [1], learners: [2] }),
    });
    cluster.deliver();
    const [n1, n2] = cluster.all;
    n1.crash();
    n1.restart({ diskHeld: true });
    n1.propose('first life');
    cluster.deliver();
    expect([n1.role, n1.term, n2.term, n2.kernel.lastIndex]).toEqual(['leader', 2, 1, 1]);

    n1.crashAndRestart();
    n1.propose('second life');
    cluster.deliver();
    cluster.heartbeat('n1');

    expect([n1.role, n1.term]).toEqual(['leader', 2]);
    expect(n2.commands).toEqual(['second life']);
  });

  it('vote and pre-vote requests wait for every entry that the log id in them covers', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n1.diskHeld = true;
    n1.receive(from(n2, 1).appendEntries(n1, ORIGIN, [1, 1]));

    n1.campaign();
    expect(kinds(cluster.sent)).not.toContain('preVote');

    n1.finishWrite();
    const preVotes = cluster.sent.filter((message) => message.kind === 'preVote');
    expect(preVotes.map((message) => message.lastLog)).toEqual([at(1, 2), at(1, 2)]);
  });

  it('trap 4: a vote, and a refusal too, leaves only when the term that it speaks for is durable', () => {
    const cluster = new KernelCluster({ stores: { n1: { log: [1] } } });
    const [n1, n2, n3] = cluster.all;
    n1.diskHeld = true;

    n1.receive(from(n2, 5).requestVote(n1, ORIGIN));
    n1.receive(from(n3, 5).requestVote(n1, at(1, 1)));
    expect(cluster.sent).toEqual([]);

    n1.finishWrites();
    expect(cluster.sent).toMatchObject([
      { kind: 'requestVoteReply', to: 2, term: 5, granted: false },
      { kind: 'requestVoteReply', to: 3, term: 5, granted: true },
    ]);
    expect(n1.disk.hardState).toEqual({ term: 5, votedFor: 3 });
  });

  it('trap 4: an append is acknowledged when its entries are durable, a rejection when its term is', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n1.diskHeld = true;

    n1.receive(from(n2, 3).appendEntries(n1, at(3, 7), [3]));
    expect(cluster.sent).toEqual([]);
    n1.finishWrite();
    expect(cluster.sent).toMatchObject([{ accepted: false, term: 3, rejectedIndex: 7 }]);

    n1.receive(from(n2, 3).appendEntries(n1, ORIGIN, [3]));
    expect(cluster.sent).toHaveLength(1);
    n1.finishWrite();
    expect(cluster.sent).toMatchObject([{ accepted: false }, { accepted: true, matchIndex: 1 }]);
  });

  it('trap 4: a leader counts its own disk only when the write has landed, and does without it where others suffice', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const [, n2, n3] = cluster.all;
    n1.diskHeld = true;
    n3.crash();

    n1.propose('x');
    cluster.deliver();
    expect(n1.matchOf(n2)).toBe(2);
    expect(n1.kernel.commitIndex).toBe(1);

    n3.restart();
    cluster.heartbeat('n1');
    expect(n1.kernel.commitIndex).toBe(2);
    expect(n1.commands).toEqual([]);

    n1.finishWrite();
    expect(n1.commands).toEqual(['x']);
  });

  it('a leader’s appends go out beside its own write', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    n1.diskHeld = true;

    n1.propose('x');

    expect(n1.writing?.entries).toHaveLength(1);
    expect(kinds(cluster.inFlight)).toEqual(['appendEntries', 'appendEntries']);
  });

  it('a heartbeat’s answer that changes nothing durable leaves at once, whatever is being written', () => {
    const cluster = new KernelCluster();
    cluster.elect('n1');
    const [n1, n2] = cluster.all;
    n2.diskHeld = true;
    n1.propose('x');
    cluster.deliver();
    expect(n2.writing).toBeDefined();
    const before = cluster.sent.length;

    n2.receive(from(n1, 1).heartbeat(n2, 1, 9));

    expect(cluster.sent.slice(before)).toMatchObject([{ kind: 'heartbeatReply', round: 9 }]);
  });

  it('no message waits for a later write than the one that it depends on', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n1.diskHeld = true;
    n1.receive(from(n2, 1).appendEntries(n1, ORIGIN, [1]));
    n1.receive(from(n2, 1).appendEntries(n1, at(1, 1), [1]));
    n1.receive(from(n2, 1).appendEntries(n1, ORIGIN, [1]));

    n1.finishWrite();
    expect(acceptedBy(cluster, 'n1')).toEqual([1, 1]);
    n1.finishWrite();
    expect(acceptedBy(cluster, 'n1')).toEqual([1, 1, 2]);
  });

  it('trap 3: entries of a new term never reach the store before that term does', () => {
    const cluster = new KernelCluster({ maxPersistBytes: 100 });
    const [n1, n2] = cluster.all;
    n1.diskHeld = true;

    n1.receive(from(n2, 6).appendEntries(n1, ORIGIN, [6, 6, 6, 6, 6]));

    expect(n1.writing).toMatchObject({ number: 1, hardState: { term: 6, votedFor: 0 } });
    expect(n1.writing!.entries.length).toBeLessThan(5);
    n1.finishWrites();
    expect(n1.disk.entries).toHaveLength(5);
  });

  it('the commit index is computed at once, and written with the entries that it came with', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n1.diskHeld = true;

    n1.receive(from(n2, 1).appendEntries(n1, ORIGIN, [1, 1, 1], 2));

    expect(n1.kernel.commitIndex).toBe(2);
    expect(n1.writing).toMatchObject({ commitIndex: 2 });
    expect(n1.writing!.entries).toHaveLength(3);
  });

  it('a write that would carry nothing but a commit index is skipped', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    n1.propose('x');
    cluster.deliver();
    const n2 = cluster.node('n2');
    const writes = n2.disk.landed.length;

    cluster.heartbeat('n1');

    expect(n2.commands).toEqual(['x']);
    expect(n2.disk.landed).toHaveLength(writes);
  });

  it('trap 40: committed entries are applied when they are durable here, not before', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n1.diskHeld = true;

    n1.receive(from(n2, 1).appendEntries(n1, ORIGIN, [1, 1], 2));
    expect(n1.commands).toEqual([]);

    n1.finishWrite();
    expect(n1.commands).toEqual(['1/1', '2/1']);
  });

  it('trap 15: a follower that learned of a commit before its write landed needs no second word from the leader', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    n2.diskHeld = true;
    n1.propose('x');
    cluster.deliver();
    n1.propose('y');
    cluster.deliver();
    cluster.partition(['n1', 'n3'], ['n2']);
    expect(n2.kernel.commitIndex).toBe(2);
    expect(n2.commands).toEqual([]);

    n2.finishWrites();

    expect(n2.commands).toEqual(['x']);
  });

  it('trap 16: a write that lands late says nothing of the entries that have come in the place of its own', () => {
    const cluster = new KernelCluster();
    const [n1, n2, n3] = cluster.all;
    n1.diskHeld = true;
    // Term 1's leader sends entries 1 and 2; while they are being written, term 2's and then term 3's leader replace them,
    // the last of them with entries of the same length as the first.
    n1.receive(from(n2, 1).appendEntries(n1, ORIGIN, [1, 1]));
    n1.receive(from(n3, 2).appendEntries(n1, ORIGIN, [2]));
    n1.receive(from(n2, 3).appendEntries(n1, ORIGIN, [3, 3]));

    n1.finishWrite();
    expect(n1.kernel.durableIndex).toBe(0);
    expect(cluster.sent.filter((message) => message.term === 3)).toEqual([]);

    n1.finishWrite();
    expect(n1.disk.entries.map((entry) => entry.term)).toEqual([3, 3]);
    expect(cluster.sent.filter((message) => message.term === 3)).toMatchObject([{ accepted: true, matchIndex: 2 }]);
  });

  it('trap 17: a store that answers out of order stops the node', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n1.diskHeld = true;
    n1.receive(from(n2, 1).appendEntries(n1, ORIGIN, [1]));

    expect(() => n1.kernel.persisted(2, cluster.nowMs)).toThrow(/reports batch 2, while 1 is under way/);
  });

  it('what was acknowledged is there after any crash', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    n1.propose('x', 'y');
    cluster.deliver();
    expect(n1.commands).toEqual(['x', 'y']);

    for (const node of cluster.nodes) node.crash();
    for (const node of cluster.nodes) node.restart();
    cluster.tick(4 * ELECTION_TICKS);

    expect(cluster.nodes.map((node) => node.commands)).toEqual([
      ['x', 'y'],
      ['x', 'y'],
      ['x', 'y'],
    ]);
  });

  it('trap 23: a state machine that is ahead of the commit index written last is not asked to apply again', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n1.disk.entries = entriesOf(1, 1, 1, 1);
    n1.disk.commitIndex = 1;
    n1.crash();
    n1.applied = entriesOf(1, 1, 1);

    n1.restart();
    expect(n1.kernel.commitIndex).toBe(2);
    expect(n1.kernel.appliedIndex).toBe(2);

    n1.receive(from(n2, 1).appendEntries(n1, at(1, 3), [], 3));
    expect(n1.applied.map((entry) => entry.index)).toEqual([1, 2, 3]);
  });

  it('trap 23: a store that lost its tail stops with a sentence that says what to do', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    n1.propose('x', 'y');
    cluster.deliver();
    cluster.heartbeat('n1');

    n2.crash();
    n2.disk.entries = n2.disk.entries.slice(0, 1);
    n2.disk.commitIndex = 1;
    n2.restart();
    expect(n2.kernel.commitIndex).toBe(1);
    expect(() => n2.receive(from(n1, 1).heartbeat(n2, n1.matchOf(n2)))).toThrow(
      /had acknowledged entry 3 to the leader, and its log ends at 1: it was put back/,
    );
  });
});

describe('a store that stalls', () => {
  it('trap 21: a leader whose store is out of reach steps down and falls silent, and another is elected', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');

    n1.storageIsLost();
    expect(n1.role).toBe('follower');
    cluster.tick(4 * ELECTION_TICKS);

    expect(cluster.leaders).toHaveLength(1);
    expect(cluster.leaders).not.toContain('n1');
  });

  it('trap 21: a replica whose store stalls does not campaign, and may again when it has recovered', () => {
    const cluster = new KernelCluster();
    const [n1] = cluster.all;
    n1.storageStalls();

    cluster.tick(6 * ELECTION_TICKS, 'n1');
    n1.campaign();
    expect([n1.role, n1.term]).toEqual(['follower', 0]);
    expect(cluster.sent).toEqual([]);

    n1.storageRecovers();
    cluster.tick(2 * ELECTION_TICKS, 'n1');
    expect(n1.role).toBe('leader');
  });

  it('a candidate whose store stalls gives up', () => {
    const cluster = new KernelCluster();
    const [n1] = cluster.all;
    n1.campaign();
    expect(n1.role).toBe('preCandidate');

    n1.storageStalls();

    expect(n1.role).toBe('follower');
  });

  it('the only voter stays leader, as nobody could take over', () => {
    const [n1] = new KernelCluster({ nodes: 1 }).all;

    n1.storageStalls();
    expect(n1.role).toBe('leader');

    n1.propose('x');
    expect(n1.commands).toEqual([]);
    n1.storageRecovers();
    n1.finishWrites();
    expect(n1.commands).toEqual(['x']);
  });

  it('a follower whose store stalls still hears: it follows its leader and answers its heartbeats', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.partition(['n1', 'n2'], ['n3']);
    n2.storageStalls();

    cluster.tick(6 * ELECTION_TICKS, 'n1', 'n2');

    expect([n1.role, n1.term, n2.kernel.status.leader]).toEqual(['leader', 1, 1]);
  });

  it('what came in meanwhile goes into the next write as one', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    n1.diskHeld = true;
    const before = n1.disk.lastBatch;

    for (const command of ['a', 'b', 'c', 'd']) n1.propose(command);
    n1.finishWrite();

    expect(n1.disk.lastBatch).toBe(before + 1);
    expect(n1.writing?.entries).toHaveLength(3);
  });
});
