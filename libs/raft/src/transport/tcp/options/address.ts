/** Where a peer is reached. IPv6 addresses stand in brackets in its text form: `[::1]:7001`. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** @returns undefined for what isn't `host:port` */
export function parseAddress(address: string): HostAndPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:[\]/@]+)):(\d{1,5})$/.exec(address);
  if (match === null) return undefined;
  const host = match[1] ?? match[2]!;
  const port = Number(match[3]);
  return port > 65_535 ? undefined : { host, port };
}

export function formatAddress({ host, port }: HostAndPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
