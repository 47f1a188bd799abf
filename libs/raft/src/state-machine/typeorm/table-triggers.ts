import type { QueryRunner } from 'typeorm';
import type { ReplicatedTable } from './replicated-table';
import { type OwnNames, quoted, WRITER } from './sql-names';

const GUARD = 'nestjs_raft_guard';
const TRUNCATE_GUARD = 'nestjs_raft_guard_truncate';
const HASH_TRIGGERS = ['nestjs_raft_hash_insert', 'nestjs_raft_hash_update', 'nestjs_raft_hash_delete'] as const;

/** Those that this library puts on replicated tables. */
export const OUR_TRIGGERS: ReadonlySet<string> = new Set([GUARD, TRUNCATE_GUARD, ...HASH_TRIGGERS]);

/**
 * Puts the triggers on the tables that lack them: two refuse writes outside of commands, three keep the hash of the content.
 * They run once a statement, and those that refuse only where there is something to refuse.
 */
export async function makeTriggers(
  queryRunner: QueryRunner,
  tables: readonly ReplicatedTable[],
  names: OwnNames,
): Promise<void> {
  const rows = (await queryRunner.query(
    'SELECT tgrelid::int AS oid, tgname AS name FROM pg_trigger WHERE tgrelid = ANY ($1::oid[])',
    [tables.map(({ oid }) => oid)],
  )) as readonly { readonly oid: number; readonly name: string }[];
  const present = new Set(rows.map(({ oid, name }) => `${oid} ${name}`));
  for (const { oid, path } of tables)
    for (const [name, text] of triggersOf(path, names))
      if (!present.has(`${oid} ${name}`)) await queryRunner.query(text);
}

function triggersOf(path: string, names: OwnNames): readonly (readonly [string, string])[] {
  const [insert, update, remove] = HASH_TRIGGERS;
  const hash = (name: string, event: string, rows: string): readonly [string, string] => [
    name,
    `CREATE TRIGGER ${name} AFTER ${event} ON ${path} REFERENCING ${rows} FOR EACH STATEMENT EXECUTE FUNCTION ${names.of(`hash_${event.toLowerCase()}`)}()`,
  ];
  const guard = (name: string, events: string, writers: string): readonly [string, string] => [
    name,
    `CREATE TRIGGER ${name} BEFORE ${events} ON ${path} FOR EACH STATEMENT
       WHEN (coalesce(current_setting('${WRITER}', true), '') NOT IN (${writers})) EXECUTE FUNCTION ${names.of('guard')}()`,
  ];
  return [
    guard(GUARD, 'INSERT OR UPDATE OR DELETE', `'apply', 'restore', 'maintenance'`),
    guard(TRUNCATE_GUARD, 'TRUNCATE', `'restore', 'maintenance'`),
    hash(insert, 'INSERT', 'NEW TABLE AS new_rows'),
    hash(update, 'UPDATE', 'NEW TABLE AS new_rows OLD TABLE AS old_rows'),
    hash(remove, 'DELETE', 'OLD TABLE AS old_rows'),
  ];
}

export interface SwitchableTrigger {
  readonly path: string;
  readonly name: string;
}

/**
 * @returns triggers that add something to what is written: those that keep the hash, and allowed ones of the application. A
 * restore, whose rows have it already, switches them off.
 */
export async function switchable(
  queryRunner: QueryRunner,
  tables: readonly ReplicatedTable[],
): Promise<readonly SwitchableTrigger[]> {
  const rows = (await queryRunner.query(
    `SELECT tgrelid::int AS oid, tgname AS name FROM pg_trigger
     WHERE tgrelid = ANY ($1::oid[]) AND NOT tgisinternal AND tgenabled = 'O' AND NOT tgname = ANY ($2) ORDER BY tgname`,
    [tables.map(({ oid }) => oid), [GUARD, TRUNCATE_GUARD]],
  )) as readonly { readonly oid: number; readonly name: string }[];
  return rows.map(({ oid, name }) => ({ path: tables.find((table) => table.oid === oid)!.path, name }));
}

/** Statements that switch them, within the transaction; readers of the tables aren't kept waiting by them. */
export function switchTriggers(triggers: readonly SwitchableTrigger[], state: 'ENABLE' | 'DISABLE'): readonly string[] {
  return triggers.map(({ path, name }) => `ALTER TABLE ${path} ${state} TRIGGER ${quoted(name)}`);
}
