import { MigrationExecutor } from 'typeorm';
import { type PinnedConnection } from './connection/pinned-connection';
import { quoted } from './entities/tables';

/**
 * Creates schema and tables where they are missing. Several instances may start on one database at the same moment, and two
 * `CREATE TABLE` at once fail even with IF NOT EXISTS: so one migrates at a time, holding an advisory lock on the connection
 * that migrates.
 */
export async function migrate(session: PinnedConnection, schema: string): Promise<void> {
  const values = [`nestjs-raft migrations ${schema}`];
  await session.query({ text: 'SELECT pg_advisory_lock(hashtextextended($1::text, 0))', values, rowMode: 'array' });
  try {
    // Asked first, because CREATE SCHEMA IF NOT EXISTS needs the right to create it also where it exists.
    const [row] = await session.query({
      text: 'SELECT count(*)::int FROM pg_namespace WHERE nspname = $1',
      values: [schema],
      rowMode: 'array',
    });
    if (row?.[0] === 0) await session.query({ text: `CREATE SCHEMA ${quoted(schema)}`, rowMode: 'array' });
    const executor = new MigrationExecutor(session.queryRunner.dataSource, session.queryRunner);
    await executor.executePendingMigrations();
  } finally {
    await session
      .query({ text: 'SELECT pg_advisory_unlock(hashtextextended($1::text, 0))', values, rowMode: 'array' })
      .catch(() => undefined); // a lost session has given it back
  }
}
