import type { StoreBoot, StoreIdentity } from '../../contract';
import { ownedByAnother } from '../../refusals';
import { toSafeInteger } from '../entities/safe-integer';
import type { PinnedConnection } from '../connection/pinned-connection';
import { serverIdentity } from '../connection/server-identity';
import { quoted, type Tables } from '../entities/tables';

/** The row that says whose store this is, and how often it was opened. */
export class StoreRow {
  constructor(private readonly tables: Tables) {}

  async nodeName(session: PinnedConnection): Promise<string | undefined> {
    const [row] = await session.query({ text: `SELECT node_name FROM ${this.tables.store}`, rowMode: 'array' });
    return row?.[0] as string | undefined;
  }

  async epoch(session: PinnedConnection): Promise<number | undefined> {
    const [row] = await session.query({ text: `SELECT epoch FROM ${this.tables.store}`, rowMode: 'array' });
    return row ? toSafeInteger(row[0]) : undefined;
  }

  /** @throws StoreOwnerError */
  async refuseOtherOwner(session: PinnedConnection, nodeName: string): Promise<void> {
    const owner = await this.nodeName(session);
    if (owner !== undefined && owner !== nodeName)
      throw ownedByAnother(
        owner,
        nodeName,
        `the store in schema ${quoted(this.tables.schema)}`,
        `Give each node a database or a schema of its own; if it is the same node under a new name, start it as '${owner}' again.`,
      );
  }

  /** Takes possession: the caller holds the lock. From here on no write of an earlier owner lands. */
  async raiseEpoch(session: PinnedConnection, boot: StoreBoot): Promise<StoreIdentity> {
    const { store } = this.tables;
    const { group } = this.tables;
    const server = await serverIdentity(session);
    const values = [boot.nodeName, boot.newIncarnation, boot.bootNonce, server ?? null];
    const [before] = (await session.query({
      text: `SELECT boot_nonce, released, notes, server, EXISTS (SELECT 1 FROM ${group}) FROM ${store}`,
      rowMode: 'array',
    })) as [string, boolean, string, string | null, boolean][];
    // A store without a group has promised nothing yet.
    const wroteIt = before?.[4] === true ? before[3] : null;
    const isMoved = wroteIt !== null && server !== undefined && wroteIt !== server;
    const [row] = (await session.query({
      text: `INSERT INTO ${store} AS s (node_name, incarnation, epoch, boot_nonce, released, opened_at, server)
        VALUES ($1, $2, 1, $3, false, now(), $4)
        ON CONFLICT (singleton) DO UPDATE
          SET epoch = s.epoch + 1, boot_nonce = excluded.boot_nonce, released = false, opened_at = now(),
            server = ${isMoved ? 's.server' : 'excluded.server'}
        RETURNING incarnation, epoch`,
      values,
      rowMode: 'array',
    })) as [string, unknown][];
    if (!row) throw new Error('The store row was not written');
    return {
      incarnation: row[0],
      epoch: toSafeInteger(row[1]),
      // A store that took the place of one that was set aside was never started.
      previousBootNonce: before?.[0] || null,
      takenOver: before ? !before[1] : false,
      notes: before?.[2] ?? '',
      moved: isMoved ? this.movedSentence(wroteIt, server) : null,
    };
  }

  /** @returns whether the store is still this owner's */
  async saveNotes(session: PinnedConnection, epoch: number, notes: string): Promise<boolean> {
    const rows = await session.query({
      text: `UPDATE ${this.tables.store} SET notes = $3 WHERE epoch = $1::bigint AND pg_backend_pid() = $2::int RETURNING 1`,
      values: [epoch, session.backendPid, notes],
      rowMode: 'array',
    });
    return rows.length > 0;
  }

  private movedSentence(wroteIt: string, now: string): string {
    return (
      `The store in schema ${quoted(this.tables.schema)} was written by Postgres ${wroteIt}, and is served by ${now} now: it was ` +
      'restored from a backup, or moved. Its last votes and entries may be missing. Repair the node (POST /_raft/repair). Only if the ' +
      `copy was made after the node's last stop, as by pg_upgrade: UPDATE ${this.tables.store} SET server = NULL.`
    );
  }

  /** Says that the owner ended in order. */
  async release(session: PinnedConnection, epoch: number): Promise<void> {
    await session.query({
      text: `UPDATE ${this.tables.store} SET released = true WHERE epoch = $1::bigint`,
      values: [epoch],
      rowMode: 'array',
    });
  }
}
