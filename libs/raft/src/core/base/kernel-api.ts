import type { ConfigurationInForce, Member } from './configuration';
import type { Effects, KernelStatus } from './effects';
import type { Entry, Proposal } from './entry';
import type { Message } from './messages';
import type { LogId, ReplicaId } from './types';

/** `accepted`: the entries have the indexes from `firstIndex` on, in `term`; they may still be lost with the leadership. */
export type ProposeResult =
  | {
      readonly accepted: true;
      readonly firstIndex: number;
      readonly term: number;
    }
  | {
      readonly accepted: false;
      /** `transferring`: the leadership is being handed over, for an election time-out at most. */
      readonly reason: 'notLeader' | 'noLeader' | 'busy' | 'transferring';
    };

/** A member of the membership that is wanted; id 0 for one that is new and gets its id by the change. */
export interface TargetMember extends Member {
  readonly voter: boolean;
}

/** Where a member is reached from now on. */
export interface AddressUpdate {
  readonly id: ReplicaId;
  /** For peers, `host:port`. */
  readonly peer: string;
  /** For HTTP clients, as an origin; empty for none. */
  readonly http: string;
}

/** The whole membership that is wanted, by replica. */
export interface MembershipChange {
  readonly members: readonly TargetMember[];
  /** Compare-and-set: the index of the configuration in force that the caller has seen. */
  readonly expectedIndex?: number;
  /** Whether to go on although the voters that are alive now wouldn't be a quorum of the target. */
  readonly force: boolean;
  /** Whether it takes the place of a change that still waits for members to catch up: nobody has got or lost a vote by that one. */
  readonly supersede?: boolean;
  /**
   * How long new voters may take to catch up without getting further, in milliseconds. A change of a minute or more goes on
   * for as long as they do get further, for an hour at most, or for this time where it is longer.
   */
  readonly catchUpTimeoutMs: number;
}

/** `accepted`: the change stands in the log at `index`, and continues automatically. `detail` is a sentence without its end. */
export type MembershipResult =
  | { readonly accepted: true; readonly index: number; readonly term: number }
  | {
      readonly accepted: false;
      /**
       * `notReady`: nothing is committed in this leader's term yet (trap of single-server changes, thesis §4.1 as corrected).
       * `inProgress`: another change is under way. `stale`: `expectedIndex` isn't that of the configuration in force.
       * `noQuorum`: a majority was not heard within the last election time-out, so nothing could be committed.
       * `quorumAtRisk`: those that are alive wouldn't be a quorum. `invalid`: it can't be a membership.
       */
      readonly reason:
        | 'notLeader'
        | 'noLeader'
        | 'notReady'
        | 'inProgress'
        | 'stale'
        | 'noQuorum'
        | 'quorumAtRisk'
        | 'invalid'
        | 'transferring';
      readonly detail: string;
    };

/**
 * `written`: the entry that ends the change stands in the log, where nobody can take it back, and takes effect when it is
 * committed. `waits`: the cancel is carried out as soon as the entry `pending` is committed, or this leader may write.
 */
export type CancelResult =
  | { readonly outcome: 'written'; readonly index: number; readonly term: number }
  | { readonly outcome: 'waits'; readonly pending: LogId | undefined }
  | {
      readonly outcome: 'refused';
      /**
       * `nothingUnderWay`: there is no change, or it has come to its end. `leaving`: the entry that leaves the joint
       * configuration is written. `halfSilent`: one of its two majorities isn't heard.
       */
      readonly reason: 'notLeader' | 'noLeader' | 'nothingUnderWay' | 'leaving' | 'halfSilent' | 'noQuorum';
      /** A sentence without its end. */
      readonly detail: string;
    };

export type TransferResult =
  | { readonly accepted: true; readonly target: ReplicaId }
  | {
      readonly accepted: false;
      /** `noTarget`: no other voter is known to be alive. `notVoter`: the one that was named has no vote. */
      readonly reason: 'notLeader' | 'noTarget' | 'notVoter' | 'alreadyLeader' | 'inProgress';
    };

/** A snapshot, as far as the kernel has to know it. */
export interface KernelSnapshot {
  /** The last entry that it covers. */
  readonly last: LogId;
  readonly configuration: ConfigurationInForce;
}

/** How old the local state is at most: it has everything that was committed `ageMs` ago, once `index` is applied. */
export interface Freshness {
  readonly index: number;
  readonly ageMs: number;
}

/** What a leader knows of one replica. */
export interface ReplicaProgress {
  readonly id: ReplicaId;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly matchIndex: number;
  readonly nextIndex: number;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
  /** Whether it answered within the last election time-out. */
  readonly active: boolean;
  /** How long ago it was heard last. */
  readonly silentMs: number;
  /** Whether it was heard at all since this leader knows it. */
  readonly wasHeard: boolean;
  /** Whether its store is slow to answer, by its own word. */
  readonly storeStalls: boolean;
  /** The last entry that its state machine had applied, by its last answer to a heartbeat; 0 before the first. */
  readonly appliedIndex: number;
  /**
   * While it shall become a voter: whether its last catch-up round was shorter than an election time-out, and its state machine
   * has reached the end of a round that ended at most ten election time-outs ago.
   */
  readonly isCaughtUp: boolean;
}

