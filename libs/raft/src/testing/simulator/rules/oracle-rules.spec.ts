import type { Configuration } from '../../../core/base/configuration';
import { makeEntry, type Entry } from '../../../core/base/entry';
import type { Message } from '../../../core/base/messages';
import { DEFAULT_GROUP } from '../../../core/base/types';
import type { RaftStatus } from '../../../runtime/status/status';
import type { GroupWrite } from '../../../storage/contract';
import { CommitLedger } from './commit-ledger';
import { checkPendingConfigurations, checkWrite } from './disk-rules';
import { checkCandidate, checkElected, checkSuccessor, configurationsOf } from './election-rules';
import { EntryRegistry } from './entry-registry';
import { checkDurableBeforeSent } from './message-rules';
import type { DiskGroup } from '../simulated/simulated-disk';
import { checkStatus } from './status-rules';
import { Verdict } from '../base/violation';

const CONFIGURATION: Configuration = {
  members: [],
  voters: [1, 2, 3],
  outgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
  target: null,
  added: [],
  nextReplicaId: 4,
};

function entry(index: number, term: number, text = ''): Entry {
  return makeEntry(index, term, { kind: 'command', schemaVersion: 0, data: new TextEncoder().encode(text) });
}

function disk(terms: readonly number[], changes: Partial<DiskGroup> = {}): DiskGroup {
  return {
    identity: { clusterId: 'c', replicaId: 1 },
    hardState: { term: terms.at(-1) ?? 0, votedFor: 0 },
    commitIndex: 0,
    lastBatch: 5,
    origin: { term: 0, index: 0 },
    entries: terms.map((term, at) => entry(at + 1, term)),
    configuration: { index: 0, configuration: CONFIGURATION },
    ...changes,
  };
}

function write(changes: Partial<GroupWrite>): GroupWrite {
  return { group: DEFAULT_GROUP, number: 6, commitIndex: 0, entries: [], ...changes };
}

describe('the rules of a disk', () => {
  const check = (changes: Partial<GroupWrite>, before: DiskGroup) =>
    checkWrite(new Verdict(), 'n1', write(changes), before);

  it('let a log grow, be cut behind its commit, and a term rise with its vote', () => {
    expect(() => check({ entries: [entry(3, 2)], commitIndex: 3 }, disk([1, 2]))).not.toThrow();
    expect(() =>
      check({ truncateFrom: 2, entries: [entry(2, 2)] }, disk([1, 1], { hardState: { term: 2, votedFor: 0 } })),
    ).not.toThrow();
    expect(() => check({ hardState: { term: 3, votedFor: 2 } }, disk([1]))).not.toThrow();
  });

  it.each<[string, Partial<GroupWrite>, DiskGroup]>([
    ['the durable commit index never goes back', { commitIndex: 1 }, disk([1, 1], { commitIndex: 2 })],
    ['the durable term never goes back', { hardState: { term: 1, votedFor: 0 } }, disk([2])],
    ['one vote in a term', { hardState: { term: 2, votedFor: 3 } }, disk([2], { hardState: { term: 2, votedFor: 1 } })],
    ['what is committed is never cut off', { truncateFrom: 2, commitIndex: 2 }, disk([1, 1], { commitIndex: 2 })],
    ['a log has no gap', { entries: [entry(4, 1)] }, disk([1, 1])],
    ['terms never fall along a log', { entries: [entry(3, 1)] }, disk([1, 2])],
    ['the durable commit index is within the log', { commitIndex: 3 }, disk([1, 1])],
    ['no entry is durable before the term that made it', { entries: [entry(2, 2)] }, disk([1])],
    ['a group gets its identity once', { identity: { clusterId: 'c', replicaId: 1 } }, disk([1])],
  ])('%s', (rule, changes, before) => {
    expect(() => check(changes, before)).toThrow(rule);
  });

  it.each<[string, Partial<GroupWrite>]>([
    ['with a number of later on', { number: 2, identity: { clusterId: 'c', replicaId: 1 } }],
    ['without an identity', { number: 1 }],
  ])('refuse a group that begins %s', (_, changes) => {
    expect(() => checkWrite(new Verdict(), 'n1', write(changes), undefined)).toThrow('begins with its identity');
  });
});

