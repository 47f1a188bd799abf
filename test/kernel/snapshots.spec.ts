import { ELECTION_TICKS, KernelCluster } from './kernel-cluster';
import { at, from } from './message-from';

/** n1 leads n2; n3 was away while entries came and went: the log begins behind `compactedTo`. */
function behind(compactedTo: number): KernelCluster {
  const cluster = new KernelCluster();
  const n1 = cluster.elect('n1');
  cluster.partition(['n1', 'n2'], ['n3']);
  n1.propose('a', 'b', 'c', 'd');
  cluster.deliver();
  n1.compact(compactedTo);
  cluster.heal();
  return cluster;
}

describe('a follower that lacks what was compacted', () => {
  it('is told to fetch a snapshot, installs it, and gets the rest of the log', () => {
    const cluster = behind(3);
    const [n1, n2, n3] = cluster.all;
    cluster.tick(10, 'n1');
    expect(n3.snapshotWanted).toEqual({ required: { index: 3, term: 1 }, leader: 1 });
    expect(n1.progressOf(n3).state).toBe('snapshot');

    const snapshot = { ...n2.snapshot(), last: { index: 3, term: 1 } };
    expect(n3.install(n2, snapshot)).toBe(true);
    cluster.tick(10, 'n1');

    expect(n3.commands).toEqual(['a', 'b', 'c', 'd']);
    expect(n1.progressOf(n3)).toMatchObject({ state: 'replicate', matchIndex: 5 });
    expect(n3.kernel.firstIndex).toBe(4);
  });

  it('is told so by the answer to its first rejection, where it ends before the log begins', () => {
    const full = { log: [1, 1, 1, 1, 1], commitIndex: 5 };
    const cluster = new KernelCluster({ stores: { n1: full, n2: full } });
    const n3 = cluster.node('n3');
    cluster.partition(['n1', 'n2'], ['n3']);
    const n1 = cluster.elect('n1');
    n1.compact(3);
    cluster.heal();
    const before = cluster.sent.length;

    n1.connectionOpened(n3);
    cluster.deliver();

    const since = cluster.sent.slice(before).map(({ kind }) => kind);
    expect(since).toEqual(['appendEntries', 'appendEntriesReply', 'installSnapshot']);
    expect(n3.snapshotWanted).toEqual({ required: { index: 3, term: 1 }, leader: n1.id });
  });

  it('may take a later one than was asked for', () => {
    const cluster = behind(2);
    const [n1, n2, n3] = cluster.all;
    cluster.tick(10, 'n1');

    expect(n3.install(n2)).toBe(true);
    n1.propose('e');
    cluster.tick(10, 'n1');

    expect(n3.commands).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(n3.kernel.firstIndex).toBe(6);
  });

  it('takes nothing back where it comes later than the log that it was to stand for', () => {
    const cluster = behind(2);
    const [n1, n2, n3] = cluster.all;
    cluster.tick(10, 'n1');
    expect(n3.install(n2)).toBe(true);
    n1.propose('e');
    cluster.tick(10, 'n1');

    expect(n3.install(n2, { ...n2.snapshot(), last: { index: 3, term: 1 } })).toBe(false);
    cluster.tick(10, 'n1');
    expect(n3.commands).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(n3.kernel.commitIndex).toBe(n1.kernel.commitIndex);
  });

  it('is asked again with each heartbeat, and answers once it has no need any more', () => {
    const cluster = behind(3);
    const [, , n3] = cluster.all;
    cluster.tick(5, 'n1');
    n3.snapshotWanted = undefined;
    cluster.tick(5, 'n1');
    expect(n3.snapshotWanted).toBeDefined();
    expect(cluster.sent.filter(({ kind }) => kind === 'installSnapshot').length).toBeGreaterThan(1);
  });

  it('gets another where the leader has cut its log again meanwhile', () => {
    const cluster = behind(3);
    const [n1, n2, n3] = cluster.all;
    cluster.tick(10, 'n1');
    const old = { ...n2.snapshot(), last: { index: 3, term: 1 } };
    n1.propose('e', 'f');
    cluster.tick(5, 'n1');
    n1.compact(6);

    n3.install(n2, old);
    cluster.tick(10, 'n1');
    expect(n1.progressOf(n3).state).toBe('snapshot');
    expect(n3.snapshotWanted?.required.index).toBe(6);

    n3.install(n2);
    cluster.tick(10, 'n1');
    expect(n3.commands).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('trap 39: answers heartbeats during the install, does not campaign, applies nothing, and drops appends', () => {
    const cluster = behind(3);
    const [n1, n2, n3] = cluster.all;
    cluster.tick(10, 'n1');
    const snapshot = n2.snapshot();
    expect(n3.beginInstall(snapshot)).toBe(true);
    const batches = n3.disk.lastBatch;

    n1.propose('e');
    cluster.tick(2 * ELECTION_TICKS);
    n3.campaign();

    expect([n1.role, n3.role, n3.term]).toEqual(['leader', 'follower', 1]);
    expect([n3.disk.lastBatch, n3.commands]).toEqual([batches, []]);

    n3.finishInstall(n2, snapshot);
    cluster.tick(10, 'n1');
    expect(n3.commands).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('a later term that it hears of during the install is written afterwards', () => {
    const cluster = behind(3);
    const [, n2, n3] = cluster.all;
    cluster.tick(10, 'n1');
    const snapshot = n2.snapshot();
    n3.beginInstall(snapshot);
    cluster.node('n1').crash();
    cluster.tick(6 * ELECTION_TICKS, 'n2');

    n3.finishInstall(n2, snapshot);
    cluster.tick(6 * ELECTION_TICKS, 'n2', 'n3');

    expect(n3.disk.hardState.term).toBe(n3.term);
    expect(cluster.leaders).toEqual(['n2']);
    expect(n3.commands).toEqual(['a', 'b', 'c', 'd']);
  });

  it('trap 39: comes back from a crash behind the install, with the log that begins there', () => {
    const cluster = behind(3);
    const [n1, n2, n3] = cluster.all;
    cluster.tick(10, 'n1');
    n3.install(n2);
    cluster.tick(10, 'n1');
    const { applied } = n3;
    n3.crash();
    n3.applied = applied;
    n3.restart();

    n1.propose('e');
    cluster.tick(10, 'n1');
    expect(n3.commands).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});

describe('a snapshot and the log', () => {
  it('trap 39: one that is not beyond the commit index is of no use', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    n1.propose('a');
    cluster.heartbeat('n1');
    const n2 = cluster.node('n2');

    expect(n2.install(n1)).toBe(false);
    expect([n2.kernel.firstIndex, n2.commands]).toEqual([1, ['a']]);
  });

  it('trap 39: one from before the head of the log is of no use either: it takes nothing back', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    n1.propose('a', 'b');
    cluster.deliver();
    cluster.heartbeat('n1');
    const n2 = cluster.node('n2');
    const old = { ...n1.snapshot(), last: { index: 2, term: 1 } };
    n2.compact(3);

    expect(n2.install(n1, old)).toBe(false);
    expect([n2.kernel.firstIndex, n2.kernel.commitIndex, n2.commands]).toEqual([4, 3, ['a', 'b']]);
  });

  it('trap 39: a log that holds its last entry keeps what follows it', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    n1.propose('a', 'b', 'c');
    cluster.hold((message) => message.to === 2 && message.kind === 'heartbeat');
    cluster.deliver();
    const n2 = cluster.node('n2');
    expect([n2.kernel.lastIndex, n2.kernel.commitIndex]).toEqual([4, 1]);

    const snapshot = { ...n1.snapshot(), last: { index: 3, term: 1 } };
    expect(n2.install(n1, snapshot)).toBe(false);

    expect([n2.kernel.lastIndex, n2.kernel.commitIndex, n2.commands]).toEqual([4, 3, ['a', 'b']]);
  });

  it('trap 39: a log that conflicts with it is dropped, its tail too', () => {
    const cluster = new KernelCluster({
      stores: { n3: { log: [1, 1, 1, 1, 1, 1, 1, 1], term: 1 }, n1: { term: 1 }, n2: { term: 1 } },
    });
    cluster.partition(['n1', 'n2'], ['n3']);
    const n1 = cluster.elect('n1');
    n1.propose('a', 'b');
    cluster.deliver();
    const [, , n3] = cluster.all;

    expect(n3.install(n1)).toBe(true);

    expect([n3.kernel.lastIndex, n3.kernel.commitIndex, n3.kernel.durableIndex]).toEqual([3, 3, 3]);
    cluster.heal();
    n1.propose('c');
    cluster.tick(10, 'n1');
    expect(n3.commands).toEqual(['a', 'b', 'c']);
  });

  it('trap 39: entries that come from the store during the install are not applied', () => {
    const cluster = new KernelCluster({ stores: { n3: { log: [1, 1, 1], commitIndex: 0, term: 1 } } });
    const [n1, , n3] = cluster.all;
    cluster.partition(['n1', 'n2'], ['n3']);
    cluster.elect('n1');
    n1.propose('a', 'b', 'c');
    cluster.deliver();
    const snapshot = n1.snapshot();
    n3.loadsHeld = true;
    n3.receive(from(n1, 1).appendEntries(n3, at(1, 3), [], 3));
    expect(n3.loads).toMatchObject([{ from: 1, to: 3 }]);

    expect(n3.beginInstall(snapshot)).toBe(true);
    n3.answerLoad();
    expect(n3.applied).toEqual([]);

    n3.finishInstall(n1, snapshot);
    expect(n3.commands).toEqual(['a', 'b', 'c']);
  });

  it('of a later term brings that term, too: nothing of it is said in an older one, however the node crashes', () => {
    const cluster = behind(3);
    const [n1, n2, n3] = cluster.all;
    cluster.tick(10, 'n1');
    cluster.partition(['n1', 'n2'], ['n3']);
    n1.transfer(n2);
    cluster.deliver();
    n2.propose('e');
    cluster.tick(10, 'n2');
    expect([n2.term, n3.term]).toEqual([2, 1]);

    n3.diskHeld = true;
    expect(n3.install(n2)).toBe(true);
    expect(n3.term).toBe(2);
    expect([n3.disk.hardState.term, n3.writing?.hardState]).toEqual([1, { term: 2, votedFor: 0 }]);

    const { applied } = n3;
    n3.crash();
    n3.applied = applied;
    n3.restart();
    expect(n3.term).toBe(2);
    expect(n3.disk.hardState).toEqual({ term: 2, votedFor: 0 });
    cluster.heal();
    cluster.tick(10, 'n2');
    expect(n3.commands).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('trap 27: brings the configuration of its index, not the newest, and the log brings the rest', () => {
    const cluster = new KernelCluster({
      nodes: 4,
      configuration: (genesis) => ({
        ...genesis,
        members: genesis.members.slice(0, 3),
        voters: [1, 2, 3],
        nextReplicaId: 4,
      }),
    });
    const n1 = cluster.elect('n1');
    n1.applyHeld = true;
    n1.changeMembership(['n1', 'n2', 'n3', 'n4?']);
    cluster.deliver();

    expect(n1.kernel.configuration.index).toBe(2);
    expect(n1.kernel.configurationAt(1).index).toBe(0);
    expect(n1.kernel.configurationAt(2).index).toBe(2);

    n1.kernel.applied(1, cluster.nowMs);
    expect(n1.kernel.configurationAt(1).index).toBe(0);

    n1.finishApplying();
    expect(n1.kernel.configurationAt(2).index).toBe(2);
    cluster.tick(5, 'n1');
    expect(cluster.node('n4').kernel.configuration.index).toBe(2);
  });

  it('a head is cut only where it is applied and durable', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    n1.applyHeld = true;
    n1.propose('a');
    cluster.deliver();

    expect(() => n1.kernel.compacted({ index: 2, term: 1 }, cluster.nowMs)).toThrow('beyond what is applied');
  });

  it('a learner that starts from nothing gets a snapshot and is promoted', () => {
    const cluster = new KernelCluster({
      nodes: 2,
      configuration: (genesis) => ({
        ...genesis,
        members: genesis.members.slice(0, 1),
        voters: [1],
        nextReplicaId: 2,
      }),
    });
    const n1 = cluster.elect('n1');
    n1.propose('a', 'b', 'c');
    n1.compact(4);
    n1.changeMembership(['n1', 'n2']);
    cluster.tick(10);
    const n2 = cluster.node('n2');
    expect(n2.install(n1)).toBe(true);
    cluster.tick(20);

    expect([n1.membership, n2.membership, n2.commands]).toEqual(['n1 n2', 'n1 n2', ['a', 'b', 'c']]);
  });
});
