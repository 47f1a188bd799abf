import { crc32c } from '../../core/base/checksum';
import type { LogId } from '../../core/base/types';
import type {
  BackedCommand,
  BackedMachine,
  BackedOutcome,
  BackedQuery,
  BackedStart,
  BackedState,
  MachineBacking,
} from '../../state-machine/declare/backing';
import { MAX_RESULT_BYTES } from '../../state-machine/entries/client-limits';
import { AsyncCommandContext } from '../../state-machine/declare/command-context';
import type { CommandSession } from '../../state-machine/entries/command-envelope';
import { outcomeOfThrown, resultUnsent } from '../../state-machine/sessions/command-failure';
import type { CommandFates, CommandOutcome, SnapshotSource } from '../../state-machine/contract';
import { outcomeOfQueryError } from '../../state-machine/host/host-outcomes';
import { HostCommandContext, HostQueryContext } from '../../state-machine/host/machine-context';
import { mapSnapshotChunks, readMapSnapshot } from '../../state-machine/snapshot/map-snapshot';
import { answerOfRow, answerRow, outcomeOfAnswer, storedAnswer } from '../../state-machine/sessions/stored-answer';
import type { RunOutcome } from '../../state-machine/entries/run-outcome';
import { encodeValue } from '../../state-machine/codec/value-codec';
import type { MemoryDatabase, Rows } from './memory-database';

/** What a command of a machine with {@link memoryRows} works with. */
export class RowsCommandContext extends AsyncCommandContext {
  readonly index: number;
  readonly term: number;
  readonly now: number;
  readonly session: CommandSession | undefined;
  /** What the command has changed so far; dropped where it throws. */
  readonly rows: Map<string, unknown>;
  private readonly host: HostCommandContext;

  constructor({ index, term, timeMs, session, seed }: BackedCommand, rows: Rows) {
    super();
    this.index = index;
    this.term = term;
    this.now = timeMs;
    this.session = session;
    this.rows = new Map(rows);
    this.host = new HostCommandContext(index, term, timeMs, session, seed);
  }

  date(): Date {
    return this.host.date();
  }

  random(): number {
    return this.host.random();
  }

  emit(change: unknown): void {
    this.host.emit(change);
  }

  /** Called when the command has returned or thrown. @returns what it told */
  end(): readonly unknown[] {
    return this.host.end();
  }
}

export class RowsQueryContext extends HostQueryContext {
  constructor(
    { last, timeMs }: BackedQuery,
    readonly rows: Rows,
  ) {
    super(last, timeMs);
  }
}

/** An instance says which node's database it is of. */
export interface HasMemoryDatabase {
  readonly database: MemoryDatabase;
  /** Waits before each commit, and before the process hears of it; what it throws ends the process there. */
  readonly pause?: ((when: 'before' | 'after') => Promise<void>) | undefined;
}

/**
 * Keeps the rows of a machine in a {@link MemoryDatabase}: a backing that is small enough to be read, and keeps all of its
 * contract. A batch lands in two parts now and then, as the contract allows.
 */
export function memoryRows(): MachineBacking {
  return {
    kind: 'memoryRows',
    stateOf: (machine) => new MemoryRowsState(machine),
  };
}

type Method = (...args: unknown[]) => unknown;

class MemoryRowsState implements BackedState {
  private readonly database: MemoryDatabase;
  private readonly methods: Readonly<Record<string, Method>>;

