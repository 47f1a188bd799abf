import type { Configuration } from '../../../core/base/configuration';
import { encodeConfiguration } from '../../../core/membership/configuration-codec';
import { makeEntry, type Entry } from '../../../core/base/entry';
import { initialConfiguration } from '../../../core/membership/membership';
import type { Message } from '../../../core/base/messages';
import { DEFAULT_GROUP, ORIGIN, type LogId } from '../../../core/base/types';
import type { RaftStatus } from '../../../runtime/status/status';
import type { GroupWrite } from '../../../storage/contract';
import { ClusterOracle } from './cluster-oracle';
import type { ObservedProcess } from '../simulated/observed-process';
import { PathCounts } from '../base/paths';
import { SimulatedDisk } from '../simulated/simulated-disk';
import type { SimulatedEndpoint } from '../simulated/simulated-endpoint';
import { Trace } from '../base/trace';
import { Verdict } from '../base/violation';
import { VirtualTime } from '../base/virtual-time';

const GENESIS = initialConfiguration(
  [1, 2, 3].map((id) => ({ name: `n${id}`, peer: `n${id}:1`, http: '', incarnation: `store ${id}` })),
);
const FOURTH = { id: 4, name: 'n4', peer: 'n4:1', http: '', incarnation: 'store 4' };
/** n4 as a learner that shall get a vote, and the joint configuration that gives it. */
const WITH_FOURTH: Configuration = {
  ...GENESIS,
  members: [...GENESIS.members, FOURTH],
  learners: [4],
  nextReplicaId: 5,
  target: { voters: [1, 2, 3, 4], learners: [], catchUpTimeoutMs: 1000, deadlineMs: null, endsMs: null },
  added: [4],
};
const JOINT: Configuration = {
  ...WITH_FOURTH,
  learners: [],
  voters: [1, 2, 3, 4],
  outgoing: [1, 2, 3],
  autoLeave: true,
  target: null,
};
/** n1 has the only vote; and the joint configuration that gives n2 one. */
const ONE_VOTER: Configuration = { ...GENESIS, voters: [1], learners: [2, 3] };
const SECOND_JOINS: Configuration = { ...ONE_VOTER, voters: [1, 2], outgoing: [1], learners: [3], autoLeave: true };
const WITHOUT_THIRD: Configuration = { ...GENESIS, members: GENESIS.members.slice(0, 2), voters: [1, 2] };
/** The joint configurations on the way there from the founders' one. */
const TO_ONE_VOTER: Configuration = {
  ...GENESIS,
  voters: [1],
  outgoing: [1, 2, 3],
  learnersNext: [2, 3],
  autoLeave: true,
};
const THIRD_LEAVES: Configuration = { ...GENESIS, voters: [1, 2], outgoing: [1, 2, 3], autoLeave: true };

const entry = (index: number, term: number, text = ''): Entry =>
  makeEntry(index, term, { kind: 'command', schemaVersion: 0, data: new TextEncoder().encode(text) });
const noop = (index: number, term: number): Entry =>
  makeEntry(index, term, { kind: 'noop', schemaVersion: 0, data: new Uint8Array(0) });
const configured = (index: number, term: number, configuration: Configuration): Entry =>
  makeEntry(index, term, { kind: 'configuration', schemaVersion: 0, data: encodeConfiguration(configuration) });

/** Disks that a story writes, as nodes would, under the eyes of an oracle. */
class WatchedCluster {
  readonly oracle: ClusterOracle;
  readonly lives: ObservedProcess[] = [];

  constructor() {
    const time = new VirtualTime();
    const world = { time, paths: new PathCounts(), trace: new Trace(time), verdict: new Verdict() };
    this.oracle = new ClusterOracle(world, () => undefined);
    for (const id of [1, 2, 3]) this.found(id);
  }

  /** A node with an empty disk is founded as this replica. */
  found(id: number, name = `n${id}`): ObservedProcess {
    const disk = new SimulatedDisk(name, this.oracle);
    disk.incarnation = `store of ${name}`;
    const life = this.oracle.begin(`${name}.1`, disk, false, () => false);
    this.lives[id - 1] = life;
    const configuration = { index: 0, configuration: GENESIS };
    const identity = { clusterId: 'c', replicaId: id };
    this.land(id, { hardState: { term: 0, votedFor: 0 }, configuration, identity });
    return life;
  }

  life(id: number): ObservedProcess {
    return this.lives[id - 1]!;
  }

