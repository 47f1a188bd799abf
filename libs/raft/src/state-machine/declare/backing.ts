import type { LogId } from '../../core/base/types';
import type { CommandSession } from '../entries/command-envelope';
import type { AskOthers, CommandFates, CommandOutcome, SnapshotSource } from '../contract';
import type { RunOutcome } from '../entries/run-outcome';

/** One committed command of a machine whose state isn't in the process. */
export interface BackedCommand {
  readonly index: number;
  readonly term: number;
  /** The cluster's time, as `context.now`. */
  readonly timeMs: number;
  readonly session: CommandSession | undefined;
  readonly method: string;
  readonly args: readonly unknown[];
  /** Seeds what the command draws; it differs from command to command, and is the same on every node. */
  readonly seed: number;
  /** Whether the outcome has to be there after a restart, too: it answers a retry. */
  readonly isKept: boolean;
  /** Whether somebody waits for the value here. */
  readonly isWanted: boolean;
  /** Of the schema that the voters' databases had when the leader took the command in; undefined where they weren't alike. */
  readonly schemaHash: string | undefined;
}

/** What became of one of them. */
export interface BackedOutcome {
  readonly outcome: RunOutcome;
  /** What the command told with `context.emit`. */
  readonly changes: readonly unknown[];
}

/** What a query is answered from. */
export interface BackedQuery {
  readonly method: string;
  readonly args: readonly unknown[];
  readonly last: LogId;
  readonly timeMs: number;
}

/** What a backed state finds where it was left. */
export interface BackedStart {
  /** The last command that it holds; those up to there are never applied again. */
  readonly last: LogId;
  /** Outcomes that were to be kept, by index. */
  readonly outcomes: ReadonlyMap<number, RunOutcome>;
  /** Those up to this index were let go of, as a snapshot has them. */
  readonly forgottenThrough: number;
}

/**
 * The state of one machine, outside of the process. It is called from one place, in log order, one call after the other but
 * for queries.
 */
export interface BackedState {
  /**
   * Looks whether everything is there that is needed, before the node starts.
   *
   * @throws RaftError `RAFT_CONFIGURATION`
   */
  prepare(): Promise<void>;

  /**
   * Takes possession, before anything but `prepare`.
   *
   * @param clusterId whose log is applied; a state of another cluster is refused
   */
  open(clusterId: string): Promise<BackedStart>;

  /**
   * Applies commands: their effects, the index of the last one, and the outcomes that are kept, all or nothing; or a first part
   * of them, and then the rest.
   *
   * @returns one outcome for each command, when all of it is durable; a result or a refusal has at most `MAX_RESULT_BYTES`
   * @throws any error: nothing of it is there, or nobody knows; the node stops
   */
  apply(commands: readonly BackedCommand[]): Promise<readonly BackedOutcome[]>;

  query(query: BackedQuery): Promise<CommandOutcome>;

  /** Captures the state as of the last command. Called when nothing is being applied. */
  capture(): Promise<SnapshotSource>;

  /** Replaces the whole state, in one step; no chunk at all means one that is empty. */
  restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void>;

  /** Copies what is there under another name, once for each label. */
  keepAside(label: string): Promise<void>;

  /** A snapshot up to this index is durable: kept outcomes up to there are in it, and needn't be kept here. */
  snapshotStored(index: number): Promise<void>;

  /** @returns a hash of the schema here, as of a moment ago; undefined before it was read */
  schemaHash(): string | undefined;

  /** @returns what became of these commands here */
  fatesOf(indexes: readonly number[]): Promise<CommandFates>;

  /** Says how the same is asked of the other members. Never called: there are none. */
  askOthers(ask: (indexes: readonly number[]) => ReturnType<AskOthers>): void;

  /** @returns what the next command waits for, in a sentence; undefined where nothing has to be waited for */
  waitsFor(): string | undefined;

  /** The node is being stopped: a command that waits fails at once, with nothing of it applied. */
  stopWaiting(): void;

  /** Differs where the content has another form, or was changed by something that isn't in the log: its hashes aren't compared then. */
  version(): string;

  /** A hash of the content as of the last command, equal where the content is; it costs no scan. */
  hash(): string;

  close(): Promise<void>;
}

/** A TypeORM data source of the application, as far as it matters here. @publicApi */
export interface ApplicationDataSource {
  /** How it connects. */
  readonly options: object;
  /** Those who hear of its statements. */
  readonly subscribers?: object[];
}

/** What a backed state is made for. */
export interface BackedMachine {
  readonly name: string;
  /** The instance with the decorated methods. */
  readonly instance: object;
  readonly logger: { warn(message: string): void; error(message: string): void } | undefined;
  /** @returns the application's data source of this name */
  dataSource(name: string): ApplicationDataSource;
}

/**
 * Says where the state of a machine is, as the second parameter of `@RaftStateMachine`. It belongs to the class, so that it
 * keeps nothing of a node.
 */
export interface MachineBacking {
  /** A word for error sentences: 'typeOrmTables'. */
  readonly kind: string;
  stateOf(machine: BackedMachine): BackedState;
}
