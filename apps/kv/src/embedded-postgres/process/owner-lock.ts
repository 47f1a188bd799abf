import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { EmbeddedPostgresError } from '../embedded-postgres.error';
import type { ServerAddress } from '../server/server-address';
import { connectionTo } from '../server/server-connection';

/** Two-part key of the advisory lock in the database `postgres`; the storage's own locks are in another database. */
const LOCK_KEY = [0x6b_76, 0x70_67] as const;
/** A killed owner's connection ends within milliseconds; a graceful one ends with its server. */
const PATIENCE_MS = 5_000;
const RETRY_MS = 50;
const REACQUIRE_MS = 1_000;

const nameOf = (pid: number): string => `embedded-postgres owner ${pid}`;

async function tryLock(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS locked', [
    ...LOCK_KEY,
  ]);
  return rows[0]?.locked === true;
}

async function describeHolder(client: Client): Promise<string> {
  const { rows } = await client.query<{ application_name: string }>(
    `SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)
      WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND granted`,
    [...LOCK_KEY],
  );
  const pid = /(\d+)$/.exec(rows[0]?.application_name ?? '')?.[1];
  return pid === undefined ? 'another process' : `the process ${pid}`;
}

/**
 * Says that this process owns the server: who takes a server over also stops it, and a node that was started a second time by
 * mistake must not end the database of the first. Held as a session's advisory lock, it ends with the process, however that ends.
 */
export class OwnerLock {
  private client: Client | undefined;
  private released = false;

  private constructor(
    private readonly address: ServerAddress,
    client: Client,
  ) {
    this.hold(client);
  }

  /**
   * @returns the lock, or undefined where the server went away meanwhile (its earlier owner was just stopping it)
   * @throws EmbeddedPostgresError `DATA_DIR_IN_USE` where a living process holds it
   */
  static async acquire(address: ServerAddress, dataDir: string): Promise<OwnerLock | undefined> {
    const client = connectionTo(address, nameOf(process.pid));
    const deadline = performance.now() + PATIENCE_MS;
    try {
      await client.connect();
      while (!(await tryLock(client))) {
        if (performance.now() > deadline)
          throw new EmbeddedPostgresError(
            'DATA_DIR_IN_USE',
            `The database in ${dataDir} belongs to ${await describeHolder(client)}, which is running. Stop that one first, or give this one another --data-dir.`,
          );
        await delay(RETRY_MS);
      }
      return new OwnerLock(address, client);
    } catch (error) {
      await client.end().catch(() => undefined);
      if (error instanceof EmbeddedPostgresError) throw error;
      return undefined;
    }
  }

  /** From now on a lost connection is expected. Ends the connection if the server hasn't yet. */
  async release(): Promise<void> {
    this.released = true;
    await this.client?.end().catch(() => undefined);
  }

  /** The server is about to end this connection: don't ask for the lock again. */
  expectEnd(): void {
    this.released = true;
  }

  private hold(client: Client): void {
    this.client = client;
    // The lock alone keeps no process alive. (pg has the method; its types lack it.)
    (client as Client & { unref(): void }).unref();
    client.once('end', () => {
      if (this.client === client) this.client = undefined;
      this.askAgainLater();
    });
  }

  /** A backend that crashes makes the server restart automatically, and every session with its locks is gone. */
  private askAgainLater(): void {
    if (this.released) return;
    setTimeout(() => void this.askAgain(), REACQUIRE_MS).unref();
  }

  private async askAgain(): Promise<void> {
    if (this.released) return;
    let client: Client | undefined;
    try {
      client = connectionTo(this.address, nameOf(process.pid));
      await client.connect();
      if (!this.released && (await tryLock(client))) return this.hold(client);
    } catch {
      // not there yet
    }
    await client?.end().catch(() => undefined);
    this.askAgainLater();
  }
}