  land(id: number, write: Partial<GroupWrite>): void {
    const { disk } = this.life(id);
    const before = disk.groups.get(DEFAULT_GROUP);
    const number = (before?.lastBatch ?? 0) + 1;
    const whole = { group: DEFAULT_GROUP, number, commitIndex: before?.commitIndex ?? 0, entries: [], ...write };
    disk.land([whole], disk.epoch);
  }

  /** n1 leads this term by the vote of n2. */
  elect(term: number): void {
    this.land(1, { hardState: { term, votedFor: 1 } });
    this.land(2, { hardState: { term, votedFor: 1 } });
  }

  /** These entries are on all founders' disks, and n1's says that they are committed. */
  commit(...entries: readonly Entry[]): void {
    const before = entries[0]!.index - 1;
    this.land(3, { entries, commitIndex: before });
    this.land(2, { entries, commitIndex: before });
    this.land(1, { entries, commitIndex: entries.at(-1)!.index });
  }

  send(id: number, message: Pick<Message, 'kind' | 'term'>): void {
    const header = { clusterId: 'c', groupId: DEFAULT_GROUP, from: id, to: 2, incarnation: `store ${id}`, sequence: 1 };
    const transport = { process: { label: this.life(id).label } } as SimulatedEndpoint;
    this.oracle.sent(transport, { ...header, ...message } as Message);
  }

  says(id: number, status: Partial<RaftStatus>): void {
    const quiet = { term: 1, role: 'follower', commitIndex: 0, appliedIndex: 0, lastIndex: 0, replicaId: id };
    this.oracle.status(this.life(id), { ...quiet, install: null, ...status } as RaftStatus);
  }
}

const at = (term: number, index: number): LogId => ({ term, index });
const appends = (term: number, prev: LogId, leaderCommit: number) =>
  ({ kind: 'appendEntries', term, prev, entries: [], leaderCommit, acknowledged: 0 }) as const;
const campaigns = (term: number, lastLog: LogId, leadershipTransfer: boolean) =>
  ({ kind: 'requestVote', term, lastLog, commit: ORIGIN, leadershipTransfer }) as const;

describe('a membership', () => {
  it('is what was committed as such, on each disk and in each snapshot', () => {
    const cluster = new WatchedCluster();
    cluster.elect(1);
    cluster.land(3, { hardState: { term: 1, votedFor: 0 } });
    cluster.commit(configured(1, 1, THIRD_LEAVES));
    cluster.commit(configured(2, 1, WITHOUT_THIRD));
    const right = { index: 2, configuration: WITHOUT_THIRD };
    const wrong = { index: 2, configuration: GENESIS };
    const snapshotWith = (configuration: typeof right) => () =>
      cluster.oracle.storingSnapshot(cluster.life(1), { format: 1, last: at(1, 2), configuration });

    expect(() => cluster.land(1, { commitIndex: 2, configuration: right })).not.toThrow();
    expect(() => cluster.land(2, { commitIndex: 2, configuration: wrong })).toThrow('membership is what was committed');
    expect(snapshotWith(right)).not.toThrow();
    expect(snapshotWith(wrong)).toThrow('membership is what was committed');
  });

  it('gives a vote only to a replica that has what the change began with', () => {
    const change = (caughtUp: boolean, applied = caughtUp ? 1 : 0) => {
      const cluster = new WatchedCluster();
      cluster.elect(1);
      cluster.land(3, { hardState: { term: 1, votedFor: 0 } });
      cluster.commit(configured(1, 1, WITH_FOURTH));
      cluster.found(4);
      if (caughtUp) cluster.land(4, { hardState: { term: 1, votedFor: 0 }, entries: [configured(1, 1, WITH_FOURTH)] });
      if (caughtUp) cluster.oracle.appliedTo(cluster.life(4), applied);
      cluster.commit(configured(2, 1, JOINT));
    };
    expect(() => change(true)).not.toThrow();
    expect(() => change(true, 0)).toThrow('a vote is given only to who has applied what its change began with');
    expect(() => change(false)).toThrow('a vote is given only to who has caught up');
  });

  it('gives and takes votes through a joint configuration only, which is left to one of its halves', () => {
    const walk = (...steps: readonly Configuration[]) => {
      const cluster = new WatchedCluster();
      cluster.elect(1);
      cluster.land(3, { hardState: { term: 1, votedFor: 0 } });
      steps.forEach((step, position) => cluster.commit(configured(position + 1, 1, step)));
    };
    expect(() => walk(THIRD_LEAVES, WITHOUT_THIRD)).not.toThrow();
    expect(() => walk(THIRD_LEAVES, GENESIS)).not.toThrow();
    expect(() => walk(WITHOUT_THIRD)).toThrow('votes change through a joint configuration only');
    expect(() => walk(THIRD_LEAVES, ONE_VOTER)).toThrow('votes change through a joint configuration only');
    expect(() => walk({ ...THIRD_LEAVES, outgoing: [2, 3] })).toThrow(
      'votes change through a joint configuration only',
    );
  });

  it('has each replica id on one store, for good', () => {
    const cluster = new WatchedCluster();
    expect(() => cluster.found(3, 'another machine')).toThrow('a replica id is bound to one store');
  });

  it('is left by those that were removed, and by no others', () => {
    const cluster = new WatchedCluster();
    cluster.elect(1);
    cluster.land(3, { hardState: { term: 1, votedFor: 0 } });
    cluster.commit(configured(1, 1, THIRD_LEAVES));
    cluster.commit(configured(2, 1, WITHOUT_THIRD));
    const says = (id: number) => () => cluster.oracle.saysRemoved(cluster.life(id), { replicaId: id } as RaftStatus);
    expect(says(3)).not.toThrow();
    expect(says(2)).toThrow('only what was removed says so');
  });

  it('has no place for a disk that was wiped', () => {
    const cluster = new WatchedCluster();
    const { disk } = cluster.life(2);
    cluster.land(2, { hardState: { term: 1, votedFor: 2 } });
    expect(() => cluster.send(2, campaigns(1, ORIGIN, false))).not.toThrow();
    cluster.lives[1] = cluster.oracle.begin('n2.2', disk, true, () => false);
    expect(() => cluster.send(2, campaigns(1, ORIGIN, false))).toThrow('a wiped node takes no part');
  });
});

