import type { QueryRunner } from 'typeorm';
import type { ReplicatedTable } from './replicated-table';
import { literal, type OwnNames, quoted } from './sql-names';

/** An identifier has 63 bytes at most. */
const LONGEST_BASE = 40;

/**
 * Copies the tables, and what this library says of them, into a schema of their own, in one transaction; where it is there
 * already, nothing is done. A copy, as the tables' own definitions belong to the application and its migrations.
 */
export async function keepTablesAside(
  queryRunner: QueryRunner,
  machine: string,
  tables: readonly ReplicatedTable[],
  names: OwnNames,
  label: string,
): Promise<void> {
  const schema = `${names.schema.slice(0, LONGEST_BASE)}_damaged_${label}`;
  await queryRunner.startTransaction();
  try {
    await queryRunner.query('SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))', [
      `nestjs-raft kept ${schema}`,
    ]);
    await queryRunner.query(`CREATE SCHEMA IF NOT EXISTS ${quoted(schema)}`);
    const keep = async (name: string, from: string): Promise<void> => {
      await queryRunner.query(`CREATE TABLE IF NOT EXISTS ${quoted(schema)}.${quoted(name)} AS ${from}`);
    };
    // Two machines may have tables of one name in schemas of their own.
    for (const [at, { name, path }] of tables.entries())
      await keep(`${machine}_${at}_${name}`.slice(0, 63), `TABLE ${path}`);
    await keep(`${machine}_state`.slice(0, 63), `SELECT * FROM ${names.state} WHERE machine = ${literal(machine)}`);
    await queryRunner.commitTransaction();
  } catch (error) {
    await queryRunner.rollbackTransaction().catch(() => undefined);
    throw error;
  }
}
