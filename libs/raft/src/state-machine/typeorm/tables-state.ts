import type { LogId } from '../../core/base/types';
import type {
  BackedCommand,
  BackedMachine,
  BackedOutcome,
  BackedQuery,
  BackedStart,
  BackedState,
} from '../declare/backing';
import type { CommandFates, CommandOutcome, FatesElsewhere, SnapshotSource } from '../contract';
import { RestoreInterruptedError } from '../host/host-errors';
import { ApplySession } from './apply-session';
import { NeedsSavepointsError, runBatch, TransientError } from './apply-batch';
import { asTransient } from './as-transient';
import { CommandBatches } from './command-batches';
import { MistakeJudge } from './mistake-judge';
import { keepTablesAside } from './keep-aside';
import { OpenedTables } from './opened-tables';
import { elapsedMs } from './patience';
import { meaningOf } from './sql-error';
import { SchemaChangedError, SqlMistakeError } from './sql-mistake';
import { type OwnNames, ownNames } from './sql-names';
import type { TablesPosition } from './state-row';
import { runTableQuery } from './table-query';
import type { TablesSettings } from './tables-options';
import { TablesPatience } from './tables-patience';
import { TablesCapture } from './tables-capture';
import { restoreTables } from './tables-restore';

/** After a batch that needed savepoints, so many are applied with them: refusals come in groups. */
const BATCHES_WITH_SAVEPOINTS = 8;

/** The tables of one machine in this node's Postgres. Made by `typeOrmTables()`. */
export class TablesState implements BackedState {
  private readonly names: OwnNames;
  private opened: OpenedTables | undefined;
  private session: ApplySession | undefined;
  private position: TablesPosition | undefined;
  /** A transaction was rolled back since: sequences aren't, and have to be put back. */
  private hasRolledBack = true;
  private savepointsFor = 0;
  /** Since when restores fail by the database; undefined where the last one didn't. */
  private failingSinceMs: number | undefined;
  private closed = false;
  private clusterId = '';
  private forgottenThrough = 0;
  private readonly patience: TablesPatience;
  private readonly judge: MistakeJudge;
  private readonly batches: CommandBatches;

  constructor(
    private readonly machine: BackedMachine,
    private readonly settings: TablesSettings,
  ) {
    this.names = ownNames(settings.schema);
    const { name, logger } = machine;
    this.patience = new TablesPatience(machine, settings.retryForMs, () => this.closed);
    const onceMore = 'Its schema is read again.';
    this.judge = new MistakeJudge({
      machine: name,
      warn: (sentence) => logger?.warn(sentence),
      currentSchemaHash: () => this.patience.until(onceMore, () => asTransient(this.requireOpened().look())),
    });
    this.batches = new CommandBatches({
      machine: name,
      commandsPerTransaction: settings.commandsPerTransaction,
      judge: this.judge,
      schemaHash: async () => {
        await this.patience.until(onceMore, () => this.followSchema());
        return this.requireOpened().schema.schemaHash;
      },
      together: (commands, mistakes) =>
        this.patience.until(`The commands from ${commands[0]!.index} on are applied again.`, () =>
          this.attempt(commands, mistakes),
        ),
      isClosed: () => this.closed,
      bug: (message) => logger?.error(message),
    });
  }

  async prepare(): Promise<void> {
    this.opened = await OpenedTables.open(this.machine, this.settings, this.names);
  }

  async open(clusterId: string): Promise<BackedStart> {
    const { outcomes } = this.requireOpened();
    this.clusterId = clusterId;
    return this.patience.until('They are opened again.', async () => {
      const { queryRunner } = await this.sessionInOrder();
      try {
        const kept = await asTransient(outcomes.read(queryRunner));
        return { last: this.position!.last, outcomes: kept, forgottenThrough: this.forgottenThrough };
      } catch (error) {
        await this.dropSession();
        throw error;
      }
    });
  }

  apply(commands: readonly BackedCommand[]): Promise<readonly BackedOutcome[]> {
    return this.batches.apply(commands);
  }

  async query(query: BackedQuery): Promise<CommandOutcome> {
    const { dataSource, results } = this.requireOpened();
    return runTableQuery(dataSource, this.machine, query, results);
  }

