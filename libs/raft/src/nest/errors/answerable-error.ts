import { Logger, type ExecutionContext } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import { raftErrorStatus, retryAfterSeconds } from './raft-error-response';
import { RaftHttpException } from './raft-http.exception';

/** A {@link RaftError} that a guard or an interceptor of ours throws outside HTTP, where there is no `HttpException`. */
export class AttachedRaftError extends RaftError {
  constructor(error: RaftError) {
    super(error.code, error.message, {
      ...(error.leader === undefined ? {} : { leader: error.leader }),
      ...(error.reason === undefined ? {} : { reason: error.reason }),
      ...(error.details === undefined ? {} : { details: error.details }),
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      cause: error,
    });
  }
}

const logger = new Logger('Raft');

/**
 * What to throw for an error, so that any filter answers it well: over HTTP Nest's own kind of exception, with `Retry-After`
 * set already, as a filter of the application that catches everything knows nothing of it.
 */
export function answerableError(
  error: RaftError,
  context: ExecutionContext,
  adapter: AbstractHttpAdapter,
): RaftHttpException | AttachedRaftError {
  if (context.getType() !== 'http') return new AttachedRaftError(error);
  const response = context.switchToHttp().getResponse<unknown>();
  const retryAfter = retryAfterSeconds(error);
  if (retryAfter !== undefined && !adapter.isHeadersSent(response))
    adapter.setHeader(response, 'Retry-After', String(retryAfter));
  if (raftErrorStatus(error) === 500)
    // Nest logs no HttpException.
    logger.error(error.message, error.stack);
  return new RaftHttpException(error);
}
