import { CommandLineError } from './command-line.error';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** The distance from a node's HTTP port to its peer port, where none is said. */
const PEER_PORT_OFFSET = 10_000;

/** @throws CommandLineError naming the flag and the value */
export function parseHostPort(flag: string, text: string): HostPort {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535)
    throw new CommandLineError(`${flag}: "${text}" isn't HOST:PORT, such as 127.0.0.1:9023`);
  return { host: match[1]!, port };
}

/** @throws CommandLineError where there is no such port */
export function peerPortOf(flag: string, { host, port }: HostPort): number {
  const peerPort = port + PEER_PORT_OFFSET;
  if (peerPort > 65_535)
    throw new CommandLineError(
      `${flag}: peers of ${host}:${port} would talk on port ${peerPort}, which doesn't exist; say another one as ${host}:${port}/PEERPORT in --initial-advertise-peers`,
    );
  return peerPort;
}

export function formatHostPort({ host, port }: HostPort): string {
  return `${host}:${port}`;
}

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '[::]';
}
