import type { ConfigurationInForce } from './configuration';
import type { Effects, KernelStatus } from './effects';
import type { Entry, Proposal } from './entry';
import type { Message } from './messages';
import type { ReplicaId } from './types';

/** `accepted`: the entries have the indexes from `firstIndex` on, in `term`; they may still be lost with the leadership. */
export type ProposeResult =
  | {
      readonly accepted: true;
      readonly firstIndex: number;
      readonly term: number;
    }
  | {
      readonly accepted: false;
      readonly reason: 'notLeader' | 'noLeader' | 'busy';
    };

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
}

/**
 * The consensus kernel as its driver sees it: inputs change the state at once, and {@link takeEffects} hands out what has to
 * be done. It never waits, reads no clock and does no I/O. `nowMs` is monotonic.
 *
 * @throws InvariantError from any input, when something that must not be has happened; the node then stops
 */
export interface Kernel {
  tick(nowMs: number): void;
  step(message: Message, nowMs: number): void;
  propose(proposals: readonly Proposal[], nowMs: number): ProposeResult;
  /**
   * Asks for a linearizable read; it ends in `effects.reads` or `effects.refusedReads` under this context.
   *
   * @param lease whether a lease may confirm it; where none holds, a round does
   */
  readIndex(context: number, nowMs: number, lease?: boolean): void;
  /** Campaigns now, with a pre-vote. Nothing happens where this replica may not lead. */
  campaign(nowMs: number): void;
  /** The batch with this number is durable. Numbers come in order. */
  persisted(batchNumber: number, nowMs: number): void;
  /** Entries up to here are applied. */
  applied(index: number, nowMs: number): void;
  /** Answers a {@link Effects.loads}: a page that begins at the requested index, or nothing where it can't be had. */
  entriesLoaded(requestId: number, entries: readonly Entry[], nowMs: number): void;
  /** The connection to this replica closed, or was refused. */
  peerUnreachable(replica: ReplicaId, nowMs: number): void;
  /** The connection to this replica is there again. */
  peerReachable(replica: ReplicaId, nowMs: number): void;

  /** The store doesn't answer, or fails: this replica neither leads nor campaigns until it has recovered, unless it is the only voter. */
  storageStalled(nowMs: number): void;
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
  /** @returns the term of an index of the log, or undefined outside of it */
  termAt(index: number): number | undefined;
  /** Of a leader: every other replica; otherwise empty. */
  progress(): readonly ReplicaProgress[];
}
