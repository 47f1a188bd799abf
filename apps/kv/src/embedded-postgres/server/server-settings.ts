import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOOPBACK } from './server-address';

/**
 * Appended to `postgresql.conf` by the first start, where an administrator may change them. Nothing here gives up durability:
 * an answered write is on the disk.
 */
export const SERVER_SETTINGS = `
# Settings of the embedded server.
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 64MB
max_wal_size = 1GB
min_wal_size = 128MB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_line_prefix = '%m [%p] '
logging_collector = off
log_destination = 'stderr'
`;

/**
 * Who opens the socket may do everything, and its folder lets in its owner alone. Over TCP, which is off where the system has
 * sockets, every user of this machine could come, so it takes a password.
 */
export const HOST_ACCESS = `# TYPE  DATABASE  USER  ADDRESS       METHOD
local   all       all                 trust
host    all       all   127.0.0.1/32  scram-sha-256
`;

/** Where a server listens. */
export interface Listening {
  /** Undefined where the system has no sockets. */
  readonly socketDir: string | undefined;
  readonly port: number;
  /** Whether it listens on 127.0.0.1, too. */
  readonly tcp: boolean;
}

/** On the command line, where no file overrides them: the access rules above rest on them. */
export const serverArguments = (dataDir: string, { socketDir, port, tcp }: Listening): string[] => [
  ...['-D', dataDir],
  ...['-p', String(port)],
  ...['-c', `listen_addresses=${tcp ? LOOPBACK : ''}`],
  // A list, in which a path with a comma has to be quoted.
  ...['-c', `unix_socket_directories=${socketDir === undefined ? '' : `"${socketDir.replaceAll('"', '""')}"`}`],
  ...['-c', 'unix_socket_permissions=0700'],
  ...['-c', `hba_file=${join(dataDir, 'pg_hba.conf')}`],
];

/** Folders that an earlier build made trust every user of this machine. */
export async function ensureHostAccess(dataDir: string): Promise<void> {
  const path = join(dataDir, 'pg_hba.conf');
  if ((await readFile(path, 'utf8').catch(() => '')) === HOST_ACCESS) return;
  // Into the file that is there, whose owner Postgres runs as.
  const file = await open(path, 'w');
  try {
    await file.writeFile(HOST_ACCESS);
    await file.sync();
  } finally {
    await file.close();
  }
}