  constructor(private readonly machine: BackedMachine) {
    this.database = (machine.instance as HasMemoryDatabase).database;
    this.methods = machine.instance as unknown as Record<string, Method>;
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  open(clusterId: string): Promise<BackedStart> {
    const { database } = this;
    database.open(this, clusterId);
    const outcomes = new Map<number, RunOutcome>();
    for (const [index, row] of database.outcomes) outcomes.set(index, outcomeOfAnswer(answerOfRow(row)));
    return Promise.resolve({ last: database.last, outcomes, forgottenThrough: database.forgottenThrough });
  }

  async apply(commands: readonly BackedCommand[]): Promise<readonly BackedOutcome[]> {
    const half = commands.length > 3 ? commands.length >> 1 : commands.length;
    const first = await this.applyTogether(commands.slice(0, half));
    return half === commands.length ? first : [...first, ...(await this.applyTogether(commands.slice(half)))];
  }

  async query({ method, args, last, timeMs }: BackedQuery): Promise<CommandOutcome> {
    try {
      const context = new RowsQueryContext({ method, args, last, timeMs }, this.database.rows);
      return { status: 'applied', value: encodeValue(await this.methods[method]!(context, ...args), 'result') };
    } catch (error) {
      return outcomeOfQueryError(error, `${this.machine.name}.${method}`);
    }
  }

  capture(): Promise<SnapshotSource> {
    // The map is never changed: a commit puts another in its place.
    const rows = this.database.rows.entries();
    return Promise.resolve({
      async *chunks() {
        yield* mapSnapshotChunks(() => rows.next().value);
      },
      release: () => undefined,
    });
  }

  async restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const rows = new Map<string, unknown>();
    const read: Uint8Array[] = [];
    for await (const chunk of chunks) read.push(chunk);
    if (read.length > 0) await readMapSnapshot(replayed(read), (key, value) => rows.set(key as string, value));
    this.database.replace(this, rows, last);
  }

  keepAside(): Promise<void> {
    // The rows are a test's; nobody needs those of a damaged node.
    return Promise.resolve();
  }

  snapshotStored(index: number): Promise<void> {
    this.database.forget(index);
    return Promise.resolve();
  }

  version(): string {
    return 'memoryRows';
  }

  hash(): string {
    let hash = 0;
    for (const row of this.database.rows) hash = crc32c(hash, encodeValue(row));
    return String(hash);
  }

  /** Rows have no schema, and no statement that a database could refuse. */
  schemaHash(): string | undefined {
    return undefined;
  }

  fatesOf(): Promise<CommandFates> {
    const lastIndex = this.database.last.index;
    return Promise.resolve({ lastIndex, knownFrom: 0, schemaHash: '0'.repeat(16), mistakes: new Map() });
  }

  askOthers(): void {
    // Nothing here depends on them.
  }

  waitsFor(): string | undefined {
    return undefined;
  }

  stopWaiting(): void {
    // Nothing waits.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private async applyTogether(commands: readonly BackedCommand[]): Promise<readonly BackedOutcome[]> {
    let { rows } = this.database;
    const outcomes: BackedOutcome[] = [];
    const kept = new Map<number, readonly unknown[]>();
    for (const command of commands) {
      const context = new RowsCommandContext(command, rows);
      const outcome = await this.run(command, context);
      if (outcome.status === 'applied' || (outcome.status === 'failed' && outcome.isApplied === true))
        rows = context.rows;
      outcomes.push({ outcome, changes: context.end() });
      if (command.isKept) kept.set(command.index, answerRow(storedAnswer(command.index, outcome)));
    }
    const { index, term } = commands.at(-1)!;
    const { pause } = this.machine.instance as HasMemoryDatabase;
    await pause?.('before');
    this.database.commit(this, { rows, last: { index, term }, outcomes: kept });
    await pause?.('after');
    return outcomes;
  }

  private async run(
    { method, args, isKept, isWanted }: BackedCommand,
    context: RowsCommandContext,
  ): Promise<RunOutcome> {
    const name = `${this.machine.name}.${method}`;
    let result: unknown;
    try {
      result = await this.methods[method]!(context, ...args);
    } catch (error) {
      return outcomeOfThrown(error, name);
    }
    if (!isKept && !isWanted) return { status: 'applied', value: undefined };
    try {
      const value = encodeValue(result, 'result');
      if (value.length > MAX_RESULT_BYTES) return resultUnsent(name, `it has ${value.length} bytes`);
      return { status: 'applied', value };
    } catch (error) {
      return resultUnsent(name, (error as Error).message);
    }
  }
}

async function* replayed(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
}
