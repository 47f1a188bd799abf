import { type AppendEntries, type Heartbeat, InvariantError, type Message, ORIGIN } from '../../libs/raft/src/core';
import { ELECTION_TICKS, KernelCluster } from './kernel-cluster';
import { at, entriesOf, from } from './message-from';

const appendsTo = (messages: readonly Message[], id: number): AppendEntries[] =>
  messages.filter((message): message is AppendEntries => message.kind === 'appendEntries' && message.to === id);

const lastHeartbeatTo = (cluster: KernelCluster, id: number): Heartbeat =>
  cluster.sent.findLast((message): message is Heartbeat => message.kind === 'heartbeat' && message.to === id)!;

describe('replication', () => {
  it('brings what one node was told to all state machines, in order', () => {
    const cluster = new KernelCluster({ nodes: 5 });
    const n1 = cluster.elect('n1');

    n1.propose('a', 'b');
    n1.propose('c');
    cluster.deliver();
    cluster.heartbeat('n1');

    for (const node of cluster.nodes) expect(node.commands).toEqual(['a', 'b', 'c']);
  });

  it('goes on with a majority, and brings the others up when they are back', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n3 = cluster.node('n3');
    cluster.partition(['n1', 'n2'], ['n3']);
    n1.propose('a');
    cluster.deliver();
    expect(n1.commands).toEqual(['a']);

    cluster.heal();
    cluster.heartbeat('n1');
    cluster.heartbeat('n1');

    expect(n3.commands).toEqual(['a']);
  });

  it('commits nothing without a majority', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    cluster.partition(['n1'], ['n2', 'n3']);

    n1.propose('a');
    cluster.deliver();

    expect(n1.kernel.commitIndex).toBe(1);
    expect(n1.commands).toEqual([]);
  });

  it('trap 1: an entry of an older term is not committed by a majority that holds it, but behind one of the own term', () => {
    // Figure 3.7 of the thesis: entry 2 of term 2 is on n1 alone; n5 has another of term 3.
    const cluster = new KernelCluster({
      nodes: 5,
      stores: {
        n1: { log: [1, 2], term: 3 },
        n2: { log: [1, 2], term: 3 },
        n3: { log: [1], term: 3 },
        n4: { log: [1], term: 3 },
        n5: { log: [1, 3], term: 3 },
      },
    });
    const [n1, n2, n3] = cluster.all;
    cluster.hold((message) => message.kind === 'appendEntries');
    n1.campaign();
    cluster.deliver();
    expect([n1.role, n1.term, n1.logTerms]).toEqual(['leader', 4, [1, 2, 4]]);

    n1.receive(from(n2, 4).accepts(n1, 2));
    n1.receive(from(n3, 4).accepts(n1, 2));
    expect(n1.kernel.commitIndex).toBe(0);

    n1.receive(from(n2, 4).accepts(n1, 3));
    n1.receive(from(n3, 4).accepts(n1, 3));
    expect(n1.kernel.commitIndex).toBe(3);
  });

  it('trap 1: a new leader opens its term with an empty entry at once, and older entries are committed with it', () => {
    const cluster = new KernelCluster({ stores: { n1: { log: [1, 1] }, n2: { log: [1, 1] }, n3: { log: [1] } } });

    const n1 = cluster.elect('n1');

    expect(n1.logTerms).toEqual([1, 1, 2]);
    expect(n1.disk.entries[2]?.kind).toBe('noop');
    expect(n1.kernel.commitIndex).toBe(3);
    expect(cluster.node('n3').commands).toEqual(['1/1', '2/1']);
  });

  it('trap 11: a late or repeated append never shortens the log', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n1.receive(from(n2, 1).appendEntries(n1, ORIGIN, [1, 1, 1, 1]));
    const writes = n1.disk.landed.length;

    n1.receive(from(n2, 1).appendEntries(n1, ORIGIN, [1, 1]));
    n1.receive(from(n2, 1).appendEntries(n1, at(1, 1), []));

    expect(n1.logTerms).toEqual([1, 1, 1, 1]);
    expect(n1.disk.landed).toHaveLength(writes);
  });

  it('trap 11: the log is cut from the first entry whose term differs, and the part that agrees is not written again', () => {
    const cluster = new KernelCluster({ stores: { n1: { log: [1, 1, 2, 2] } } });
    const [n1, n2] = cluster.all;

    n1.receive(from(n2, 3).appendEntries(n1, at(1, 1), [1, 3]));

    expect(n1.logTerms).toEqual([1, 1, 3]);
    expect(n1.disk.landed).toHaveLength(1);
    expect(n1.disk.landed[0]).toMatchObject({ truncateFrom: 3, entries: [{ index: 3, term: 3 }] });
    expect(n1.disk.entries.map((entry) => entry.term)).toEqual([1, 1, 3]);
  });

  it.each([
    ['in the entries', at(1, 1), [3]],
    ['where they begin', at(3, 2), [3]],
  ])('trap 12: a conflict at or below the commit index stops the node: %s', (_, prev, terms) => {
    const cluster = new KernelCluster({ stores: { n1: { log: [1, 1, 1], commitIndex: 2 } } });
    const [n1, n2] = cluster.all;

    expect(() => n1.receive(from(n2, 3).appendEntries(n1, prev, terms))).toThrow(InvariantError);
    expect(n1.logTerms).toEqual([1, 1, 1]);
  });

  it('trap 13: a follower commits no further than the append has shown its log to be the leader’s', () => {
    // n1 has a tail of term 1 that the leader of term 2 does not have.
    const cluster = new KernelCluster({ stores: { n1: { log: [1, 1, 1, 1] } } });
    const [n1, n2] = cluster.all;

    n1.receive(from(n2, 2).appendEntries(n1, at(1, 1), [1], 4));
    expect(n1.kernel.commitIndex).toBe(2);

    n1.receive(from(n2, 2).appendEntries(n1, at(1, 2), [], 4));
    expect(n1.kernel.commitIndex).toBe(2);

    n1.receive(from(n2, 2).appendEntries(n1, at(1, 2), [2, 2], 4));
    expect(n1.logTerms).toEqual([1, 1, 2, 2]);
    expect(n1.kernel.commitIndex).toBe(4);
  });

  it('trap 14: a heartbeat carries no commit beyond what its receiver is known to hold', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const [, n2, n3] = cluster.all;
    cluster.partition(['n1', 'n2'], ['n3']);
    n1.propose('a', 'b');
    cluster.deliver();

    cluster.heartbeat('n1');

    expect(lastHeartbeatTo(cluster, n2.id).commit).toBe(3);
    expect(lastHeartbeatTo(cluster, n3.id).commit).toBe(1);
    expect(n1.kernel.commitIndex).toBe(3);
  });

  it('trap 14: a new leader, which knows of no match yet, spreads no commit by heartbeat', () => {
    const cluster = new KernelCluster({ stores: { n1: { log: [1, 1], commitIndex: 2 }, n3: { log: [1] } } });
    const [n1, , n3] = cluster.all;
    cluster.hold((message) => message.kind === 'appendEntries');

    n1.campaign();
    cluster.deliver();

    expect(n1.role).toBe('leader');
    expect(lastHeartbeatTo(cluster, n3.id).commit).toBe(0);
  });

  it.each([
    {
      why: 'the follower lacks entries',
      leader: [1, 1, 1, 1, 1, 1, 1, 1],
      follower: [1, 1],
      probes: 2,
    },
    {
      why: 'the follower has a long tail of an older term',
      leader: [1, 1, 3, 3, 3],
      follower: [1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2],
      probes: 3,
    },
    {
      why: 'both have whole terms that the other has not',
      leader: [1, 1, 1, 4, 4, 4, 4, 4],
      follower: [1, 1, 2, 2, 3, 3, 3, 3, 3],
      probes: 3,
    },
    {
      why: 'the follower has a tail of a later term, whose leader reached nobody else',
      leader: [1, 2, 2, 2, 2, 2, 2, 2, 2, 2],
      follower: [1, 3, 3, 3, 3, 3, 3, 3, 3, 3],
      probes: 2,
    },
    { why: 'the follower has nothing', leader: [1, 2, 3, 4, 5, 6, 7, 8, 9], follower: [], probes: 2 },
  ])('trap 18: the place where the logs meet is found in a few probes, as $why', ({ leader, follower, probes }) => {
    const cluster = new KernelCluster({
      stores: { n1: { log: leader, term: 9 }, n2: { log: leader, term: 9 }, n3: { log: follower, term: 9 } },
    });
    const [n1, , n3] = cluster.all;
    n1.campaign();
    cluster.deliver();
    cluster.heartbeat('n1');

    expect(n3.logTerms).toEqual([...leader, 10]);
    expect(n3.disk.entries.map((entry) => entry.term)).toEqual([...leader, 10]);
    const probesSent = appendsTo(cluster.sent, n3.id).findIndex((append) => append.entries.at(-1)?.term === 10);
    expect(probesSent).toBeGreaterThanOrEqual(0);
    const rejected = cluster.sent.filter(
      (message) => message.kind === 'appendEntriesReply' && message.from === n3.id && !message.accepted,
    );
    expect(rejected.length).toBeLessThanOrEqual(probes);
  });

  it('trap 18: a late rejection never makes the leader forget what a follower holds', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    n1.propose('a', 'b');
    cluster.deliver();
    expect(n1.matchOf(n2)).toBe(3);

    n1.receive(from(n2, 1).rejects(n1, 2, ORIGIN));
    n1.receive(from(n2, 1).rejects(n1, 3, ORIGIN));
    expect(n1.progressOf(n2)).toMatchObject({ state: 'replicate', matchIndex: 3, nextIndex: 4 });

    n1.receive(from(n2, 1).rejects(n1, 9, ORIGIN));
    expect(n1.progressOf(n2)).toMatchObject({ matchIndex: 3, nextIndex: 4 });
  });

  it('trap 18: while probing, only the answer to the probe that is on its way moves it', () => {
    const cluster = new KernelCluster({
      stores: { n1: { log: [1, 1, 1, 1] }, n2: { log: [1, 1, 1] }, n3: { log: [1, 1, 1, 1] } },
    });
    const [n1, n2] = cluster.all;
    cluster.hold((message) => message.kind === 'appendEntries' && message.to === n2.id);
    n1.campaign();
    cluster.deliver();
    const probe = cluster.held.at(-1)!;
    expect(n1.progressOf(n2)).toMatchObject({ state: 'probe', nextIndex: 5 });

    n1.receive(from(n2, 2).rejects(n1, 4, ORIGIN, probe.sequence - 1));
    expect(n1.progressOf(n2).nextIndex).toBe(5);
    n1.receive(from(n2, 2).rejects(n1, 4, at(1, 3), probe.sequence));
    expect(n1.progressOf(n2).nextIndex).toBe(4);
  });

  it('trap 18: a follower is brought up though its answers take longer than a heartbeat interval', () => {
    const log = [1, 1, 1, 1, 1, 1];
    const cluster = new KernelCluster({ stores: { n1: { log }, n2: { log }, n3: { log: [1] } } });
    const [n1, , n3] = cluster.all;
    cluster.hold((message) => message.to === n3.id || message.from === n3.id);
    n1.campaign();
    cluster.deliver();

    // Three heartbeats there and three back, in order.
    const late: Message[][] = [[], [], []];
    for (let beat = 0; beat < 30 && n3.kernel.lastIndex < n1.kernel.lastIndex; beat++) {
      late.push(cluster.held.splice(0));
      for (const message of late.shift()!) (message.to === n3.id ? n3 : n1).receive(message);
      cluster.heartbeat('n1');
    }

    expect(n3.logTerms).toEqual([...log, 2]);
  });

  it.each(['probe', 'answer'])(
    'a follower that holds everything is probed again with the next heartbeat where the %s was lost',
    (lost) => {
      const cluster = new KernelCluster();
      const n1 = cluster.elect('n1');
      const n2 = cluster.node('n2');
      n1.propose('a');
      cluster.deliver();
      cluster.heartbeat('n1');
      n1.connectionClosed(n2);
      if (lost === 'probe') cluster.cut('n1', 'n2');
      else cluster.cut('n2', 'n1');
      n1.connectionOpened(n2);
      cluster.deliver();
      expect(n1.progressOf(n2)).toMatchObject({ state: 'probe', matchIndex: n1.kernel.lastIndex });

      cluster.heal();
      cluster.heartbeat('n1');

      expect(n1.progressOf(n2).state).toBe('replicate');
    },
  );

  it('a probe is not repeated by the answer to a heartbeat that left before it', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.hold((message) => message.kind === 'heartbeatReply' && message.from === n2.id);
    cluster.heartbeat('n1');
    const early = cluster.held.splice(0);
    n1.connectionClosed(n2);
    cluster.hold((message) => message.to === n2.id || message.from === n2.id);
    n1.connectionOpened(n2);
    cluster.deliver();
    const probes = (): number => appendsTo(cluster.sent, n2.id).length;
    const before = probes();

    for (const message of early) n1.receive(message);
    cluster.deliver();

    expect(early).toHaveLength(1);
    expect(probes()).toBe(before);
    expect(n1.progressOf(n2).state).toBe('probe');
  });

  it('an acknowledgement of an earlier term, or of another store, counts for nothing', () => {
    const cluster = new KernelCluster({ stores: { n1: { term: 4 } } });
    const [n1, n2] = cluster.all;
    cluster.elect('n1');
    cluster.partition(['n1'], ['n2', 'n3']);
    n1.propose('a');

    n1.receive(from(n2, 4).accepts(n1, 2));
    n1.receive(from(n2, 5, { incarnation: 'another-store' }).accepts(n1, 2));

    expect(n1.kernel.commitIndex).toBe(1);
  });

  it('an acknowledgement of what the leader never had stops it', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');

    expect(() => n1.receive(from(cluster.node('n2'), 1).accepts(n1, 9))).toThrow(/holds entry 9.*ends at 1/);
  });

  it('a rejection from a later term ends the leadership', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');

    n1.receive(from(cluster.node('n2'), 6).rejects(n1, 1, ORIGIN));

    expect([n1.role, n1.term]).toEqual(['follower', 6]);
  });

  it('what a deposed leader alone had is replaced by what the new one has', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    cluster.partition(['n1'], ['n2', 'n3']);
    n1.propose('lost');
    cluster.tick(4 * ELECTION_TICKS);
    const [name] = cluster.leaders;
    cluster.node(name!).propose('kept');
    cluster.deliver();

    cluster.heal();
    cluster.tick(2 * ELECTION_TICKS);

    for (const node of cluster.nodes) expect(node.commands).toEqual(['kept']);
  });
});

