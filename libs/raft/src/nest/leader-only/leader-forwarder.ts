import {
  request as requestHttp,
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { request as requestHttps, Agent as HttpsAgent } from 'node:https';
import { Injectable, StreamableFile, type OnApplicationShutdown } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import { forwardedBody, type ForwardedBody } from './forwarded-body';
import { endToEndHeaders, forwardedHeaders } from './forwarded-headers';

/** A request of Express, which is Node's own, or of Fastify, which holds Node's as `raw`. */
export interface AdapterRequest {
  readonly raw?: IncomingMessage;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

export interface ForwardedCall {
  readonly request: AdapterRequest;
  /** The adapter's response. */
  readonly response: unknown;
  readonly adapter: AbstractHttpAdapter;
  /** The same target at the leader. */
  readonly url: string;
  /** The node that sends the call on. */
  readonly nodeId: string;
  /** How long the head of the answer may take. */
  readonly timeoutMs: number;
}

/** Methods that ask for nothing to be changed (RFC 9110 §9.2.1): when their answer is lost, nothing is in doubt. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Statuses whose answers have no body. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);
/** Below Node's five seconds, after which a server closes a connection that might just be taken up again. */
const IDLE_CONNECTION_MS = 4_000;

/** Sends a follower's calls on to the leader over HTTP, and streams the answers back through the application's own adapter. */
@Injectable()
export class LeaderForwarder implements OnApplicationShutdown {
  private readonly http = new HttpAgent({ keepAlive: true, timeout: IDLE_CONNECTION_MS });
  private readonly https = new HttpsAgent({ keepAlive: true, timeout: IDLE_CONNECTION_MS });

  onApplicationShutdown(): void {
    this.http.destroy();
    this.https.destroy();
  }

  /**
   * Resolves when the leader's answer has begun to go to the caller.
   *
   * @throws RaftError `RAFT_NO_LEADER` where the leader was not reached, or nothing can have changed; `RAFT_INDETERMINATE` or
   * `RAFT_TIMEOUT` where the leader may have done what was asked
   */
  async forward(call: ForwardedCall): Promise<void> {
    const { adapter, response } = call;
    const answer = await this.send(call);
    const status = answer.statusCode ?? 502;
    for (const [name, value] of Object.entries(endToEndHeaders(answer.headers)))
      for (const item of [value].flat()) {
        if (item === undefined) continue;
        if (name === 'set-cookie') adapter.appendHeader?.(response, name, String(item));
        else adapter.setHeader(response, name, String(item));
      }
    if (BODILESS.has(status) || answer.headers['content-length'] === '0') {
      answer.resume();
      adapter.reply(response, undefined, status);
      return;
    }
    adapter.reply(response, new StreamableFile(answer), status);
  }

  private send(call: ForwardedCall): Promise<IncomingMessage> {
    const { request, response, url, nodeId, timeoutMs } = call;
    const incoming = request.raw ?? (request as unknown as IncomingMessage);
    const outgoing = (response as { readonly raw?: ServerResponse }).raw ?? (response as ServerResponse);
    const body = forwardedBody(incoming, request.body, request.rawBody);
    const headers = forwardedHeaders(request.headers, nodeId, incoming.socket?.remoteAddress);
    describeBody(headers, body, request.headers);
    const secure = url.startsWith('https:');

    return new Promise((resolve, reject) => {
      let reached = false;
      let timedOut = false;
      const upstream = (secure ? requestHttps : requestHttp)(url, {
        method: request.method,
        headers,
        agent: secure ? this.https : this.http,
      });
      const deadline = setTimeout(() => {
        timedOut = true;
        upstream.destroy();
      }, timeoutMs);
      const abandon = (): void => {
        upstream.destroy();
      };
      const settle = (): void => {
        clearTimeout(deadline);
        outgoing.removeListener('close', abandon);
      };
      outgoing.once('close', abandon);
      upstream.once('socket', (socket) => {
        reached = upstream.reusedSocket;
        if (!reached)
          socket.once(secure ? 'secureConnect' : 'connect', () => {
            reached = true;
          });
      });
      upstream.once('response', (answer) => {
        settle();
        // From here on the adapter watches the caller's connection, and gives the answer up with it.
        resolve(answer);
      });
      upstream.on('error', (error) => {
        settle();
        reject(forwardingError(call, error, reached, timedOut));
      });
      upstream.once('close', () => {
        settle();
        reject(forwardingError(call, new Error('the connection was closed'), reached, timedOut));
      });
      switch (body.kind) {
        case 'none':
          upstream.end();
          return;
        case 'bytes':
          upstream.end(body.bytes);
          return;
        case 'unread':
          incoming.once('error', abandon);
          incoming.pipe(upstream);
      }
    });
  }
}

function describeBody(
  headers: ReturnType<typeof forwardedHeaders>,
  body: ForwardedBody,
  original: IncomingHttpHeaders,
): void {
  switch (body.kind) {
    case 'none':
      return;
    case 'bytes':
      headers['content-length'] = body.bytes.length;
      if (body.rewritten) delete headers['content-encoding'];
      return;
    case 'unread':
      if (original['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
      else headers['content-length'] = original['content-length'];
  }
}

/** What a caller may conclude is decided by how far the call came, never by what went wrong. */
function forwardingError(call: ForwardedCall, cause: Error, reached: boolean, timedOut: boolean): RaftError {
  const leader = new URL(call.url).origin;
  const why = timedOut ? `no answer came within ${call.timeoutMs} ms` : cause.message;
  if (!reached || SAFE_METHODS.has(call.request.method))
    return new RaftError(
      'RAFT_NO_LEADER',
      `The leader at ${leader} was not reached (${why}). Nothing was changed. Try again.`,
      { cause },
    );
  return new RaftError(
    timedOut ? 'RAFT_TIMEOUT' : 'RAFT_INDETERMINATE',
    `The call was sent on to the leader at ${leader}, and its answer was lost (${why}). It may have been applied: read the state before trying again.`,
    { cause },
  );
}
