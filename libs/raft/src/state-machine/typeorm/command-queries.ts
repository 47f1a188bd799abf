import type { QueryRunner } from 'typeorm';
import { commandStatement } from './command-sql';
import { TIME_UNTOLD, WRITE_REFUSED } from './own-schema';
import { literal, NOW, SEED } from './sql-names';
import { meaningOf, sqlStateOf } from './sql-error';

/** The command used the database in a way that isn't the same on every node. It is a bug of the command, and answered alike. */
export class UnrepeatableSqlError extends Error {
  override readonly name = 'UnrepeatableSqlError';
}

const LOOKING_UP = ['save', 'remove', 'softRemove', 'recover'] as const;

export interface CommandQueriesPorts {
  /** Column defaults that differ from node to node: qualified table name → columns. */
  readonly filled: ReadonlyMap<string, ReadonlySet<string>>;
  /** Undefined in production: then rows without an order aren't looked for. */
  readonly warn: ((sentence: string) => void) | undefined;
}

/**
 * Stands between a command and its session: it tells the database the time and the chance that every node has, keeps what the
 * command may have hidden (an error that it caught), and refuses what can't be repeated.
 */
export class CommandQueries {
  /** An error of this node's database, which must not become an answer, whatever the command made of it. */
  private transient: unknown;
  /** A statement that is wrong for the schema, also where the command caught the error. */
  private mistake: unknown;
  private failed = false;
  private changed = false;
  private sessionSettings = false;
  /** What an earlier command of this transaction was told, or was to forget, may still be there. */
  private isStale = false;
  private command: { readonly timeMs: number; readonly seed: string } | undefined;
  private readonly warned = new Set<string>();
  /** What TypeORM looks up itself before it writes: it knows the rows by their keys. */
  private lookups = 0;
  private readonly send: QueryRunner['query'];

  constructor(
    queryRunner: QueryRunner,
    private readonly ports: CommandQueriesPorts,
  ) {
    this.send = queryRunner.query.bind(queryRunner);
    for (const name of LOOKING_UP) this.noteLookups(queryRunner.manager, name);
    queryRunner.query = this.query as QueryRunner['query'];
    queryRunner.stream = () =>
      Promise.reject(new UnrepeatableSqlError('A command can’t stream rows: read them with find() or query().'));
  }

  begin(timeMs: number, seed: string): void {
    this.command = { timeMs, seed };
    this.transient = undefined;
    this.mistake = undefined;
    this.failed = false;
    this.changed = false;
    this.isStale ||= this.sessionSettings;
    this.sessionSettings = false;
  }

  /** A transaction begins: nothing of those before is left. */
  transactionBegins(): void {
    this.sessionSettings = false;
    this.isStale = false;
  }

  /** A command was taken back: the session is told what it was told before that one. */
  takenBack(): void {
    this.isStale = true;
  }

  end(): void {
    this.command = undefined;
  }

  /** An error that another node wouldn't have met; undefined for none. */
  get transientError(): unknown {
    return this.transient;
  }

  /** The first error of a statement that is wrong for the schema here; undefined for none. */
  get mistakeError(): unknown {
    return this.mistake;
  }

  /** Whether the command may have left something in the transaction that has to be taken back where it refuses. */
  get leftTraces(): boolean {
    return this.changed || this.failed;
  }

  /** Whether a statement of the command failed. */
  get hasFailed(): boolean {
    return this.failed;
  }

  /** A statement of our own, between commands. */
  async own(text: string): Promise<unknown> {
    return this.send(text);
  }

  private readonly query = async (text: string, parameters?: unknown[], structured?: boolean): Promise<unknown> => {
    if (this.command === undefined) return this.send(text, parameters, structured as never);
    const statement = commandStatement(text);
    if (statement.writes) this.changed = true;
    this.refuseVaryingDefaults(statement.insert);
    if (statement.varies) await this.setSession();
    else if (!this.sessionSettings && this.isStale) await this.forget();
    try {
      const result: unknown = await this.send(statement.text, parameters, structured as never);
      if (statement.isUnordered) this.warnOfOrder(text, result);
      return result;
    } catch (error) {
      this.failed = true;
      const meaning = meaningOf(error);
      if (meaning === 'mistake') this.mistake ??= error;
      if (meaning === 'retry' && !isOwnRefusal(error) && !this.isOfAbortedTransaction(error)) this.transient ??= error;
      throw error;
    }
  };

  /** 25P02 says only that an earlier statement failed, which was looked at. */
  private isOfAbortedTransaction(error: unknown): boolean {
    return sqlStateOf(error) === '25P02';
  }

  private async setSession(): Promise<void> {
    if (this.sessionSettings) return;
    this.sessionSettings = true;
    const { timeMs, seed } = this.command!;
    const time = new Date(timeMs).toISOString();
    await this.send(
      `SELECT set_config('${NOW}', ${literal(time)}, true), set_config('${SEED}', ${literal(seed)}, true), set_config('nestjs_raft.draws', '0', true)`,
    );
  }

  /** What a function of the user asks for unseen must not depend on which commands are applied together. */
  private async forget(): Promise<void> {
    this.isStale = false;
    await this.send(`SELECT set_config('${NOW}', '', true), set_config('${SEED}', '', true)`);
  }

  private refuseVaryingDefaults(
    insert: { readonly table: string; readonly columns: readonly string[] } | undefined,
  ): void {
    if (insert === undefined || this.ports.filled.size === 0) return;
    for (const [path, columns] of this.ports.filled) {
      if (!isTable(insert.table, path)) continue;
      const missing = [...columns].filter((column) => !insert.columns.includes(column));
      if (missing.length > 0)
        throw new UnrepeatableSqlError(
          `An INSERT into ${insert.table} leaves ${missing.join(', ')} to a default of the database that differs from node to node: ` +
            'name the column and give it context.date() or context.uuid(), or insert the entity.',
        );
    }
  }

  private noteLookups(manager: QueryRunner['manager'], name: (typeof LOOKING_UP)[number]): void {
    const method = (manager[name] as (...args: unknown[]) => Promise<unknown>).bind(manager);
    const noted = async (...args: unknown[]): Promise<unknown> => {
      this.lookups++;
      try {
        return await method(...args);
      } finally {
        this.lookups--;
      }
    };
    Object.defineProperty(manager, name, { value: noted, configurable: true });
  }

  private warnOfOrder(text: string, result: unknown): void {
    if (this.lookups > 0) return;
    const rows = Array.isArray(result) ? result : (result as { readonly records?: unknown } | undefined)?.records;
    if (this.ports.warn === undefined || !Array.isArray(rows) || rows.length < 2 || this.warned.has(text)) return;
    this.warned.add(text);
    this.ports.warn(
      `A command reads ${rows.length} rows without ORDER BY; another node may see them in another order, and differ if that matters: ${text}`,
    );
  }
}

/** Raised by our functions, by what the command does: the same on every node. */
function isOwnRefusal(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === WRITE_REFUSED || state === TIME_UNTOLD;
}

/** `path` is qualified and quoted; a statement may leave out the schema, and the quotes. */
function isTable(written: string, path: string): boolean {
  if (written === path) return true;
  const name = path.slice(path.lastIndexOf('.') + 1);
  return written === name || written === name.slice(1, -1) || written.replaceAll('"', '') === path.replaceAll('"', '');
}