describe('the ledger of what is committed', () => {
  function ledgerOf(logs: Readonly<Record<number, DiskGroup>>) {
    return new CommitLedger(
      new Verdict(),
      (replica) => logs[replica],
      () => undefined,
    );
  }

  it('takes what a majority holds, and refuses what one of three holds', () => {
    const ledger = ledgerOf({ 1: disk([1, 1]), 2: disk([1]), 3: disk([]) });
    ledger.commit(entry(1, 1), 1, CONFIGURATION, 'n1');
    expect(() => ledger.commit(entry(2, 1), 1, CONFIGURATION, 'n1')).toThrow('a quorum holds what is committed');
    expect(() => ledger.commit(entry(3, 1), 1, CONFIGURATION, 'n1')).toThrow('entries are committed in order');
  });

  it('refuses another entry at an index that is committed', () => {
    const ledger = ledgerOf({ 1: disk([1]), 2: disk([1]) });
    ledger.commit(entry(1, 1), 1, CONFIGURATION, 'n1');
    expect(() => ledger.commit(entry(1, 2), 2, CONFIGURATION, 'n3')).toThrow('committed entries never change');
    expect(() => ledger.commit(entry(1, 1, 'other'), 1, CONFIGURATION, 'n3')).toThrow('committed entries never change');
  });

  it('refuses a later leader that lacks what is committed, and lets an earlier one be', () => {
    const ledger = ledgerOf({ 1: disk([1]), 2: disk([1]) });
    ledger.commit(entry(1, 1), 2, CONFIGURATION, 'n1');
    expect(() => ledger.checkLeader(disk([]), 3, 'n3')).toThrow('leader completeness');
    expect(() => ledger.checkLeader(disk([]), 2, 'n3')).not.toThrow();
    expect(() => ledger.checkLeader(disk([1, 3]), 3, 'n1')).not.toThrow();
  });

  it('refuses to cut what is committed from a disk that holds it, and not from one that holds something else', () => {
    const ledger = ledgerOf({ 1: disk([2]), 2: disk([2]) });
    ledger.commit(entry(1, 2), 2, CONFIGURATION, 'n1');
    expect(() => ledger.checkTruncation(disk([2]), 1, 'n1')).toThrow('committed entries are never cut off');
    expect(() => ledger.checkTruncation(disk([1]), 1, 'n3')).not.toThrow();
  });
});

describe('the register of all entries', () => {
  it('refuses two entries at one index in one term, and one entry on two different ones', () => {
    const registry = new EntryRegistry(new Verdict());
    const where = () => 'here';
    registry.see({ index: 1, term: 1 }, [entry(2, 2), entry(3, 2)], where);
    registry.see({ index: 2, term: 2 }, [entry(3, 2)], where);
    registry.see({ index: 2, term: 1 }, [entry(3, 3)], where);
    expect(() => registry.see({ index: 1, term: 1 }, [entry(2, 2, 'other')], where)).toThrow('log matching');
    expect(() => registry.see({ index: 2, term: 1 }, [entry(3, 2)], where)).toThrow('log matching');
    expect(() => registry.see({ index: 3, term: 4 }, [entry(4, 3)], where)).toThrow('terms never fall along a log');
  });
});

describe('what is durable before it is said', () => {
  const header = { clusterId: 'c', groupId: DEFAULT_GROUP, from: 1, to: 2, incarnation: 'i', term: 3, sequence: 1 };
  const id = { term: 3, index: 2 };
  const check = (message: Message, hardState: DiskGroup['hardState'], terms: readonly number[] = [1, 3]) =>
    checkDurableBeforeSent(new Verdict(), 'n1', message, disk(terms, { hardState }));

  it.each<[string, Message, DiskGroup['hardState'], readonly number[]]>([
    [
      'a request for votes whose vote for itself is not written',
      { ...header, kind: 'requestVote', lastLog: id, commit: id, leadershipTransfer: false },
      { term: 2, votedFor: 0 },
      [1, 3],
    ],
    [
      'a pre-vote for a log whose end is not written',
      { ...header, kind: 'preVote', lastLog: id, commit: id },
      { term: 2, votedFor: 0 },
      [1],
    ],
    [
      'a vote that is not written',
      { ...header, kind: 'requestVoteReply', granted: true, commit: id },
      { term: 3, votedFor: 3 },
      [1, 3],
    ],
    [
      'an acknowledgement of entries that are not written',
      { ...header, kind: 'appendEntriesReply', accepted: true, matchIndex: 3, rejectedIndex: 0, hint: id },
      { term: 3, votedFor: 0 },
      [1, 3],
    ],
    [
      'a rejection in a term that is not written',
      { ...header, kind: 'appendEntriesReply', accepted: false, matchIndex: 0, rejectedIndex: 3, hint: id },
      { term: 2, votedFor: 0 },
      [1, 2],
    ],
    [
      'a leader’s word by a vote for itself that is not written',
      { ...header, kind: 'timeoutNow' },
      { term: 3, votedFor: 0 },
      [1, 3],
    ],
    [
      'an answer in a term that is not written',
      { ...header, kind: 'timeoutNowReply', accepted: true },
      { term: 2, votedFor: 0 },
      [1, 2],
    ],
    [
      'that a snapshot is here, where the log ends before it',
      { ...header, kind: 'installSnapshotReply', matchIndex: 3 },
      { term: 3, votedFor: 0 },
      [1, 3],
    ],
  ])('refuses %s', (_, message, hardState, terms) => {
    expect(() => check(message, hardState, terms)).toThrow('durable before it is said');
  });

  it('refuses whatever comes from a node without a store', () => {
    const message: Message = { ...header, kind: 'preVote', lastLog: id, commit: id };
    expect(() => checkDurableBeforeSent(new Verdict(), 'n1', message, undefined)).toThrow('who has no store');
  });

  it('lets the same messages go once their write has landed, and when a later term has', () => {
    const vote: Message = { ...header, kind: 'requestVoteReply', granted: true, commit: id };
    expect(() => check(vote, { term: 3, votedFor: 2 })).not.toThrow();
    expect(() => check(vote, { term: 4, votedFor: 0 })).not.toThrow();
  });
});

