import type { QueryRunner } from 'typeorm';
import { RaftError } from '../../errors/raft-error';
import { type LogId, ORIGIN } from '../../core/base/types';
import type { TablesCatalog } from './catalog';
import { contentSum } from './own-schema';
import { schemaMark } from './schema-hash';
import type { Database } from './database';
import { HASH_CHANGE, HASH_MODULUS, literal, type OwnNames, WRITER } from './sql-names';

/** Where a sequence stands. */
export interface SequenceValue {
  readonly value: string;
  /** Whether `value` was given out already. */
  readonly called: boolean;
}

/** How far the tables of one machine have come. */
export interface TablesPosition {
  readonly last: LogId;
  /** By the place in the catalog's order, since names may differ from node to node. */
  readonly sequences: readonly SequenceValue[];
  readonly hash: string;
  /** How many statements have changed the tables outside of commands. */
  readonly maintained: number;
}

interface StateColumns {
  readonly applied_index: string;
  readonly applied_term: string;
  readonly sequences: readonly SequenceValue[];
  readonly hash: string;
  readonly shape: string;
  readonly maintained: string;
}

const POSITION = 'applied_index, applied_term, sequences, hash::text, shape, maintained::text';

/** The row that is changed in the same transaction as the tables. */
export class StateRow {
  constructor(
    private readonly machine: string,
    private readonly names: OwnNames,
    private readonly catalog: TablesCatalog,
  ) {}

  /**
   * Reads the row, and makes it where there is none: then the tables are taken as they are, such as a migration has filled them.
   *
   * @returns it, and up to where outcomes were let go of
   * @throws RaftError `RAFT_CONFIGURATION` the tables hold the state of another cluster
   */
  async claim(
    queryRunner: QueryRunner,
    clusterId: string,
  ): Promise<{ position: TablesPosition; forgottenThrough: number }> {
    await queryRunner.query(
      `INSERT INTO ${this.names.state} (machine, cluster_id, applied_index, applied_term, sequences, hash, shape)
       VALUES ($1, $2, 0, 0, ${this.sequenceValues()}, 0, '') ON CONFLICT (machine) DO NOTHING`,
      [this.machine, clusterId],
    );
    const [row] = (await queryRunner.query(
      `SELECT cluster_id, forgotten_index, ${POSITION} FROM ${this.names.state} WHERE machine = $1`,
      [this.machine],
    )) as readonly (StateColumns & { readonly cluster_id: string; readonly forgotten_index: string })[];
    if (row!.cluster_id !== clusterId)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `The tables of '${this.machine}' hold the state of another cluster (${row!.cluster_id}, this one is ${clusterId}): ` +
          `what they hold isn't what this log made. Give the node an empty database, or, if nothing in it is needed, empty the tables and ${this.names.state}.`,
      );
    const position = row!.shape === this.catalog.shape ? positionOf(row!) : await this.rebase(queryRunner);
    return { position, forgottenThrough: Number(row!.forgotten_index) };
  }

  /** Says that outcomes up to an index are about to be let go of. */
  async forgetting(database: Database, through: number): Promise<void> {
    await database.query(
      `UPDATE ${this.names.state} SET forgotten_index = $2 WHERE machine = $1 AND forgotten_index < $2`,
      [this.machine, through],
    );
  }

  /**
   * Writes the position, in the transaction that is open.
   *
   * @returns it, whether the tables were changed by hand since, so that the hash has to be made again, and whether the schema was
   */
  async advance(
    queryRunner: QueryRunner,
    last: LogId,
  ): Promise<{ position: TablesPosition; isStale: boolean; isOtherSchema: boolean }> {
    const [rows] = (await queryRunner.query(
      `UPDATE ${this.names.state} SET applied_index = $2, applied_term = $3, sequences = ${this.sequenceValues()},
         hash = mod(mod(hash + coalesce(nullif(current_setting('${HASH_CHANGE}', true), ''), '0')::numeric, ${HASH_MODULUS}) + ${HASH_MODULUS}, ${HASH_MODULUS})
       WHERE machine = $1 RETURNING ${POSITION}, ${schemaMark(this.catalog.tables.map(({ oid }) => oid))} AS mark`,
      [this.machine, last.index, last.term],
    )) as readonly [readonly (StateColumns & { readonly mark: string })[], number];
    const [row] = rows;
    return {
      position: positionOf(row!),
      isStale: row!.shape !== this.catalog.shape,
      isOtherSchema: row!.mark !== this.catalog.mark,
    };
  }

  /** Sets the row to what a snapshot says. */
  async replace(
    queryRunner: QueryRunner,
    clusterId: string,
    last: LogId,
    { hash, maintained }: Pick<TablesPosition, 'hash' | 'maintained'>,
  ): Promise<TablesPosition> {
    const [row] = (await queryRunner.query(
      `INSERT INTO ${this.names.state} (machine, cluster_id, applied_index, applied_term, sequences, hash, shape, maintained, forgotten_index)
       VALUES ($1, $2, $3, $4, ${this.sequenceValues()}, $5, $6, $7, $3)
       ON CONFLICT (machine) DO UPDATE SET cluster_id = excluded.cluster_id, applied_index = excluded.applied_index,
         applied_term = excluded.applied_term, sequences = excluded.sequences, hash = excluded.hash, shape = excluded.shape,
         maintained = excluded.maintained, forgotten_index = excluded.forgotten_index
       RETURNING ${POSITION}`,
      [this.machine, clusterId, last.index, last.term, hash, this.catalog.shape, maintained],
    )) as readonly StateColumns[];
    return positionOf(row!);
  }

  /** Reads all rows once, after the tables were changed by something that isn't a command: a migration, a repair by hand. */
  async rebase(queryRunner: QueryRunner): Promise<TablesPosition> {
    const sums = this.catalog.tables.map(({ path, name }) => contentSum(literal(name), path));
    const [rows] = (await queryRunner.query(
      `UPDATE ${this.names.state} SET hash = mod(mod(${['0', ...sums].join(' + ')}, ${HASH_MODULUS}) + ${HASH_MODULUS}, ${HASH_MODULUS}), shape = $2
       WHERE machine = $1 RETURNING ${POSITION}`,
      [this.machine, this.catalog.shape],
    )) as readonly [readonly StateColumns[], number];
    return positionOf(rows[0]!);
  }

  /**
   * Puts the sequences where the last command left them: what an attempt that was rolled back has drawn isn't given back by
   * Postgres, and other nodes haven't drawn it.
   */
  async rewind(queryRunner: QueryRunner, values: readonly SequenceValue[]): Promise<void> {
    const calls = this.catalog.sequences.flatMap((name, at) => {
      const value = values[at];
      return value === undefined ? [] : [`setval(${literal(name)}::regclass, ${BigInt(value.value)}, ${value.called})`];
    });
    if (calls.length > 0) await queryRunner.query(`SELECT ${calls.join(', ')}`);
  }

  /** @returns where the sequences stand before the first command */
  async firstValues(queryRunner: QueryRunner): Promise<readonly SequenceValue[]> {
    const { sequences } = this.catalog;
    if (sequences.length === 0) return [];
    const starts = sequences.map(
      (name) => `(SELECT seqstart::text FROM pg_sequence WHERE seqrelid = ${literal(name)}::regclass)`,
    );
    const [row] = (await queryRunner.query(`SELECT ARRAY[${starts.join(', ')}] AS starts`)) as readonly {
      readonly starts: readonly string[];
    }[];
    return row!.starts.map((value) => ({ value, called: false }));
  }

  private sequenceValues(): string {
    const each = this.catalog.sequences.map(
      (name) => `(SELECT jsonb_build_object('value', last_value::text, 'called', is_called) FROM ${name})`,
    );
    return each.length === 0 ? `'[]'::jsonb` : `jsonb_build_array(${each.join(', ')})`;
  }
}