describe('a leader', () => {
  it('is the only one of its term', () => {
    const cluster = new WatchedCluster();
    cluster.elect(1);
    cluster.says(1, { role: 'leader' });
    cluster.says(1, { role: 'leader' });
    cluster.land(3, { hardState: { term: 1, votedFor: 3 } });
    expect(() => cluster.says(3, { role: 'leader' })).toThrow('election safety');
  });

  it('is none yet before its election is written, though the only voter takes itself for one', () => {
    const cluster = new WatchedCluster();
    cluster.says(3, { role: 'leader' });
    cluster.elect(1);
    expect(() => cluster.says(1, { role: 'leader' })).not.toThrow();
    expect(() => cluster.says(3, { role: 'leader' })).not.toThrow();
  });

  it('needs the votes of the membership in which it was elected, though it may have changed that before it is heard of', () => {
    const elected = (writesItsVote: boolean) => {
      const cluster = new WatchedCluster();
      cluster.elect(1);
      cluster.land(3, { hardState: { term: 1, votedFor: 0 } });
      cluster.commit(configured(1, 1, TO_ONE_VOTER));
      cluster.commit(configured(2, 1, ONE_VOTER));
      cluster.oracle.appliedTo(cluster.life(2), 2);
      cluster.land(1, { configuration: { index: 2, configuration: ONE_VOTER } });
      const vote = { hardState: { term: 2, votedFor: 1 } };
      if (writesItsVote) cluster.land(1, vote);
      cluster.land(1, { entries: [configured(3, 2, SECOND_JOINS)], ...(!writesItsVote && vote) });
      cluster.land(1, { commitIndex: 3, configuration: { index: 3, configuration: SECOND_JOINS } });
      cluster.land(1, { entries: [noop(4, 2)] });
      cluster.send(1, { kind: 'heartbeat', term: 2, leaderCommit: 3 } as Message);
    };
    expect(() => elected(true)).not.toThrow();
    expect(() => elected(false)).not.toThrow();
  });

  it('commits by counting only where its own term’s entry is the last one', () => {
    const tell = (last: Entry) => {
      const cluster = new WatchedCluster();
      for (const id of [1, 2, 3]) cluster.land(id, { hardState: { term: 1, votedFor: 0 }, entries: [entry(1, 1)] });
      cluster.elect(2);
      cluster.land(3, { hardState: { term: 2, votedFor: 0 } });
      if (last.index === 2) cluster.land(1, { entries: [last] });
      cluster.send(1, appends(2, at(last.term, last.index), last.index));
    };
    expect(() => tell(noop(2, 2))).not.toThrow();
    expect(() => tell(entry(1, 1))).toThrow("only entries of the leader's term are committed by counting");
  });

  it('tells in a later term what it committed before it was unseated', () => {
    const tell = (committed: number) => {
      const cluster = new WatchedCluster();
      cluster.elect(1);
      for (const id of [2, 1]) cluster.land(id, { entries: [entry(1, 1)] });
      cluster.land(1, { hardState: { term: 5, votedFor: 0 }, commitIndex: committed });
      cluster.elect(6);
      cluster.send(1, { kind: 'heartbeat', term: 6, leaderCommit: 1 } as Message);
    };
    expect(() => tell(1)).not.toThrow();
    expect(() => tell(0)).toThrow("only entries of the leader's term are committed by counting");
  });

  it('is unseated without regard to its lease only by whom it told to campaign', () => {
    const campaign = (isTold: boolean) => {
      const cluster = new WatchedCluster();
      cluster.elect(1);
      if (isTold) cluster.send(1, { kind: 'timeoutNow', term: 1 });
      cluster.land(2, { hardState: { term: 2, votedFor: 2 } });
      cluster.send(2, campaigns(2, ORIGIN, true));
    };
    expect(() => campaign(true)).not.toThrow();
    expect(() => campaign(false)).toThrow('only who was told by the leader of the term before unseats a leader');
  });

  it('hears of a match only what its follower’s log has in common with its own', () => {
    const acknowledge = (others: Entry) => {
      const cluster = new WatchedCluster();
      cluster.elect(2);
      cluster.land(1, { entries: [entry(1, 2)] });
      cluster.says(1, { role: 'leader', term: 2 });
      cluster.land(2, { entries: [others] });
      const accepted = { accepted: true, matchIndex: 1, rejectedIndex: 0, hint: ORIGIN } as const;
      cluster.send(2, { kind: 'appendEntriesReply', term: 2, ...accepted });
    };
    expect(() => acknowledge(entry(1, 2))).not.toThrow();
    expect(() => acknowledge(entry(1, 1))).toThrow('an acknowledgement is true');
  });
});

