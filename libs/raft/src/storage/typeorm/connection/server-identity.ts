import type { PinnedConnection } from './pinned-connection';

/**
 * Which database on which history of which server this is: system identifier, database, timeline. A restored backup, a
 * recovery to a point in time and a standby that took over begin another timeline; a dump that was read in elsewhere has
 * another system or database.
 *
 * @returns undefined where the server doesn't say
 */
export async function serverIdentity(session: PinnedConnection): Promise<string | undefined> {
  try {
    const [row] = await session.query({
      text: `SELECT 'system ' || (SELECT system_identifier FROM pg_control_system())
        || ', database ' || (SELECT oid FROM pg_database WHERE datname = current_database())
        || ', timeline ' || left(pg_walfile_name(pg_current_wal_lsn()), 8)`,
      rowMode: 'array',
    });
    return (row?.[0] as string | null | undefined) ?? undefined;
  } catch (error) {
    // 42501: the functions were taken away from this role. 0A000: this kind of server has none of it.
    const { code } = error as { readonly code?: string };
    if (code === '42501' || code === '42883' || code === '0A000') return undefined;
    throw error;
  }
}
