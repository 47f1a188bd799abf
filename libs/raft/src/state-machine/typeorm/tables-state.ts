import type { DataSource } from 'typeorm';
import { crc32c } from '../../core/crc32c';
import type { LogId } from '../../core/types';
import type { BackedCommand, BackedMachine, BackedOutcome, BackedQuery, BackedStart, BackedState } from '../backing';
import type { CommandOutcome, SnapshotSource } from '../contract';
import { RestoreInterruptedError } from '../host-errors';
import { ApplySession } from './apply-session';
import { NeedsSavepointsError, runBatch, TransientError } from './apply-batch';
import { asTransient } from './as-transient';
import { readCatalog, type TablesCatalog } from './catalog';
import { KeptOutcomes } from './kept-outcomes';
import { makeOwnSchema } from './own-schema';
import { elapsedMs, patiently } from './patience';
import { PlainResults } from './plain-result';
import { filledColumns } from './seeded-columns';
import { meaningOf } from './sql-error';
import { type OwnNames, ownNames } from './sql-names';
import { StateRow, type TablesPosition } from './state-row';
import { RefusedWrites } from './refused-writes';
import { runTableQuery } from './table-query';
import { makeTriggers } from './table-triggers';
import { connectTables } from './tables-connection';
import type { TablesSettings } from './tables-options';
import { TablesCapture } from './tables-capture';
import { restoreTables } from './tables-restore';

/** After a batch that needed savepoints, so many are applied with them: refusals come in groups. */
const BATCHES_WITH_SAVEPOINTS = 8;

/** What is there once the state is opened. */
interface Opened {
  readonly dataSource: DataSource;
  readonly catalog: TablesCatalog;
  readonly row: StateRow;
  readonly outcomes: KeptOutcomes;
  readonly results: PlainResults;
  /** A short form of the catalog's. */
  readonly shape: string;
  readonly refusedWrites: RefusedWrites | undefined;
}

/** The tables of one machine in this node's Postgres. Made by `typeOrmTables()`. */
export class TablesState implements BackedState {
  private readonly names: OwnNames;
  private opened: Opened | undefined;
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

  constructor(
    private readonly machine: BackedMachine,
    private readonly settings: TablesSettings,
  ) {
    this.names = ownNames(settings.schema);
  }

  async prepare(): Promise<void> {
    const dataSource = await connectTables(this.machine, this.settings);
    const names = this.names;
    const queryRunner = dataSource.createQueryRunner('master');
    let catalog: TablesCatalog;
    const filled = filledColumns(dataSource);
    const named = this.settings.dataSource;
    try {
      await makeOwnSchema(queryRunner, names);
      catalog = await readCatalog(dataSource, queryRunner, this.settings, filled);
      await makeTriggers(queryRunner, catalog.tables, names);
    } catch (error) {
      await queryRunner.release();
      await dataSource.destroy();
      throw error;
    }
    await queryRunner.release();
    this.opened = {
      dataSource,
      catalog,
      row: new StateRow(this.machine.name, names, catalog),
      outcomes: new KeptOutcomes(this.machine.name, names),
      results: new PlainResults(dataSource),
      shape: String(crc32c(0, Buffer.from(catalog.shape, 'utf8'))),
      refusedWrites: named === undefined ? undefined : RefusedWrites.listenTo(this.machine.dataSource(named)),
    };
  }

