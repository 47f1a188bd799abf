import type { BackedCommand } from '../declare/backing';
import type { Database } from './database';
import type { OwnNames } from './sql-names';

/** How far behind a snapshot mistakes are remembered, in entries: a node that is further behind gets a snapshot itself. */
const REMEMBERED_ENTRIES = 1_000_000;

/**
 * Which commands cost themselves by an SQL mistake, stored with the effects of the others, for nodes that can't tell by
 * themselves. A row without an SQLSTATE says up to where nothing is known.
 */
export class MistakeRecord {
  constructor(
    private readonly machine: string,
    private readonly names: OwnNames,
  ) {}

  /** Writes those that are among `commands`. */
  async write(database: Database, commands: readonly BackedCommand[], all: ReadonlyMap<number, string>): Promise<void> {
    const mistakes = new Map([...all].filter(([index]) => commands.some((command) => command.index === index)));
    if (mistakes.size === 0) return;
    await database.query(
      `INSERT INTO ${this.names.mistake} (machine, index, sql_state) SELECT $1, * FROM unnest($2::bigint[], $3::text[])`,
      [this.machine, [...mistakes.keys()], [...mistakes.values()]],
    );
  }

  /** @returns those of these commands, and from which command on all are known */
  async read(
    database: Database,
    indexes: readonly number[],
  ): Promise<{ readonly mistakes: ReadonlyMap<number, string>; readonly knownFrom: number }> {
    const rows = (await database.query(
      `SELECT index, sql_state FROM ${this.names.mistake} WHERE machine = $1 AND (sql_state = '' OR index = ANY ($2::bigint[]))`,
      [this.machine, indexes],
    )) as readonly { readonly index: string; readonly sql_state: string }[];
    const unknown = rows.filter(({ sql_state: sqlState }) => sqlState === '').map(({ index }) => Number(index));
    const known = rows.filter(({ sql_state: sqlState }) => sqlState !== '');
    return {
      mistakes: new Map(known.map(({ index, sql_state: sqlState }) => [Number(index), sqlState])),
      knownFrom: Math.max(0, ...unknown) + 1,
    };
  }

  /** The state is that of a snapshot: of commands up to there nothing is known. */
  async replaced(database: Database, through: number): Promise<void> {
    await database.query(`DELETE FROM ${this.names.mistake} WHERE machine = $1`, [this.machine]);
    await this.unknownThrough(database, through);
  }

  /** A snapshot up to this index is stored. */
  async snapshotStored(database: Database, index: number): Promise<void> {
    const through = index - REMEMBERED_ENTRIES;
    if (through <= 0) return;
    const [deleted] = (await database.query(
      `WITH gone AS (DELETE FROM ${this.names.mistake} WHERE machine = $1 AND index <= $2 RETURNING sql_state)
       SELECT count(*)::int AS count FROM gone`,
      [this.machine, through],
    )) as readonly { readonly count: number }[];
    if ((deleted?.count ?? 0) > 0) await this.unknownThrough(database, through);
  }

  private async unknownThrough(database: Database, through: number): Promise<void> {
    await database.query(
      `INSERT INTO ${this.names.mistake} (machine, index, sql_state) VALUES ($1, $2, '')
       ON CONFLICT (machine, index) DO UPDATE SET sql_state = ''`,
      [this.machine, through],
    );
  }
}
