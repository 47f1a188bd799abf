import { Client, DatabaseError } from 'pg';
import { isSameDirectory } from '../process/process-table';
import { readSystemIdentifier } from './postmaster-file';
import { type ServerAddress, SUPERUSER } from './server-address';

const CONNECT_TIMEOUT_MS = 5_000;

/** Everything is said, so that no PG… variable of this process leads the connection elsewhere. */
export function connectionTo({ host, port, password = '' }: ServerAddress, applicationName: string): Client {
  const client = new Client({
    host,
    port,
    user: SUPERUSER,
    database: 'postgres',
    password,
    ssl: false,
    options: '-c search_path=pg_catalog',
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // Without a listener, the end of a connection would end the process.
  client.on('error', () => undefined);
  return client;
}

async function withConnection<T>(address: ServerAddress, use: (client: Client) => Promise<T>): Promise<T> {
  const client = connectionTo(address, 'embedded-postgres');
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** `silent`: nothing that answers yet; `other`: a server, but not the one over this data directory. */
export type Answer = 'ours' | 'other' | 'silent';

/** Asks the server at an address who it is: a port number, as a process id, may meanwhile be somebody else's. */
export async function askIdentity(address: ServerAddress, dataDir: string): Promise<Answer> {
  try {
    const answer = await withConnection(address, (client) =>
      client.query<{ system_identifier: string; data_directory: string }>(
        `SELECT system_identifier::text, current_setting('data_directory') AS data_directory FROM pg_control_system()`,
      ),
    );
    const [row] = answer.rows;
    const ours =
      row?.system_identifier === (await readSystemIdentifier(dataDir)) && isSameDirectory(row.data_directory, dataDir);
    return ours ? 'ours' : 'other';
  } catch (error) {
    // Class 28: a Postgres that doesn't know our superuser. 57P03 (starting up, shutting down) and refused connections pass.
    return error instanceof DatabaseError && error.code?.startsWith('28') ? 'other' : 'silent';
  }
}

const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Creates the database if it doesn't exist; another process may do the same at this moment. */
export async function ensureDatabase(address: ServerAddress, database: string): Promise<void> {
  await withConnection(address, async (client) => {
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount !== 0) return;
    try {
      await client.query(`CREATE DATABASE ${quoteIdentifier(database)}`);
    } catch (error) {
      // duplicate_database, or the unique index where both were at it at once
      if (!(error instanceof DatabaseError && (error.code === '42P04' || error.code === '23505'))) throw error;
    }
  });
}
