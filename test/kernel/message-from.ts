import {
  DEFAULT_GROUP,
  makeEntry,
  ORIGIN,
  type AppendEntries,
  type AppendEntriesReply,
  type Entry,
  type Heartbeat,
  type HeartbeatReply,
  type TimeoutNow,
  type TimeoutNowReply,
  type LogId,
  type MessageHeader,
  type PreVote,
  type PreVoteReply,
  type RequestVote,
  type RequestVoteReply,
} from '../../libs/raft/src/core';
import type { KernelNode } from './kernel-node';

/** `at(2, 5)` is the position of entry 5, of term 2. */
export const at = (term: number, index: number): LogId => ({ term, index });

/** Entries of the given terms, the first at `firstIndex`: the same bytes wherever the log id is the same. */
export function entriesOf(firstIndex: number, ...terms: number[]): Entry[] {
  return terms.map((term, position) =>
    makeEntry(firstIndex + position, term, {
      kind: 'command',
      schemaVersion: 1,
      data: new TextEncoder().encode(`${firstIndex + position}/${term}`),
    }),
  );
}

/** Makes what a peer could say, for stories that need that peer to say just this. */
export class MessageFrom {
  constructor(
    readonly sender: KernelNode,
    readonly term: number,
    readonly header: Partial<MessageHeader> = {},
  ) {}

  preVote(to: KernelNode, lastLog: LogId, commit = ORIGIN): PreVote {
    return { ...this.headerTo(to), kind: 'preVote', lastLog, commit };
  }

  preVoteReply(to: KernelNode, granted: boolean, commit = ORIGIN): PreVoteReply {
    return { ...this.headerTo(to), kind: 'preVoteReply', granted, commit };
  }

  requestVote(to: KernelNode, lastLog: LogId, { commit = ORIGIN, leadershipTransfer = false } = {}): RequestVote {
    return { ...this.headerTo(to), kind: 'requestVote', lastLog, commit, leadershipTransfer };
  }

  requestVoteReply(to: KernelNode, granted: boolean, commit = ORIGIN): RequestVoteReply {
    return { ...this.headerTo(to), kind: 'requestVoteReply', granted, commit };
  }

  appendEntries(
    to: KernelNode,
    prev: LogId,
    terms: readonly number[] | readonly Entry[],
    commit = 0,
    acknowledged = 0,
  ): AppendEntries {
    const entries = terms.map((item, position) =>
      typeof item === 'number' ? entriesOf(prev.index + 1 + position, item)[0]! : item,
    );
    return { ...this.headerTo(to), kind: 'appendEntries', prev, entries, leaderCommit: commit, acknowledged };
  }

  accepts(to: KernelNode, matchIndex: number, sequence = 0): AppendEntriesReply {
    return {
      ...this.headerTo(to, sequence),
      kind: 'appendEntriesReply',
      accepted: true,
      matchIndex,
      rejectedIndex: 0,
      hint: ORIGIN,
    };
  }

  rejects(to: KernelNode, rejectedIndex: number, hint: LogId, sequence = 0): AppendEntriesReply {
    return {
      ...this.headerTo(to, sequence),
      kind: 'appendEntriesReply',
      accepted: false,
      matchIndex: 0,
      rejectedIndex,
      hint,
    };
  }

  heartbeat(to: KernelNode, commit = 0, round = 1): Heartbeat {
    return {
      ...this.headerTo(to),
      kind: 'heartbeat',
      commit,
      round,
      sentAtMs: 0,
      leaderCommit: commit,
      echoMs: -1,
      quorumAgeMs: -1,
    };
  }

  heartbeatReply(to: KernelNode, round: number, sentAtMs = 0, appliedIndex = 0): HeartbeatReply {
    const base = { ...this.headerTo(to), kind: 'heartbeatReply' as const, round, sentAtMs };
    return { ...base, repliedAtMs: 0, storeStalls: false, appliedIndex };
  }

  timeoutNow(to: KernelNode): TimeoutNow {
    return { ...this.headerTo(to), kind: 'timeoutNow' };
  }

  timeoutNowReply(to: KernelNode, accepted: boolean): TimeoutNowReply {
    return { ...this.headerTo(to), kind: 'timeoutNowReply', accepted };
  }

  private headerTo(to: KernelNode, sequence = 1): MessageHeader {
    return {
      clusterId: 'kernel-tests',
      groupId: DEFAULT_GROUP,
      from: this.sender.id,
      to: to.id,
      incarnation: `store-of-${this.sender.name}`,
      term: this.term,
      sequence,
      ...this.header,
    };
  }
}

/** What `sender` could say in `term`. */
export function from(sender: KernelNode, term: number, header: Partial<MessageHeader> = {}): MessageFrom {
  return new MessageFrom(sender, term, header);
}