describe('who may lead', () => {
  const elected = (logs: Readonly<Record<number, DiskGroup>>, configuration = CONFIGURATION) =>
    checkElected(new Verdict(), 'n1', 3, 1, [configuration], (replica) => logs[replica]);
  const voter = (term: number, votedFor: number) => disk([1], { hardState: { term, votedFor } });

  it('is who has the votes of a majority; one in a later term may have given its vote before', () => {
    expect(() => elected({ 1: voter(3, 1), 2: voter(3, 1) })).not.toThrow();
    expect(() => elected({ 1: voter(3, 1), 2: voter(4, 2) })).not.toThrow();
    expect(() => elected({ 1: voter(3, 1), 2: voter(3, 3), 3: voter(2, 0) })).toThrow('elected by a quorum of members');
  });

  it('is nobody who needs the vote of a replica that was removed', () => {
    const logs = { 1: voter(3, 1), 2: voter(3, 2), 4: voter(3, 1) };
    expect(() => elected(logs, { ...CONFIGURATION, voters: [1, 2], nextReplicaId: 5 })).toThrow('a quorum of members');
  });

  it('needs both halves of a joint configuration', () => {
    const joint = { ...CONFIGURATION, voters: [1, 4, 5], outgoing: [1, 2, 3], nextReplicaId: 6 };
    expect(() => elected({ 1: voter(3, 1), 4: voter(3, 1) }, joint)).toThrow('a quorum of members');
    expect(() => elected({ 1: voter(3, 1), 4: voter(3, 1), 2: voter(3, 1) }, joint)).not.toThrow();
  });

  it('is no learner: it may not even ask', () => {
    const learner = { ...CONFIGURATION, voters: [1, 2], learners: [3] };
    expect(() => checkCandidate(new Verdict(), 'n3', 3, [learner])).toThrow('only a voter campaigns');
    expect(() => checkCandidate(new Verdict(), 'n2', 2, [learner])).not.toThrow();
  });

  it('is told to campaign at once only with all of the log, and as a voter', () => {
    const told = (successor: number, log: DiskGroup | undefined) =>
      checkSuccessor(new Verdict(), 'n1', successor, disk([1, 1]), log, [CONFIGURATION]);
    expect(() => told(2, disk([1, 1]))).not.toThrow();
    expect(() => told(2, disk([1]))).toThrow('a successor has all of the log');
    expect(() => told(9, disk([1, 1]))).toThrow('goes to a voter');
  });
});

describe('the configurations on a disk', () => {
  it('begin with that of the snapshot behind which the log was cut, where that is newer than what was written beside it', () => {
    const next = { ...CONFIGURATION, voters: [1, 2] };
    const committed = (index: number) => ({
      index: index >= 3 ? 3 : 0,
      configuration: index >= 3 ? next : CONFIGURATION,
    });
    expect(configurationsOf(disk([1]), committed)).toEqual([CONFIGURATION]);
    expect(configurationsOf(disk([], { origin: { index: 3, term: 1 } }), committed)).toEqual([next]);
    const newer = { index: 4, configuration: CONFIGURATION };
    const written = disk([], { origin: { index: 3, term: 1 }, configuration: newer });
    expect(configurationsOf(written, committed)).toEqual([CONFIGURATION]);
  });

  const configured = (index: number): Entry =>
    makeEntry(index, 1, { kind: 'configuration', schemaVersion: 0, data: new Uint8Array(0) });

  it('are at most one above the commit index', () => {
    const entries = [configured(1), configured(2)];
    const check = (commitIndex: number) =>
      checkPendingConfigurations(new Verdict(), 'n1', disk([], { entries, commitIndex }));
    expect(() => check(1)).not.toThrow();
    expect(() => check(0)).toThrow('at most one configuration is unapplied');
  });
});

describe('what a node says of itself', () => {
  const says = (changes: Partial<RaftStatus>) => {
    const status: Partial<RaftStatus> = {
      snapshot: { index: 2, term: 1, chunks: 1, sizeBytes: 1 },
      firstIndex: 3,
      appliedIndex: 3,
      commitIndex: 4,
      durableIndex: 5,
      lastIndex: 5,
      install: null,
    };
    checkStatus(new Verdict(), 'n1', { ...status, ...changes } as RaftStatus);
  };

  it('holds together: snapshot ≤ applied ≤ committed ≤ last', () => {
    expect(() => says({})).not.toThrow();
  });

  it.each<[string, Partial<RaftStatus>]>([
    ['only what is committed is applied', { appliedIndex: 5 }],
    ['only what is in the log is committed', { commitIndex: 6 }],
    ['only what is in the log is durable', { durableIndex: 6 }],
    ['a snapshot is of what is applied', { snapshot: { index: 4, term: 1, chunks: 1, sizeBytes: 1 } }],
    ['a log is cut only behind what is applied', { firstIndex: 5 }],
  ])('%s', (rule, changes) => expect(() => says(changes)).toThrow(rule));
});
