import type { ConfigurationInForce } from './configuration';
import type { Entry } from './entry';
import type { Message } from './messages';
import type { HardState, LogId, ReplicaId, TermRun } from './types';

/** @publicApi */
export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader' | 'learner';

/**
 * One atomic, numbered write. It lands whole or not at all, and only behind the batch with the number before.
 *
 * Order of its parts: the log is cut from {@link truncateFrom}, then the entries are appended. Everything is of one instant.
 *
 * @publicApi
 */
export interface PersistBatch {
  /** One more than that of the batch before. */
  readonly number: number;
  /** Present when term or vote changed. */
  readonly hardState?: HardState;
  /** The commit index of this instant; never goes back. */
  readonly commitIndex: number;
  /** Entries from this index on are dropped first. */
  readonly truncateFrom?: number;
  /** Contiguous, ascending; the first follows what is left of the log. */
  readonly entries: readonly Entry[];
  /** Present when the configuration in force changed. */
  readonly configuration?: ConfigurationInForce;
}

/** A message that may leave only when the batch with this number is durable. @publicApi */
export interface WithheldMessage {
  readonly after: number;
  readonly message: Message;
}

/** Entries that the kernel no longer holds and needs from the store; answered with `entriesLoaded`. @publicApi */
export interface LoadRequest {
  /** Distinguishes requests; the answer names it. */
  readonly id: number;
  readonly from: number;
  /** Inclusive. */
  readonly to: number;
  readonly maxBytes: number;
}

/** The leader's log begins behind `required`: a snapshot of that position, or a later one, has to be fetched. @publicApi */
export interface SnapshotWanted {
  readonly required: LogId;
  readonly leader: ReplicaId;
}

/** A read that is confirmed: it may be served once everything up to {@link index} is applied. @publicApi */
export interface ConfirmedRead {
  readonly context: number;
  readonly index: number;
}

/** A read that won't be confirmed, because this node no longer leads. @publicApi */
export interface RefusedRead {
  readonly context: number;
}

/** @publicApi */
export interface KernelStatus {
  readonly role: Role;
  readonly term: number;
  /** 0 where none is known. */
  readonly leader: ReplicaId;
  /** Whether this leader has committed an entry of its own term; reads wait for it. */
  readonly committedInTerm: boolean;
}

/**
 * What the caller has to do after inputs. The classes differ in what must be durable before.
 *
 * @publicApi
 */
export interface Effects {
  /** Needs no write of this node: a leader's appends, which go out in parallel with its own disk, heartbeats, and their answers. */
  readonly sendNow: readonly Message[];
  /** At most one is under way; while it is, the next gathers in the kernel (group commit). */
  readonly persist: PersistBatch | undefined;
  /** Campaigns, and every answer that says something durable. */
  readonly sendAfterPersist: readonly WithheldMessage[];
  /** Committed entries that are durable here, in order, without a gap. */
  readonly apply: readonly Entry[];
  readonly loads: readonly LoadRequest[];
  readonly reads: readonly ConfirmedRead[];
  readonly refusedReads: readonly RefusedRead[];
  /** Present when the leader says so, and again with each time that it says so; until `snapshotInstalled`. */
  readonly snapshotWanted: SnapshotWanted | undefined;
  /** Present when role, term, leader or `committedInTerm` changed. */
  readonly status: KernelStatus | undefined;
  /** Present when a configuration took effect. */
  readonly configuration: ConfigurationInForce | undefined;
}

/** What a store gives back at start. @publicApi */
export interface DurableState {
  readonly hardState: HardState;
  readonly commitIndex: number;
  /** The number of the last batch that landed; 0 before the first. */
  readonly lastBatch: number;
  /** The position before the first entry that is still in the log: {0, 0}, or that of the snapshot. */
  readonly snapshot: LogId;
  readonly lastIndex: number;
  /** The terms of every entry in the log, ascending; empty for an empty log. */
  readonly terms: readonly TermRun[];
  /** The configuration in force, and the entries of kind `configuration` above its index. */
  readonly configuration: ConfigurationInForce;
  readonly configurationEntries: readonly Entry[];
}
