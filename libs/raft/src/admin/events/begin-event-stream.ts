import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** A reply of Fastify, as far as it is needed. */
interface HijackedReply {
  readonly raw: ServerResponse;
  hijack(): unknown;
  getHeaders(): OutgoingHttpHeaders;
}

const STREAM_HEADERS: OutgoingHttpHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'private, no-cache, no-store, no-transform',
  connection: 'keep-alive',
  // Proxies such as nginx would keep events back.
  'x-accel-buffering': 'no',
};

/**
 * Begins a stream of server-sent events on a response of Express or Fastify. Headers that were set before, such as those of CORS,
 * stay.
 *
 * @param reply as `@Res()` gives it
 * @returns undefined where the request asked for the head alone, and has it
 * @publicApi
 */
export function beginEventStream({ method }: { readonly method: string }, reply: object): ServerResponse | undefined {
  const response = isHijackable(reply) ? hijacked(reply) : (reply as ServerResponse);
  response.writeHead(200, STREAM_HEADERS);
  if (method === 'HEAD') {
    response.end();
    return undefined;
  }
  response.flushHeaders();
  return response;
}

function isHijackable(reply: object): reply is HijackedReply {
  return 'hijack' in reply && 'raw' in reply;
}

function hijacked(reply: HijackedReply): ServerResponse {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value);
  return reply.raw;
}
