import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

/** Marks a call that a follower sent on: its receiver doesn't send it on again. */
export const FORWARDED_BY = 'x-raft-forwarded-by';

/** Headers that are about one connection and not about the message (RFC 9110 §7.6.1), and those that the next hop writes again. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const WRITTEN_ANEW: ReadonlySet<string> = new Set(['host', 'content-length', 'expect']);

/** @returns the headers without those of the connection, and without those that `connection` names */
export function endToEndHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const kept: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !HOP_BY_HOP.has(name) && !named.has(name) && !name.startsWith(':')) kept[name] = value;
  return kept;
}

/**
 * The headers of a call that is sent on.
 *
 * @param from the node that sends it on
 * @param remoteAddress who called
 */
export function forwardedHeaders(
  headers: IncomingHttpHeaders,
  from: string,
  remoteAddress: string | undefined,
): OutgoingHttpHeaders {
  const kept = endToEndHeaders(headers);
  for (const name of WRITTEN_ANEW) delete kept[name];
  const before = headers['x-forwarded-for'];
  const chain = [
    ...(before === undefined ? [] : [before].flat()),
    ...(remoteAddress === undefined ? [] : [remoteAddress]),
  ];
  if (chain.length > 0) kept['x-forwarded-for'] = chain.join(', ');
  if (headers.host !== undefined && kept['x-forwarded-host'] === undefined) kept['x-forwarded-host'] = headers.host;
  // A header takes Latin letters only; a node's name may be any text.
  kept[FORWARDED_BY] = encodeURIComponent(from);
  return kept;
}
