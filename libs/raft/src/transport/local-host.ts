/** 127.0.0.0/8, each number without leading zeros: some resolvers read those as octal. */
const LOOPBACK_V4 = /^127(?:\.(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])){3}$/;
const WITH_PORT = /^(?:\[([^\]]*)\]|([^:]*)):\d{1,5}$/;

/**
 * Whether a host is certainly this machine: 127.0.0.0/8, `::1`, either of them as an IPv4-mapped address (`::ffff:127.0.0.1`, which a
 * socket of both families reports for an IPv4 loopback peer), or the word `localhost` in any case. Every other name is remote: DNS
 * isn't asked, because its answer may be another one a moment later.
 *
 * @param host without a port; an IPv6 address with or without brackets
 * @publicApi
 */
export function isLocalHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (bare === 'localhost' || LOOPBACK_V4.test(bare)) return true;
  return bare.includes(':') && isLoopbackV6(bare);
}

/**
 * The same of `host:port`.
 *
 * @returns false for what isn't an address, too
 */
export function isLocalAddress(address: string): boolean {
  const match = WITH_PORT.exec(address);
  return match !== null && isLocalHost(match[1] ?? match[2]!);
}

function isLoopbackV6(address: string): boolean {
  if (!/^[0-9a-f:.]+$/.test(address) || !URL.canParse(`http://[${address}]`)) return false;
  // An address has many forms, and its URL one: 127.0.0.1, mapped, ends in 7f00:1.
  const { hostname } = new URL(`http://[${address}]`);
  return hostname === '[::1]' || /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/.test(hostname);
}
