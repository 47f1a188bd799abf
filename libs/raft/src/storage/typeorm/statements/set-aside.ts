import { type NewOwner, StoreUnavailableError } from '../../contract';
import type { PinnedConnection } from '../connection/pinned-connection';
import { sqlStateOf } from '../connection/postgres-client';
import { quoted, type Tables } from '../entities/tables';

const NOT_PERMITTED = '42501';
/** An identifier has 63 bytes at most. */
const LONGEST_BASE = 40;

/**
 * Moves the tables of a store into a schema of their own, and makes empty ones in their place: one transaction, which no row is
 * copied for. The caller holds the lock.
 *
 * @returns where they are
 */
export async function setTablesAside(
  session: PinnedConnection,
  tables: Tables,
  { nodeName, newIncarnation, notes, label }: NewOwner,
  server: string | undefined,
): Promise<string> {
  const { schema } = tables;
  const kept = `${schema.slice(0, LONGEST_BASE)}_damaged_${label}`;
  const query = (text: string, values: readonly (string | null)[] = []) =>
    session.query({ text, values, rowMode: 'array' });
  await query('BEGIN');
  try {
    await makeSchema(query, kept);
    for (const table of ['store', 'group', 'batch', 'entry', 'snapshot', 'chunk'] as const) {
      const name = tables[table].slice(quoted(schema).length);
      await query(`ALTER TABLE ${tables[table]} SET SCHEMA ${quoted(kept)}`);
      await query(`CREATE TABLE ${tables[table]} (LIKE ${quoted(kept)}${name} INCLUDING ALL)`);
    }
    await query(
      `INSERT INTO ${tables.store} (node_name, incarnation, epoch, boot_nonce, released, opened_at, notes, server, summed)
       VALUES ($1, $2, 0, '', true, now(), $3, $4, true)`,
      [nodeName, newIncarnation, notes, server ?? null],
    );
    await query('COMMIT');
  } catch (error) {
    await query('ROLLBACK').catch(() => undefined);
    throw error;
  }
  return `the tables of schema ${quoted(kept)}`;
}

async function makeSchema(
  query: (text: string, values?: readonly string[]) => Promise<readonly unknown[][]>,
  schema: string,
): Promise<void> {
  const [found] = await query('SELECT count(*)::int FROM pg_namespace WHERE nspname = $1', [schema]);
  if (found?.[0] !== 0) return;
  try {
    await query(`CREATE SCHEMA ${quoted(schema)}`);
  } catch (error) {
    if (sqlStateOf(error) !== NOT_PERMITTED) throw error;
    throw new StoreUnavailableError(
      `The damaged store can't be set aside: this role may not create the schema ${quoted(schema)}. Give it the right ` +
        '(GRANT CREATE ON DATABASE), and repair the node again.',
      { cause: error },
    );
  }
}
