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

/** No password is asked, so nothing but this machine's loopback may reach the server. */
export const HOST_ACCESS = `# TYPE  DATABASE  USER  ADDRESS       METHOD
host    all       all   127.0.0.1/32  trust
`;

/** On the command line, where no file overrides them: the access rule above rests on the address. */
export const serverArguments = (dataDir: string, port: number): string[] => [
  ...['-D', dataDir],
  ...['-p', String(port)],
  ...['-c', 'listen_addresses=127.0.0.1'],
  ...['-c', 'unix_socket_directories='],
];