/**
 * The consensus kernel as its driver sees it: inputs change the state at once, and {@link takeEffects} hands out what has to
 * be done. It never waits, reads no clock and does no I/O. `nowMs` is monotonic.
 *
 * @throws InvariantError from any input, when something that must not be has happened; the node then stops
 */
export interface Kernel {
  /** @param clusterTimeMs the cluster's time, where the host knows it: what deadlines in the log are judged by */
  tick(nowMs: number, clusterTimeMs?: number): void;
  step(message: Message, nowMs: number): void;
  propose(proposals: readonly Proposal[], nowMs: number): ProposeResult;
  /**
   * Asks for a linearizable read; it ends in `effects.reads` or `effects.refusedReads` under this context.
   *
   * @param lease whether a lease may confirm it; where none holds, a round does
   */
  readIndex(context: number, nowMs: number, lease?: boolean): void;
  /** Proposes a membership. It takes effect, step by step, through later effects (`configuration`). */
  changeMembership(change: MembershipChange, nowMs: number): MembershipResult;
  /** Proposes other addresses of members, also while a change of the membership is under way. It takes effect as that does. */
  changeAddresses(updates: readonly AddressUpdate[], nowMs: number): MembershipResult;
  /**
   * Cancels the change of the membership that is under way, by one entry, where that is safe: while members catch up, and in a
   * joint configuration that isn't being left yet. Asked again, it says what has become of it.
   *
   * @param waitMs how long it may wait for an entry that isn't committed yet, in milliseconds from now
   */
  cancelMembershipChange(waitMs: number, nowMs: number): CancelResult;
  /**
   * Hands the leadership over; proposals are refused meanwhile. Given up after one election time-out.
   *
   * @param target undefined: the voter that is alive and has most of the log
   */
  transferLeadership(target: ReplicaId | undefined, nowMs: number): TransferResult;
  /** Campaigns now, with a pre-vote. Nothing happens where this replica may not lead. */
  campaign(nowMs: number): void;
  /** The batch with this number is durable. Numbers come in order. */
  persisted(batchNumber: number, nowMs: number): void;
  /** Entries up to here are applied. */
  applied(index: number, nowMs: number): void;
  /** Answers a {@link Effects.loads}: a page that begins at the requested index, or nothing where it can't be had. */
  entriesLoaded(requestId: number, entries: readonly Entry[], nowMs: number): void;
  /**
   * A whole snapshot is in this node's store. From here on until {@link snapshotInstalled} nothing is applied, nothing is
   * written, and this replica doesn't campaign; what was handed out before still settles.
   *
   * @returns false where the log has got there meanwhile, and the snapshot is of no use
   */
  installSnapshot(snapshot: KernelSnapshot, nowMs: number): boolean;
  /** The state machine holds the snapshot, and the store's log begins behind it. */
  snapshotInstalled(snapshot: KernelSnapshot, nowMs: number): void;
  /** The store's log begins behind `to` now. */
  compacted(to: LogId, nowMs: number): void;
  /** The connection to this replica closed, or was refused. */
  peerUnreachable(replica: ReplicaId, nowMs: number): void;
  /** The connection to this replica is there again. */
  peerReachable(replica: ReplicaId, nowMs: number): void;

  /**
   * The store is slow to answer. A leader hands over where other replicas are shown to be well, and otherwise goes on without
   * taking anything in; nobody campaigns. Nothing happens to the only voter.
   */
  storageStalled(nowMs: number): void;
  /** The store is out of reach, and nothing may be sent: a leader steps down at once. Nothing happens to the only voter. */
  storageLost(nowMs: number): void;
  /** Ends both. */
  storageRecovered(nowMs: number): void;

  hasEffects(): boolean;
  takeEffects(): Effects;

  readonly status: KernelStatus;
  readonly commitIndex: number;
  readonly lastIndex: number;
  readonly durableIndex: number;
  readonly appliedIndex: number;
  readonly uncommittedBytes: number;
  readonly configuration: ConfigurationInForce;
  /** The newest configuration entry in the log that isn't committed yet. */
  readonly pendingConfiguration: ConfigurationInForce | undefined;
  /** The first index that the log still has. */
  readonly firstIndex: number;
  /** Rounds that were sent because reads waited for one, since the start. */
  readonly readRounds: number;
  /** Whether the leadership is being handed over. */
  readonly isTransferring: boolean;
  /** @returns the configuration that was in force at an index, from the applied one on: what a snapshot of that index holds */
  configurationAt(index: number): ConfigurationInForce;
  /** @returns how old the local state is at most; undefined where nothing is known of it */
  freshness(nowMs: number): Freshness | undefined;
  /** @returns the term of an index of the log, or undefined outside of it */
  termAt(index: number): number | undefined;
  /** Of a leader: every other replica; otherwise empty. */
  progress(): readonly ReplicaProgress[];
}
