import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Headers by which a proxy says that it sends somebody else's request. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];

/**
 * Whether a request comes from a program on this machine, by the address of its socket: no header makes a caller local. Two make it
 * none. A proxy on this machine that says for whom it asks isn't the caller. And a name in `Host` that anybody's DNS may resolve to
 * 127.0.0.1 is how a page elsewhere has a browser on this machine ask for it (DNS rebinding).
 */
export function isLocalCaller({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): boolean {
  if (!isLoopback(socket.remoteAddress ?? '')) return false;
  if (FORWARDED.some((name) => headers[name] !== undefined)) return false;
  return headers.host === undefined || namesNoDomain(headers.host);
}

/** 127.0.0.0/8 and ::1, also where a socket for both protocols shows the former as ::ffff:127.0.0.1. */
export function isLoopback(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'));
}

function namesNoDomain(host: string): boolean {
  const name = host.replace(/:\d*$/, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}
