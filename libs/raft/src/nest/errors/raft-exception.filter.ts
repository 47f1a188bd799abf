import { Catch, Injectable, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { throwError, type Observable } from 'rxjs';
import { isRaftError, type RaftError } from '../../errors/raft-error';
import {
  raftErrorBody,
  raftErrorPayload,
  raftErrorStatus,
  retryAfterSeconds,
  type RaftErrorPayload,
} from './raft-error-response';

/**
 * What the filter names in `@Catch`. Nest chooses a filter by `instanceof`: this answers by the brand, so that errors of
 * another copy of the package are found, and everything else goes on to the application's own filters.
 */
abstract class BrandedRaftError {
  static [Symbol.hasInstance](value: unknown): boolean {
    return isRaftError(value);
  }
}

/** What a microservice's caller or a socket gets: Nest's own shape of an error, with the code. @publicApi */
export interface RaftErrorEvent extends RaftErrorPayload {
  readonly status: 'error';
}

/**
 * Answers a `RaftError` that leaves a handler, by the table of `docs/errors.md`: in HTTP with status, `Retry-After` and a JSON
 * body; in a microservice as the error of the returned observable; on a WebSocket as the event `exception`; in GraphQL the
 * error itself, whose `code` is kept.
 *
 * @publicApi
 */
@Injectable()
@Catch(BrandedRaftError)
export class RaftExceptionFilter implements ExceptionFilter<RaftError> {
  private readonly logger = new Logger('Raft');

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(error: RaftError, host: ArgumentsHost): unknown {
    switch (host.getType<string>()) {
      case 'http':
        return this.answerHttp(error, host);
      case 'rpc':
        return answerRpc(error);
      case 'ws':
        return answerSocket(error, host);
      default:
        return error;
    }
  }

  private answerHttp(error: RaftError, host: ArgumentsHost): void {
    const adapter = this.adapterHost.httpAdapter;
    const response = host.switchToHttp().getResponse<unknown>();
    const status = raftErrorStatus(error);
    if (status === 500) this.logger.error(error.message, error.stack);
    if (adapter.isHeadersSent(response)) {
      adapter.end(response);
      return;
    }
    const retryAfter = retryAfterSeconds(error);
    if (retryAfter !== undefined) adapter.setHeader(response, 'Retry-After', String(retryAfter));
    adapter.reply(response, raftErrorBody(error, status), status);
  }
}

/** The stand-in for the global filter where `httpErrors` is false: it catches nothing. */
@Catch(
  class {
    static [Symbol.hasInstance](): boolean {
      return false;
    }
  },
)
export class NoExceptionFilter implements ExceptionFilter {
  catch(error: unknown): never {
    throw error;
  }
}

export function answerRpc(error: RaftError): Observable<never> {
  const event: RaftErrorEvent = { status: 'error', ...raftErrorPayload(error) };
  return throwError(() => event);
}

export function answerSocket(error: RaftError, host: ArgumentsHost): void {
  const client = host.switchToWs().getClient<SocketClient>();
  const payload: RaftErrorEvent = { status: 'error', ...raftErrorPayload(error) };
  if (typeof client.readyState === 'number' && client.send !== undefined) {
    // A plain WebSocket: what it emits stays in this process. Its messages have the shape that Nest's WsAdapter gives them.
    client.send(JSON.stringify({ event: 'exception', data: payload }));
    return;
  }
  client.emit('exception', payload);
}

/** A socket of socket.io, or a WebSocket of ws. */
interface SocketClient {
  readonly readyState?: number;
  send?(message: string): void;
  emit(event: string, payload: RaftErrorEvent): unknown;
}
