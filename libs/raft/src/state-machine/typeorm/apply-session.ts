import type { DataSource, QueryRunner } from 'typeorm';
import { RaftError } from '../../errors/raft-error';
import { CommandQueries, type CommandQueriesPorts } from './command-queries';
import { pause } from './patience';
import { prepareWhatComesAgain, type StatementClient } from './prepared-statements';
import { SeededColumns } from './seeded-columns';
import { type OwnNames, quoted } from './sql-names';
import { sqlStateOf } from './sql-error';
import { CONNECTION_CHECK, WRITING_SETTINGS } from './state-row';

/** Longer than a session lasts whose node's machine is gone without a word. */
const LOCK_ATTEMPTS = 200;
const LOCK_PAUSE_MS = 100;

/**
 * The one session that writes the tables. It holds a lock that ends with it: the holder of the lock knows that no write of an
 * earlier session can land.
 */
export class ApplySession {
  private constructor(
    readonly queryRunner: QueryRunner,
    readonly queries: CommandQueries,
    readonly seeded: SeededColumns,
  ) {}

  /**
   * @param ports of its commands' statements
   * @throws RaftError `RAFT_CONFIGURATION` another process has these tables
   */
  static async connect(
    dataSource: DataSource,
    machine: string,
    names: OwnNames,
    ports: CommandQueriesPorts,
  ): Promise<ApplySession> {
    const queryRunner = dataSource.createQueryRunner('master');
    try {
      prepareWhatComesAgain((await queryRunner.connect()) as StatementClient);
      await lock(queryRunner, `nestjs-raft tables ${names.schema} ${machine}`);
      for (const setting of WRITING_SETTINGS) await queryRunner.query(setting);
      await queryRunner.query(CONNECTION_CHECK).catch((error: unknown) => {
        if (sqlStateOf(error) === undefined) throw error;
      });
      // First of all, so that now() and random() in a command's SQL are ours, which are the same on every node.
      const [path] = (await queryRunner.query(
        `SELECT string_agg(quote_ident(name), ', ') AS path FROM unnest(current_schemas(false)) AS name WHERE name <> $1`,
        [names.schema],
      )) as readonly { readonly path: string | null }[];
      const theirs = path?.path ?? null;
      await queryRunner.query(
        `SET search_path = ${[quoted(names.schema), ...(theirs === null ? [] : [theirs]), 'pg_catalog'].join(', ')}`,
      );
    } catch (error) {
      await queryRunner.release().catch(() => undefined);
      throw error;
    }
    const seeded = new SeededColumns(queryRunner);
    dataSource.subscribers.push(seeded);
    return new ApplySession(queryRunner, new CommandQueries(queryRunner, ports), seeded);
  }

  /** Ends the session, and with it the lock. It isn't given back to the pool: it may write. */
  async end(dataSource: DataSource): Promise<void> {
    const at = dataSource.subscribers.indexOf(this.seeded);
    if (at >= 0) dataSource.subscribers.splice(at, 1);
    try {
      const client = (await this.queryRunner.connect()) as {
        readonly connection: { readonly stream: { destroy(): void } };
      };
      client.connection.stream.destroy();
    } catch {
      // It is gone already.
    }
    await this.queryRunner.release().catch(() => undefined);
  }
}

async function lock(queryRunner: QueryRunner, name: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const [row] = (await queryRunner.query('SELECT pg_try_advisory_lock(hashtextextended($1::text, 0)) AS locked', [
      name,
    ])) as readonly { readonly locked: boolean }[];
    if (row?.locked === true) return;
    if (attempt >= LOCK_ATTEMPTS)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        'Another process holds the replicated tables of this database: each node needs a database, or a schema, of its own. ' +
          'If a node was killed a moment ago, its session ends on its own; start again in a while.',
      );
    await pause(LOCK_PAUSE_MS);
  }
}
