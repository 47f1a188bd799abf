import type { Entry } from './entry';
import type { GroupId, LogId, ReplicaId } from './types';

/**
 * What every message carries. The replica ids are the membership session: a late answer of a replica's earlier life names an
 * id or an incarnation that the configuration no longer holds, and is dropped.
 *
 * @publicApi
 */
export interface MessageHeader {
  readonly clusterId: string;
  readonly groupId: GroupId;
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  /** The sender's store incarnation. */
  readonly incarnation: string;
  /** The sender's term; of a preVote, the term that it would campaign in. */
  readonly term: number;
  /** Counts the sender's requests to this receiver; a reply carries the number of the request that it answers. */
  readonly sequence: number;
}

/** Asks whether a campaign could win, without changing anybody's term (thesis §9.6). */
export interface PreVote extends MessageHeader {
  readonly kind: 'preVote';
  readonly lastLog: LogId;
  readonly commit: LogId;
}

/** A grant echoes the campaign's term; a refusal has the voter's own. */
export interface PreVoteReply extends MessageHeader {
  readonly kind: 'preVoteReply';
  readonly granted: boolean;
  readonly commit: LogId;
}

/** Thesis §3.4. */
export interface RequestVote extends MessageHeader {
  readonly kind: 'requestVote';
  readonly lastLog: LogId;
  readonly commit: LogId;
  /** The leader asked for this campaign: voters don't hold it to stickiness (thesis §4.2.3). */
  readonly leadershipTransfer: boolean;
}

export interface RequestVoteReply extends MessageHeader {
  readonly kind: 'requestVoteReply';
  readonly granted: boolean;
  readonly commit: LogId;
}

/** Thesis §3.5. Its bytes are bounded, and so is the number that is under way to one peer. */
export interface AppendEntries extends MessageHeader {
  readonly kind: 'appendEntries';
  readonly prev: LogId;
  readonly entries: readonly Entry[];
  readonly leaderCommit: number;
  /** Up to where the receiver has acknowledged this log in this term; 0 for nowhere. Who lacks it has lost it. */
  readonly acknowledged: number;
}

/**
 * The answer to an append. Accepted: the follower's log is the leader's up to `matchIndex`, durably. Rejected: its log lacks
 * `prev`; `hint` is the greatest log id of its own, at or below `prev.index`, with a term not above `prev.term`.
 */
export interface AppendEntriesReply extends MessageHeader {
  readonly kind: 'appendEntriesReply';
  readonly accepted: boolean;
  readonly matchIndex: number;
  readonly rejectedIndex: number;
  readonly hint: LogId;
}

/** Keeps leadership, spreads the commit index, and asks whether this leader still leads: for reads. */
export interface Heartbeat extends MessageHeader {
  readonly kind: 'heartbeat';
  /** The leader's commit index, capped at what this follower is known to hold. */
  readonly commit: number;
  /** The number of the read round (thesis §6.4): an answer confirms the reads of this round and of those before. */
  readonly round: number;
  /** The leader's monotonic clock when the message was made; echoed. */
  readonly sentAtMs: number;
  /** The leader's commit index, which this follower's log may not reach yet: what a read of local state is measured by. */
  readonly leaderCommit: number;
  /** The greatest {@link HeartbeatReply.repliedAtMs} that the leader has from this follower, on the follower's clock; -1 before the first. */
  readonly echoMs: number;
  /** How long ago the leader sent the last round that a quorum has confirmed, in milliseconds; -1 where there was none, or nothing is committed in its term yet. */
  readonly quorumAgeMs: number;
}

export interface HeartbeatReply extends MessageHeader {
  readonly kind: 'heartbeatReply';
  /** The round that is confirmed; 0 confirms none, and says only that the follower is alive. */
  readonly round: number;
  readonly sentAtMs: number;
  /** The follower's monotonic clock when the answer was made. */
  readonly repliedAtMs: number;
  /** Its store is slow to answer: what it is sent waits. */
  readonly storeStalls: boolean;
  /** The last entry that its state machine has applied. A learner gets no vote before that keeps pace, too. */
  readonly appliedIndex: number;
}

/**
 * The leader's log begins behind `required`, and this follower lacks what came before: it has to fetch a snapshot of that
 * position or a later one, from whichever member has it (thesis §5). Repeated until it is answered; the bytes go another way.
 */
export interface InstallSnapshot extends MessageHeader {
  readonly kind: 'installSnapshot';
  readonly required: LogId;
}

/** A snapshot is installed, or wasn't needed: the follower's log is the leader's up to `matchIndex`, durably. */
export interface InstallSnapshotReply extends MessageHeader {
  readonly kind: 'installSnapshotReply';
  readonly matchIndex: number;
}

/** The leader hands over: the receiver campaigns at once, without a pre-vote (thesis §3.10). */
export interface TimeoutNow extends MessageHeader {
  readonly kind: 'timeoutNow';
}

/** `accepted`: the receiver campaigns in a later term, so the sender no longer leads. */
export interface TimeoutNowReply extends MessageHeader {
  readonly kind: 'timeoutNowReply';
  readonly accepted: boolean;
}

/** @publicApi */
export type Message =
  | PreVote
  | PreVoteReply
  | RequestVote
  | RequestVoteReply
  | AppendEntries
  | AppendEntriesReply
  | Heartbeat
  | HeartbeatReply
  | InstallSnapshot
  | InstallSnapshotReply
  | TimeoutNow
  | TimeoutNowReply;

/** @publicApi */
export type MessageKind = Message['kind'];
