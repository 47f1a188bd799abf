/** Where a server is reached, and with what. */
export interface ServerAddress {
  /** The folder of its Unix socket, or 127.0.0.1. */
  readonly host: string;
  /** Of TCP; for a socket it is a part of its name. */
  readonly port: number;
  /** Asked for over TCP alone. */
  readonly password?: string | undefined;
}

export const SUPERUSER = 'postgres';
export const LOOPBACK = '127.0.0.1';

/** A folder of its own for each server, so that the sockets of all of them may have one name. */
export const SOCKET_PORT = 5432;

export const hasUnixSockets = (platform: string = process.platform): boolean => platform !== 'win32';

export const isSocket = ({ host }: ServerAddress): boolean => host.startsWith('/');

/** As libpq writes them; `pg` and `nestjs-raft/typeorm` take both. */
export function urlOf({ host, port, password }: ServerAddress, database: string): string {
  const name = encodeURIComponent(database);
  if (host.startsWith('/'))
    return `postgresql:///${name}?host=${encodeURIComponent(host)}&port=${port}&user=${SUPERUSER}`;
  return `postgresql://${SUPERUSER}${password === undefined ? '' : `:${password}`}@${host}:${port}/${name}`;
}

export function describeAddress({ host, port }: ServerAddress): string {
  return host.startsWith('/') ? `a socket in ${host}` : `${host}:${port}`;
}