describe('flow control', () => {
  it('trap 20: appends stop where a window is full, but the follower still learns of commits by heartbeat', () => {
    const cluster = new KernelCluster({ maxInflightMessages: 2, maxAppendBytes: 40 });
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.hold((message) => message.kind === 'appendEntriesReply' && message.from === n2.id);
    for (let count = 0; count < 5; count++) n1.propose(`c${count}`);
    cluster.deliver();
    expect(n1.progressOf(n2)).toMatchObject({ state: 'replicate', inflightMessages: 2 });
    expect(n2.kernel.lastIndex).toBe(3);

    cluster.release();
    cluster.heartbeat('n1');
    expect(n2.kernel.lastIndex).toBe(6);
    expect(n2.kernel.commitIndex).toBe(6);
  });

  it('trap 20: a heartbeat says how far a follower may commit, though its window is full', () => {
    const cluster = new KernelCluster({ maxInflightMessages: 2, maxAppendBytes: 40 });
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.hold(
      (message) => message.kind === 'appendEntriesReply' && message.from === n2.id && message.matchIndex > 3,
    );
    for (let count = 0; count < 5; count++) n1.propose(`c${count}`);
    cluster.deliver();
    expect(n1.progressOf(n2)).toMatchObject({ matchIndex: 3, inflightMessages: 2 });

    n1.read(1);

    expect(lastHeartbeatTo(cluster, n2.id).commit).toBe(3);
  });

  it('an append holds at most so many bytes, but at least one entry', () => {
    const cluster = new KernelCluster({ maxAppendBytes: 100 });
    const n1 = cluster.elect('n1');
    const before = cluster.sent.length;

    n1.propose('small', 'small', 'small', 'x'.repeat(1000), 'small');
    cluster.deliver();

    expect(appendsTo(cluster.sent.slice(before), 2).map((append) => append.entries.length)).toEqual([2, 1, 1, 1]);
    expect(n1.kernel.commitIndex).toBe(6);
  });

  it('a window is bounded in bytes too, give or take one append', () => {
    const cluster = new KernelCluster({ maxAppendBytes: 100, maxInflightBytes: 200 });
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.partition(['n1', 'n3'], ['n2']);

    n1.propose(...Array.from({ length: 20 }, () => 'x'.repeat(60)));
    cluster.deliver();

    expect(n1.progressOf(n2).inflightBytes).toBeLessThanOrEqual(200 + 100);
    expect(n1.progressOf(n2).nextIndex).toBeLessThan(6);
  });

  it('appends or answers that were lost are sent again when the follower is heard', () => {
    const cluster = new KernelCluster({ maxInflightMessages: 2 });
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.cut('n1', 'n2');
    for (let count = 0; count < 5; count++) {
      n1.propose(`c${count}`);
      cluster.deliver();
    }
    cluster.heal();

    for (let count = 0; count < 4; count++) cluster.heartbeat('n1');

    expect(n2.commands).toEqual(['c0', 'c1', 'c2', 'c3', 'c4']);
  });

  it('a replica that cannot be reached gets one probe at a time, and all of it when it is back', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    n2.crash();
    n1.connectionClosed(n2);
    const before = cluster.sent.length;
    for (let count = 0; count < 5; count++) {
      n1.propose(`c${count}`);
      cluster.deliver();
    }
    expect(appendsTo(cluster.sent.slice(before), 2)).toHaveLength(1);

    n2.restart();
    n1.connectionOpened(n2);
    cluster.deliver();
    cluster.heartbeat('n1');
    expect(n2.commands).toEqual(['c0', 'c1', 'c2', 'c3', 'c4']);
  });

  it('trap 20: a leader refuses when too much is uncommitted, takes one large entry alone, and again when it is committed', () => {
    const cluster = new KernelCluster({ maxUncommittedBytes: 100 });
    const n1 = cluster.elect('n1');
    cluster.lose();

    expect(n1.propose('x'.repeat(1000)).accepted).toBe(true);
    expect(n1.propose('y')).toEqual({ accepted: false, reason: 'busy' });

    cluster.deliver();
    expect(n1.kernel.uncommittedBytes).toBe(0);
    expect(n1.propose('y').accepted).toBe(true);
  });

  it('trap 20: what counts as uncommitted is computed anew at an election, and the first entry of a term is never refused', () => {
    const cluster = new KernelCluster({ maxUncommittedBytes: 100 });
    const n1 = cluster.elect('n1');
    cluster.partition(['n1'], ['n2', 'n3']);
    n1.propose('x'.repeat(1000));
    cluster.tick(4 * ELECTION_TICKS);
    expect(n1.kernel.uncommittedBytes).toBe(0);
    cluster.heal();
    cluster.tick(2 * ELECTION_TICKS);

    const other = cluster.node(cluster.leaders[0]!);
    expect(other.propose('y').accepted).toBe(true);
    cluster.deliver();
    n1.campaign();
    cluster.wait(2000);
    n1.campaign();
    cluster.deliver();

    expect(n1.role).toBe('leader');
    expect(n1.kernel.uncommittedBytes).toBe(0);
    expect(n1.commands).toEqual(['y']);
  });

  it('trap 20: a new leader counts what it inherits, until that is committed', () => {
    const cluster = new KernelCluster({ maxUncommittedBytes: 100 });
    const [n1, n2] = cluster.all;
    n1.receive(from(n2, 1).appendEntries(n1, ORIGIN, [1, 1, 1, 1, 1]));
    cluster.hold((message) => message.kind === 'appendEntries');
    n1.campaign();
    cluster.deliver();

    expect(n1.kernel.uncommittedBytes).toBeGreaterThan(100);
    expect(n1.propose('x')).toEqual({ accepted: false, reason: 'busy' });

    cluster.release();
    expect([n1.kernel.uncommittedBytes, n1.kernel.commitIndex]).toEqual([0, 6]);
    expect(n1.propose('x').accepted).toBe(true);
  });

  it('a leader refuses when too much is committed and not applied', () => {
    const cluster = new KernelCluster({ maxUnappliedBytes: 100 });
    const n1 = cluster.elect('n1');
    n1.applyHeld = true;
    n1.propose('x'.repeat(90));
    cluster.deliver();

    expect(n1.propose('y')).toEqual({ accepted: false, reason: 'busy' });
    n1.finishApplying();
    expect(n1.propose('y').accepted).toBe(true);
  });

  it('the state machine gets a bounded amount at once', () => {
    const cluster = new KernelCluster({ maxUnappliedBytes: 100 });
    const [n1, n2] = cluster.all;
    n1.applyHeld = true;

    n1.receive(from(n2, 1).appendEntries(n1, ORIGIN, [1, 1, 1, 1, 1, 1], 6));
    expect(n1.toApply.map((entry) => entry.index)).toEqual([1, 2]);

    n1.finishApplying();
    expect(n1.applied.map((entry) => entry.index)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('entries that are no longer in memory', () => {
  // n1 has applied all of its log, so that it loads for others only.
  const stores = { n1: { log: [1, 1, 2, 2], commitIndex: 4 }, n2: { log: [1, 1, 2, 2] }, n3: { log: [1] } };

  it('are asked for from the store: to apply after a restart, and for a follower far behind', () => {
    const cluster = new KernelCluster({ stores });
    const [n1, , n3] = cluster.all;
    expect(n1.commands).toEqual(['1/1', '2/1', '3/2', '4/2']);

    cluster.elect('n1');

    expect(n3.logTerms).toEqual([1, 1, 2, 2, 3]);
    expect(n3.commands).toEqual(['1/1', '2/1', '3/2', '4/2']);
  });

  it('reach a follower only as far as they still are what the leader’s log holds', () => {
    const cluster = new KernelCluster({ stores });
    const [n1, , n3] = cluster.all;
    n1.loadsHeld = true;
    cluster.elect('n1');
    expect(n1.loads).toMatchObject([{ from: 2 }]);

    n1.answerLoad(entriesOf(2, 1, 1));
    cluster.deliver();

    // Entry 2 is the leader's, entry 3 is of a term that it no longer has there.
    expect(n3.logTerms.slice(0, 2)).toEqual([1, 1]);
    expect(n3.logTerms[2]).not.toBe(1);
    n1.loadsHeld = false;
    n1.answerLoad();
    cluster.deliver();
    expect(n3.logTerms).toEqual([1, 1, 2, 2, 3]);
  });

  it('are not sent where the log was cut meanwhile at what they stand on: the follower gets a snapshot', () => {
    const cluster = new KernelCluster({ stores });
    const [n1, , n3] = cluster.all;
    n1.loadsHeld = true;
    cluster.elect('n1');
    expect(n1.loads).toMatchObject([{ from: 2 }]);

    n1.compact(2);
    n1.answerLoad(entriesOf(2, 1, 2, 2));
    cluster.deliver();

    const appends = cluster.sent.filter(({ kind }) => kind === 'appendEntries') as { prev: { term: number } }[];
    expect(appends.filter(({ prev }) => prev.term === undefined)).toEqual([]);
    expect(n3.logTerms).toEqual([1]);
    expect(n3.snapshotWanted).toMatchObject({ required: { index: 2, term: 1 } });
  });

  it('are asked for again where the store could not give them', () => {
    const cluster = new KernelCluster({ stores });
    const [n1, , n3] = cluster.all;
    n1.loadsHeld = true;
    cluster.elect('n1');

    n1.answerLoad([]);
    expect(n1.loads).toHaveLength(1);
    n1.answerLoad();
    cluster.deliver();
    cluster.heartbeat('n1');

    expect(n3.logTerms).toEqual([1, 1, 2, 2, 3]);
  });

  it('stop the node where they are committed and the store gives others, or with a gap', () => {
    const others = new KernelCluster({ stores: { n1: { log: [1, 1], commitIndex: 0 } } });
    const [n1, n2] = others.all;
    n1.loadsHeld = true;
    n1.receive(from(n2, 1).appendEntries(n1, at(1, 2), [], 2));
    expect(n1.loads).toMatchObject([{ from: 1, to: 2 }]);

    expect(() => n1.answerLoad([entriesOf(1, 1)[0]!, entriesOf(3, 1)[0]!])).toThrow(/gap before entry 3/);
    n1.loads.push({ id: 1, from: 1, to: 2, maxBytes: 1000 });
    expect(() => n1.answerLoad(entriesOf(1, 9))).toThrow(/entry 1 of term 9, which was committed with another/);
  });

  it('are dropped from memory within a budget, once they are durable and committed', () => {
    const cluster = new KernelCluster({ logWindowBytes: 200 });
    const n1 = cluster.elect('n1');
    const n3 = cluster.node('n3');
    cluster.partition(['n1', 'n2'], ['n3']);
    for (let count = 0; count < 20; count++) {
      n1.propose(`c${count}`);
      cluster.deliver();
    }
    n1.loadsHeld = true;
    cluster.heal();

    cluster.heartbeat('n1');
    cluster.heartbeat('n1');
    expect(n1.loads).toHaveLength(1);
    n1.loadsHeld = false;
    n1.answerLoad();
    cluster.deliver();
    cluster.heartbeat('n1');

    expect(n3.commands).toHaveLength(20);
  });
});
