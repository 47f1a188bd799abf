import type { ReadConsistency } from '../base/call-options';
import type { CallOutcome, RequestKind } from '../base/request-kind';
import type { QueueLengths } from '../status/status';

/** Which node an event is of: several may live in one process. @publicApi */
export interface EventSource {
  readonly nodeId: string;
  readonly clusterName: string;
  readonly group: string;
}

/** `caller`: from this process. `peer`: another node sent it on, because this one leads. @publicApi */
export type CallOrigin = 'caller' | 'peer';

/** A command was answered. @publicApi */
export interface ProposalEvent {
  readonly origin: CallOrigin;
  readonly outcome: CallOutcome;
  /** Its place in the log; null where none is known. */
  readonly index: number | null;
  readonly bytes: number;
  /** From the call to its answer, in milliseconds. */
  readonly durationMs: number;
}

/** A query, a barrier, or the leader's part of another node's read was answered. @publicApi */
export interface ReadEvent {
  readonly origin: CallOrigin;
  readonly kind: Exclude<RequestKind, 'propose' | 'session'>;
  readonly consistency: ReadConsistency;
  readonly outcome: CallOutcome;
  readonly durationMs: number;
}

/** A batch is durable in this node's store. @publicApi */
export interface PersistEvent {
  readonly batch: number;
  readonly entries: number;
  readonly bytes: number;
  /** From the hand-over to the store to its answer, all attempts included, in milliseconds. */
  readonly durationMs: number;
}

/** A slice of committed entries was applied. @publicApi */
export interface ApplyEvent {
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly entries: number;
  readonly bytes: number;
  readonly durationMs: number;
}

/** This node campaigns, or has campaigned. @publicApi */
export interface ElectionEvent {
  /** `preVote`: asks whether it could win. `vote`: asks for votes in `term`. `won`. `lost`: it follows again, or tries again. */
  readonly stage: 'preVote' | 'vote' | 'won' | 'lost';
  readonly term: number;
}

/** Another node leads, or none, or this one has come to lead. @publicApi */
export interface LeadershipEvent {
  readonly term: number;
  /** Its name; null where none is known. */
  readonly leader: string | null;
  /** Whether this node leads, and has committed in its term. */
  readonly isLeader: boolean;
}

/** A peer answered an append or a heartbeat of this leader. @publicApi */
export interface RoundTripEvent {
  readonly peer: string;
  readonly kind: 'append' | 'heartbeat';
  /** Of an append, the follower's disk included, in milliseconds. */
  readonly durationMs: number;
}

/** This node took a snapshot of its state. @publicApi */
export interface SnapshotTakenEvent {
  readonly index: number;
  readonly term: number;
  readonly chunks: number;
  readonly sizeBytes: number;
  readonly durationMs: number;
}

/** The last chunk of a snapshot went to a peer. @publicApi */
export interface SnapshotSentEvent {
  readonly peer: string;
  readonly index: number;
  readonly sizeBytes: number;
  readonly durationMs: number;
}

/** A snapshot of another node took the place of this node's state. @publicApi */
export interface SnapshotInstalledEvent {
  readonly index: number;
  readonly term: number;
  readonly sizeBytes: number;
  /** The node that it came from. */
  readonly peer: string;
  /** From the first question for it, fetching included, in milliseconds. */
  readonly durationMs: number;
}

/** A configuration took effect. @publicApi */
export interface MembershipEvent {
  readonly index: number;
  readonly changing: boolean;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

/** The connection that this node dialled stands, or is gone. @publicApi */
export interface PeerEvent {
  /** The member's name; empty where it isn't known yet. */
  readonly peer: string;
  readonly address: string;
  readonly state: 'connected' | 'lost';
  /** Why it is gone. */
  readonly detail: string;
}

/** What waits in this node, once a second. @publicApi */
export interface QueuesEvent extends QueueLengths {
  /** Of the leader: what is under way to each peer and not acknowledged. */
  readonly peers: readonly {
    readonly peer: string;
    readonly inflightMessages: number;
    readonly inflightBytes: number;
  }[];
}

/** The events of a node, by the name of their channel behind `nestjs-raft:`. @publicApi */
export interface RaftEventMap {
  readonly proposal: ProposalEvent;
  readonly read: ReadEvent;
  readonly persist: PersistEvent;
  readonly apply: ApplyEvent;
  readonly election: ElectionEvent;
  readonly leadership: LeadershipEvent;
  readonly 'round-trip': RoundTripEvent;
  readonly 'snapshot-taken': SnapshotTakenEvent;
  readonly 'snapshot-sent': SnapshotSentEvent;
  readonly 'snapshot-installed': SnapshotInstalledEvent;
  readonly membership: MembershipEvent;
  readonly peer: PeerEvent;
  readonly queues: QueuesEvent;
}

/** @publicApi */
export type RaftEventName = keyof RaftEventMap;
