import type { ConfigurationInForce } from '../core/base/configuration';
import type { Entry } from '../core/base/entry';
import type { LogId } from '../core/base/types';

/** How far a state machine has come by itself: {0, 0} for one in memory, which replays; asked once, at start. @publicApi */
export interface AppliedState {
  readonly last: LogId;
  /** The configuration in force at `last`, where the machine stores it with its data. */
  readonly configuration: ConfigurationInForce | undefined;
}

/** Of the answer to a repetition: where the command was applied the first time, and alone. */
interface FirstApplication {
  readonly firstIndex?: number;
}

/**
 * What became of one entry. It is the same on every node, but for `value`, which is encoded only where somebody waits for it.
 *
 * @publicApi
 */
export type CommandOutcome =
  | ({ readonly status: 'applied'; readonly value: Uint8Array | undefined } & FirstApplication)
  /** The command refused: `throw new RaftRejection(reason, details)`. */
  | ({
      readonly status: 'rejected';
      readonly reason: string;
      readonly message: string;
      readonly details: unknown;
    } & FirstApplication)
  /**
   * The command threw something else: a bug, answered alike everywhere. `isApplied`: the command ran, and its effects are there;
   * only its result can't be sent, which shows where somebody waits for it.
   */
  | ({ readonly status: 'failed'; readonly message: string; readonly isApplied?: boolean } & FirstApplication)
  /** Not applied by this entry: the session, or the answer of this sequence number, is gone. */
  | { readonly status: 'sessionExpired'; readonly message: string }
  /** Not applied by this entry: no more sessions, answers or keys are kept. */
  | {
      readonly status: 'busy';
      readonly reason: string;
      readonly message: string;
      /** When a place may be free, in milliseconds of cluster time from this entry on; undefined where nobody knows. */
      readonly retryAfterMs?: number | undefined;
    }
  /** Not applied by this entry: its idempotency key is that of another command. */
  | { readonly status: 'conflict'; readonly message: string };

/** What a node made of the log up to a fixed index, to be compared with what others made of it. @publicApi */
export interface StateDigest {
  readonly index: number;
  /** Of the machines; only digests of one version are compared. */
  readonly version: number;
  /** Of the outcomes since the digest before. */
  readonly outcomes: number;
  /** Of states that are kept elsewhere; empty for none. */
  readonly backed: string;
  /** Of the states in memory; null where it isn't made at this index, or not yet. */
  readonly state: number | null;
}

/** What a node says of commands whose statements its database may have refused, for a node that has to decide alike. @publicApi */
export interface CommandFates {
  /** The last command of the machine that is applied there. */
  readonly lastIndex: number;
  /** From here on the node knows which commands cost themselves; of those before, it has forgotten. */
  readonly knownFrom: number;
  /** Of its database's schema, as 16 hexadecimal digits. */
  readonly schemaHash: string;
  /** Of the commands that were asked for: those that were answered with an SQL mistake, and its SQLSTATE. */
  readonly mistakes: ReadonlyMap<number, string>;
}

/** @publicApi */
export interface FatesElsewhere {
  /** Of every other member that answered, by its name. */
  readonly answers: ReadonlyMap<string, CommandFates>;
  /** The other members that didn't. */
  readonly silent: readonly string[];
}

/** Asks all other members of the cluster what became of commands of one machine. It doesn't throw. @publicApi */
export type AskOthers = (machine: string, indexes: readonly number[]) => Promise<FatesElsewhere>;

/** A session that the group keeps. @publicApi */
export interface StoredSession {
  readonly clientId: string;
  readonly ttlMs: number;
  /** The cluster time of its last entry. */
  readonly activeMs: number;
  /** Answers that are kept for it, and their bytes. */
  readonly answers: number;
  readonly bytes: number;
}

/** A state at one index, readable while commands go on. @publicApi */
export interface SnapshotSource {
  /** Reads what was captured; each chunk is at most 64 KiB, and made when it is asked for. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Lets go of what the capture holds; called once, also after a failure. */
  release(): void;
}

/**
 * The replicated state of one group. The runtime calls it from one place, in log order, and never twice for one index in the
 * life of an object (a machine in memory starts again with each process and gets the log from its snapshot on).
 *
 * @publicApi
 */
export interface ReplicatedStateMachine {
  applied(): Promise<AppliedState>;