  async capture(): Promise<SnapshotSource> {
    const { dataSource, schema } = this.requireOpened();
    return TablesCapture.begin(dataSource, schema.catalog, this.position!);
  }

  async restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      await this.restoreOnce(last, chunks);
      this.failingSinceMs = undefined;
    } catch (error) {
      if (!(error instanceof Error) || !(error instanceof TransientError || meaningOf(error) === 'retry')) throw error;
      await this.dropSession();
      this.failingSinceMs ??= elapsedMs();
      if (elapsedMs() - this.failingSinceMs > this.settings.retryForMs) throw this.patience.givenUp(error);
      throw new RestoreInterruptedError(`the database of '${this.machine.name}' failed: ${error.message}`, error);
    }
  }

  private async restoreOnce(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.followSchema();
    const { schema, outcomes, mistakes } = this.requireOpened();
    const { catalog, row } = schema;
    const { clusterId } = this;
    const { queryRunner } = await this.sessionInOrder();
    this.hasRolledBack = true;
    await queryRunner.startTransaction();
    try {
      const content = await restoreTables(queryRunner, catalog, chunks);
      // A log that begins again draws from the start.
      const sequences = last.index === 0 ? await row.firstValues(queryRunner) : content.sequences;
      await row.rewind(queryRunner, sequences);
      const replaced = await row.replace(queryRunner, clusterId, last, content);
      const position = content.shape === catalog.shape ? replaced : await row.rebase(queryRunner);
      await outcomes.forget(queryRunner, Number.MAX_SAFE_INTEGER);
      await mistakes.replaced(queryRunner, last.index);
      await queryRunner.commitTransaction();
      this.position = position;
      this.hasRolledBack = false;
    } catch (error) {
      await queryRunner.rollbackTransaction().catch(() => undefined);
      throw error;
    }
  }

  async snapshotStored(index: number): Promise<void> {
    const { dataSource, schema, outcomes, mistakes } = this.requireOpened();
    await schema.row.forgetting(dataSource, index);
    await outcomes.forget(dataSource, index);
    await mistakes.snapshotStored(dataSource, index);
  }

  schemaHash(): string | undefined {
    return this.opened?.schemaHash;
  }

  async fatesOf(indexes: readonly number[]): Promise<CommandFates> {
    const { dataSource, mistakes, schemaHash } = this.requireOpened();
    const { position } = this;
    if (position === undefined) throw new Error(`The tables of '${this.machine.name}' aren't read yet`);
    // Read before the record: what is applied meanwhile is asked for again.
    const lastIndex = position.last.index;
    return { lastIndex, schemaHash, ...(await mistakes.read(dataSource, indexes)) };
  }

  askOthers(ask: (indexes: readonly number[]) => Promise<FatesElsewhere>): void {
    this.judge.askOthers(ask);
  }

  waitsFor(): string | undefined {
    return this.judge.waitsFor;
  }

  stopWaiting(): void {
    this.closed = true;
    this.judge.stopWaiting();
  }

  async keepAside(label: string): Promise<void> {
    const { dataSource, schema } = this.requireOpened();
    const queryRunner = dataSource.createQueryRunner('master');
    try {
      await keepTablesAside(queryRunner, this.machine.name, schema.catalog.tables, this.names, label);
    } finally {
      await queryRunner.release();
    }
  }

  version(): string {
    return `${this.position?.maintained ?? 0} ${this.opened?.schema.shape ?? ''}`;
  }

  hash(): string {
    return this.position?.hash ?? '';
  }

  async close(): Promise<void> {
    this.stopWaiting();
    const { opened, session } = this;
    this.session = undefined;
    this.opened = undefined;
    if (opened === undefined) return;
    await session?.end(opened.dataSource);
    await opened.close();
  }

  /** What was prepared and read under another schema goes with the session. */
  private async followSchema(): Promise<void> {
    if (await asTransient(this.requireOpened().follow())) await this.dropSession();
  }

  private async attempt(
    commands: readonly BackedCommand[],
    mistakes: ReadonlyMap<number, string>,
  ): Promise<readonly BackedOutcome[]> {
    const { queryRunner } = await this.sessionInOrder();
    const last = commands[commands.length - 1]!;
    // A commit whose answer was lost may have landed.
    if (this.position!.last.index >= last.index) {
      const landed = this.landed;
      if (landed?.index === last.index) return landed.outcomes;
      throw new Error(
        `'${this.machine.name}' holds command ${this.position!.last.index} already, and ${last.index} was to be applied`,
      );
    }
    const withSavepoints = this.savepointsFor > 0;
    try {
      return await this.transaction(commands, mistakes, withSavepoints);
    } catch (error) {
      this.hasRolledBack = true;
      await queryRunner.rollbackTransaction().catch(() => undefined);
      if (error instanceof NeedsSavepointsError) {
        this.savepointsFor = BATCHES_WITH_SAVEPOINTS;
        return this.attempt(commands, mistakes);
      }
      if (error instanceof SqlMistakeError && !error.isOfSession) throw error;
      // Whether it is this session or the database: the next attempt begins with a new one.
      await this.dropSession();
      throw error;
    }
  }

  /** What the transaction that is being committed answers, if it lands. */
  private landed: { readonly index: number; readonly outcomes: readonly BackedOutcome[] } | undefined;

  private async transaction(
    commands: readonly BackedCommand[],
    mistakes: ReadonlyMap<number, string>,
    withSavepoints: boolean,
  ): Promise<readonly BackedOutcome[]> {
    const { outcomes: kept, mistakes: record, results, schema } = this.requireOpened();
    const { row, catalog } = schema;
    const { clusterId } = this;
    const session = this.session!;
    const { queryRunner } = session;
    const last = commands[commands.length - 1]!;
    await asTransient(queryRunner.startTransaction());
    if (this.hasRolledBack) await asTransient(row.rewind(queryRunner, this.position!.sequences));
    this.hasRolledBack = false;
    const outcomes = await runBatch(session, commands, withSavepoints, {
      machineName: this.machine.name,
      instance: this.machine.instance,
      origin: `${clusterId} ${this.machine.name}`,
      results,
      deferred: catalog.deferred,
      mistakes,
      bug: (index, message, error) =>
        this.machine.logger?.error(`At index ${index}: ${message}${error instanceof Error ? `\n${error.stack}` : ''}`),
    });
    await asTransient(kept.write(queryRunner, commands, outcomes));
    await asTransient(record.write(queryRunner, commands, mistakes));
    const { position, isStale, isOtherSchema } = await asTransient(row.advance(queryRunner, last));
    if (isOtherSchema) {
      this.requireOpened().changed();
      throw new SchemaChangedError();
    }
    this.landed = { index: last.index, outcomes };
    await asTransient(queryRunner.commitTransaction());
    this.position = isStale ? await asTransient(row.rebase(queryRunner)) : position;
    if (this.savepointsFor > 0) this.savepointsFor--;
    return outcomes;
  }

  /** A session whose place in the log is known. */
  private async sessionInOrder(): Promise<ApplySession> {
    if (this.session !== undefined) return this.session;
    const { dataSource, schema } = this.requireOpened();
    const { catalog, row } = schema;
    const { clusterId } = this;
    const session = await asTransient(
      ApplySession.connect(dataSource, this.machine.name, this.names, {
        filled: catalog.filled,
        warn: process.env['NODE_ENV'] === 'production' ? undefined : (sentence) => this.machine.logger?.warn(sentence),
      }),
    );
    try {
      const claimed = await asTransient(row.claim(session.queryRunner, clusterId));
      this.position = claimed.position;
      this.forgottenThrough = claimed.forgottenThrough;
    } catch (error) {
      await session.end(dataSource);
      throw error;
    }
    this.hasRolledBack = true;
    this.session = session;
    return session;
  }

  private async dropSession(): Promise<void> {
    const { session, opened } = this;
    this.session = undefined;
    if (session !== undefined && opened !== undefined) await session.end(opened.dataSource);
  }

  private requireOpened(): OpenedTables {
    if (this.opened === undefined) throw new Error(`The tables of '${this.machine.name}' aren't open`);
    return this.opened;
  }
}