function positionOf({ applied_index, applied_term, sequences, hash, maintained }: StateColumns): TablesPosition {
  const index = Number(applied_index);
  const last = index === 0 ? ORIGIN : { index, term: Number(applied_term) };
  return { last, sequences, hash, maintained: Number(maintained) };
}

/** What makes values read as the same text in every session and on every node. */
export const TEXT_SETTINGS: readonly string[] = [
  `SET TimeZone = 'UTC'`,
  `SET DateStyle = 'ISO, YMD'`,
  `SET IntervalStyle = 'iso_8601'`,
  `SET extra_float_digits = 1`,
  `SET bytea_output = 'hex'`,
  `SET xmloption = 'content'`,
];

/** And what lets a session write, durably, however long that takes. */
export const WRITING_SETTINGS: readonly string[] = [
  ...TEXT_SETTINGS,
  `SET ${WRITER} = 'apply'`,
  `SET default_transaction_isolation = 'read committed'`,
  `SET default_transaction_read_only = off`,
  `SET synchronous_commit = on`,
  `SET statement_timeout = 0`,
  `SET lock_timeout = 0`,
  `SET idle_in_transaction_session_timeout = 0`,
  // A session whose node is gone ends, and with it its lock.
  `SET tcp_keepalives_idle = 5`,
  `SET tcp_keepalives_interval = 2`,
  `SET tcp_keepalives_count = 3`,
];

/** As the one above, while it works or waits; not every operating system that Postgres runs on can do this. */
export const CONNECTION_CHECK = `SET client_connection_check_interval = '1s'`;