  /**
   * Applies committed entries of every kind, in order, without a gap; kinds that it has no use for only move its index. One that
   * keeps sessions answers the opening of one (an entry of kind `session`) with the session's id as an encoded value; where there
   * is no value, commands that nodes send on for their callers go without sessions.
   *
   * @param wanted whether somebody waits for the value of this index
   * @returns one outcome for each entry
   * @throws any error: the node stops, as it can neither skip the entry nor know what became of it
   */
  apply(entries: readonly Entry[], wanted: (index: number) => boolean): Promise<readonly CommandOutcome[]>;

  /**
   * Looks at a command before the leader takes it into its log. What is committed can't be skipped, so a command that this
   * node can't run has to be kept out.
   *
   * @returns why it can't be run, in a sentence; undefined where it can
   */
  refusalOf(command: Uint8Array): string | undefined;

  /**
   * Answers a query from the local state.
   *
   * @param query what the caller encoded
   * @returns the encoded answer
   */
  query(query: Uint8Array): Promise<CommandOutcome>;

  /**
   * Captures the state at the last applied index: cheap, and untouched by what is applied later. Where it can't be synchronous,
   * nothing is applied until it resolves.
   */
  capture(): SnapshotSource | Promise<SnapshotSource>;

  /** Replaces the whole state. */
  restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void>;

  /** The greatest cluster time that an applied entry carried; 0 before the first. */
  clusterTimeMs(): number;

  /**
   * The cluster time at which something in the state ends, such as a session: an idle leader proposes a clock entry then. It may
   * be too early, never too late. Undefined, or no such method: nothing does.
   */
  nextExpiryMs?(): number | undefined;

  /** The sessions that are open, as of the last applied index. No such method: it keeps none. */
  sessions?(): readonly StoredSession[];

  /** Says whose log it is, before anything of it is restored or applied: a state that is kept elsewhere may be another cluster's. */
  belongsTo?(clusterId: string): void;

  /**
   * Where the state is kept elsewhere, it may have come further before this process started than the replay of the log has by
   * now. Until the replay has passed this index, the state is of no one index, and {@link capture} fails.
   *
   * @returns the last index that such a state holds; 0, or no such method: there is none
   */
  appliedElsewhere?(): Promise<number>;

  /** A snapshot up to this index is durable: whatever a replay of the log from there on doesn't need may go. */
  snapshotStored?(index: number): Promise<void>;

  /** @returns the digest at `index`, or the newest one; undefined where there is none */
  digest?(index?: number): StateDigest | undefined;

  /**
   * Whether commands were applied since the last digest that are worth a clock entry, at which every node makes the next: a leader
   * asks each second.
   */
  wantsDigest?(): boolean;

  /** @returns a state that waits to be read for its digest; the reader releases it, and gives `done` the crc32c of its chunks */
  stateToHash?(): { readonly source: SnapshotSource; readonly done: (hash: number) => void } | undefined;

  /** @returns the commands that can be run here, as `machine.command`, with the newest version of their arguments */
  commands?(): ReadonlyMap<string, number>;

  /** @returns which command it is, as `machine.command`; undefined for bytes that are none */
  nameOf?(command: Uint8Array): string | undefined;

  /** @returns machine → hash of the schema of the database that its state is in, for those that have one */
  schemaHashes?(): ReadonlyMap<string, string>;

  /** @returns what became of commands of a machine here; it rejects where that isn't known */
  fatesOf?(machine: string, indexes: readonly number[]): Promise<CommandFates>;

  /** Says how other members are asked the same. */
  askOthers?(ask: AskOthers): void;

  /** @returns what the command that is being applied waits for, in a sentence; undefined where it waits for nothing */
  waitsFor?(): string | undefined;

  /** The node is being stopped: what waits for something outside of it fails now. */
  stopWaiting?(): void;

  /**
   * Goes back to the state before the first entry, because the node is repaired: its log begins again. State that is kept
   * outside of the process is copied aside first, once for each label. Left out: a node that has applied something has to be
   * started again before it can be repaired.
   *
   * @param label a part of the name under which the old state is kept
   */
  reset?(label: string): Promise<void>;

  /** The node stops: connections are closed. Nothing is asked afterwards. */
  close?(): Promise<void>;
}
