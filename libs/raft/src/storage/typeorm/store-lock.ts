import { StoreLockedError, StoreUnavailableError } from '../contract';
import type { PinnedConnection } from './connection/pinned-connection';
import { quoted } from './entities/tables';

const RETRY_MS = 50;

/** The lock of one schema's store: a session-level advisory lock, which ends when its session ends, whatever ended it. */
export class StoreLock {
  constructor(
    private readonly schema: string,
    /** How long it is waited for, in milliseconds. */
    readonly waitMs: number,
  ) {}

  /**
   * Takes it, waiting for a holder that may be about to end.
   *
   * @param owner the node that holds the store as far as it says
   * @throws StoreLockedError
   */
  async take(session: PinnedConnection, owner: () => Promise<string | undefined>): Promise<void> {
    const deadline = performance.now() + this.waitMs;
    while (!(await this.tryTake(session))) {
      if (performance.now() >= deadline) throw await this.locked(session, await owner());
      await pause();
    }
  }

  async tryTake(session: PinnedConnection): Promise<boolean> {
    const [row] = await session.query({
      text: `SELECT pg_try_advisory_lock(${this.key})`,
      values: [this.name],
      rowMode: 'array',
    });
    return row?.[0] === true;
  }

  async release(session: PinnedConnection): Promise<void> {
    await session.query({ text: `SELECT pg_advisory_unlock(${this.key})`, values: [this.name], rowMode: 'array' });
  }

  /**
   * Waits until an earlier session of ours is over, ending it where it lingers: its last statement has then landed, or never
   * will.
   *
   * @throws StoreUnavailableError if it doesn't end in time
   */
  async awaitEnd(session: PinnedConnection, earlier: PinnedConnection): Promise<void> {
    const deadline = performance.now() + this.waitMs;
    for (;;) {
      const rows = await session.query({
        text: 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2::timestamptz',
        values: [earlier.backendPid, earlier.backendStart],
        rowMode: 'array',
      });
      if (rows.length === 0) return;
      if (performance.now() >= deadline)
        throw new StoreUnavailableError(
          `The earlier session of this node (backend ${earlier.backendPid}) hasn't ended; its last write may still land. Trying again.`,
        );
      await pause();
    }
  }

  private get name(): string {
    return `nestjs-raft store ${this.schema}`;
  }

  private get key(): string {
    return 'hashtextextended($1::text, 0)';
  }

  private async locked(session: PinnedConnection, owner: string | undefined): Promise<StoreLockedError> {
    const [row] = (await session.query({
      text: `SELECT a.pid, a.application_name, coalesce(host(a.client_addr), 'a local socket')
        FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (l.classid::bigint << 32 | l.objid::bigint) = ${this.key}`,
      values: [this.name],
      rowMode: 'array',
    })) as [number, string, string][];
    const holder = row ? ` (backend ${row[0]}, '${row[1]}', connected from ${row[2]})` : '';
    return new StoreLockedError(
      `The store in schema ${quoted(this.schema)} is in use by node '${owner ?? 'unknown'}'${holder}. ` +
        'Two processes must never share a store: give each node a database or a schema of its own, or end the other process.',
    );
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, RETRY_MS);
  });
}