describe('what a node does', () => {
  it('never goes back: neither its term, nor its commit index', () => {
    const cluster = new WatchedCluster();
    cluster.land(1, { hardState: { term: 3, votedFor: 1 } });
    cluster.send(1, campaigns(3, ORIGIN, false));
    cluster.says(1, { term: 3, commitIndex: 0 });
    expect(() => cluster.says(1, { term: 2 })).toThrow('terms never go back');
    expect(() => cluster.send(1, appends(2, ORIGIN, 0))).toThrow('terms never go back');

    const other = new WatchedCluster();
    other.says(2, { commitIndex: 5, lastIndex: 5, durableIndex: 5, appliedIndex: 5, firstIndex: 1 });
    expect(() => other.says(2, { commitIndex: 4, lastIndex: 5, durableIndex: 5, appliedIndex: 4 })).toThrow(
      'the commit index never goes back',
    );
  });

  it('applies entry after entry, each of them durable on its own disk', () => {
    const cluster = new WatchedCluster();
    cluster.elect(1);
    cluster.land(3, { hardState: { term: 1, votedFor: 0 } });
    cluster.commit(entry(1, 1), entry(2, 1), entry(3, 1));
    const apply = (...entries: readonly Entry[]) => cluster.oracle.applying(cluster.life(1), entries);

    apply(entry(1, 1));
    expect(() => apply(entry(3, 1))).toThrow('entries are applied in order');
    apply(entry(2, 1), entry(3, 1));
    expect(() => apply(entry(4, 1))).toThrow('what is applied is durable here');
  });

  it('takes snapshots, and restores them, of what was committed, and never an older state', () => {
    const cluster = new WatchedCluster();
    cluster.elect(1);
    cluster.land(3, { hardState: { term: 1, votedFor: 0 } });
    cluster.commit(entry(1, 1), entry(2, 1));
    const genesis = { index: 0, configuration: GENESIS };
    const take = (last: LogId) => () =>
      cluster.oracle.storingSnapshot(cluster.life(1), { format: 1, last, configuration: genesis });
    const restore = (last: LogId) => () => cluster.oracle.restored(cluster.life(1), last);

    expect(take(at(1, 2))).not.toThrow();
    expect(take(at(1, 3))).toThrow('a snapshot is of what was committed');
    expect(restore(at(1, 2))).not.toThrow();
    expect(restore(at(1, 1))).toThrow('a snapshot never takes a state back');
    expect(restore(at(1, 3))).toThrow('a snapshot is of what was committed');
  });

  it('writes with its entries how far they are committed', () => {
    const cluster = new WatchedCluster();
    const persist = (commitIndex: number) => () => {
      const write = { group: DEFAULT_GROUP, number: 2, commitIndex, entries: [entry(1, 1), entry(2, 1)] };
      cluster.oracle.persisting(cluster.life(1), write, { phase: 'running', commitIndex: 9 } as RaftStatus);
    };
    expect(persist(2)).not.toThrow();
    expect(persist(1)).toThrow('the commit index is written with the entries');
  });
});