  async open(clusterId: string): Promise<BackedStart> {
    const { outcomes } = this.requireOpened();
    this.clusterId = clusterId;
    return this.patiently('They are opened again.', async () => {
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

  async apply(commands: readonly BackedCommand[]): Promise<readonly BackedOutcome[]> {
    const { commandsPerTransaction } = this.settings;
    if (commands.length <= commandsPerTransaction) return this.applyTogether(commands);
    const outcomes: BackedOutcome[] = [];
    for (let from = 0; from < commands.length; from += commandsPerTransaction)
      outcomes.push(...(await this.applyTogether(commands.slice(from, from + commandsPerTransaction))));
    return outcomes;
  }

  private async applyTogether(commands: readonly BackedCommand[]): Promise<readonly BackedOutcome[]> {
    const from = `The commands from ${commands[0]!.index} on are applied again.`;
    return this.patiently(from, () => this.attempt(commands));
  }

  async query(query: BackedQuery): Promise<CommandOutcome> {
    const { dataSource, results } = this.requireOpened();
    return runTableQuery(dataSource, this.machine, query, results);
  }

  async capture(): Promise<SnapshotSource> {
    const { dataSource, catalog } = this.requireOpened();
    return TablesCapture.begin(dataSource, catalog, this.position!);
  }

  async restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      await this.restoreOnce(last, chunks);
      this.failingSinceMs = undefined;
    } catch (error) {
      if (!(error instanceof Error) || !(error instanceof TransientError || meaningOf(error) === 'retry')) throw error;
      await this.dropSession();
      this.failingSinceMs ??= elapsedMs();
      if (elapsedMs() - this.failingSinceMs > this.settings.retryForMs) throw this.givenUp(error);
      throw new RestoreInterruptedError(`the database of '${this.machine.name}' failed: ${error.message}`, error);
    }
  }

  private async restoreOnce(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { catalog, row, outcomes } = this.requireOpened();
    const { clusterId } = this;
    const { queryRunner } = await this.sessionInOrder();
    this.hasRolledBack = true;
    await queryRunner.startTransaction();
    try {
      const content = await restoreTables(queryRunner, catalog, chunks);
      await row.rewind(queryRunner, content.sequences);
      const replaced = await row.replace(queryRunner, clusterId, last, content);
      const position = content.shape === catalog.shape ? replaced : await row.rebase(queryRunner);
      await outcomes.forget(queryRunner, Number.MAX_SAFE_INTEGER);
      await queryRunner.commitTransaction();
      this.position = position;
      this.hasRolledBack = false;
    } catch (error) {
      await queryRunner.rollbackTransaction().catch(() => undefined);
      throw error;
    }
  }

  async snapshotStored(index: number): Promise<void> {
    const { dataSource, row, outcomes } = this.requireOpened();
    await row.forgetting(dataSource, index);
    await outcomes.forget(dataSource, index);
  }

  version(): string {
    return `${this.position?.maintained ?? 0} ${this.opened?.shape ?? ''}`;
  }

  hash(): string {
    return this.position?.hash ?? '';
  }

  async close(): Promise<void> {
    this.closed = true;
    const { opened, session } = this;
    this.session = undefined;
    this.opened = undefined;
    if (opened === undefined) return;
    opened.refusedWrites?.stop();
    await session?.end(opened.dataSource);
    await opened.dataSource.destroy().catch(() => undefined);
  }

  private async attempt(commands: readonly BackedCommand[]): Promise<readonly BackedOutcome[]> {
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
      return await this.transaction(commands, withSavepoints);
    } catch (error) {
      this.hasRolledBack = true;
      await queryRunner.rollbackTransaction().catch(() => undefined);
      if (error instanceof NeedsSavepointsError) {
        this.savepointsFor = BATCHES_WITH_SAVEPOINTS;
        return this.attempt(commands);
      }
      // Whether it is this session or the database: the next attempt begins with a new one.
      await this.dropSession();
      throw error;
    }
  }

  /** What the transaction that is being committed answers, if it lands. */
  private landed: { readonly index: number; readonly outcomes: readonly BackedOutcome[] } | undefined;

  private async transaction(
    commands: readonly BackedCommand[],
    withSavepoints: boolean,
  ): Promise<readonly BackedOutcome[]> {
    const { row, outcomes: kept, catalog, results } = this.requireOpened();
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
      bug: (index, message, error) =>
        this.machine.logger?.error(`At index ${index}: ${message}${error instanceof Error ? `\n${error.stack}` : ''}`),
    });
    await asTransient(kept.write(queryRunner, commands, outcomes));
    const { position, isStale } = await asTransient(row.advance(queryRunner, last));
    this.landed = { index: last.index, outcomes };
    await asTransient(queryRunner.commitTransaction());
    this.position = isStale ? await asTransient(row.rebase(queryRunner)) : position;
    if (this.savepointsFor > 0) this.savepointsFor--;
    return outcomes;
  }

  /** A session whose place in the log is known. */
  private async sessionInOrder(): Promise<ApplySession> {
    if (this.session !== undefined) return this.session;
    const { dataSource, catalog, row } = this.requireOpened();
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

  private patiently<T>(remedy: string, attempt: () => Promise<T>): Promise<T> {
    const { name, logger } = this.machine;
    return patiently(attempt, {
      forMs: this.settings.retryForMs,
      isPassing: (error) => error instanceof TransientError && !this.closed,
      again: ({ message }) => logger?.warn(`'${name}': ${message}. ${remedy}`),
      givenUp: (error) => this.givenUp(error),
    });
  }

  private requireOpened(): Opened {
    if (this.opened === undefined) throw new Error(`The tables of '${this.machine.name}' aren't open`);
    return this.opened;
  }

  private givenUp(cause: Error): Error {
    const { name } = this.machine;
    const problem = `the database of the replicated tables '${name}' fails since more than ${this.settings.retryForMs} ms`;
    return new Error(`${problem}: ${cause.message}`, { cause });
  }
}
