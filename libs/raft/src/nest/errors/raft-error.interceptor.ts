import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { catchError, type Observable } from 'rxjs';
import { isRaftError } from '../../errors/raft-error';
import { answerableError } from './answerable-error';
import { isTakenForAnyError } from './chosen-filter';

/**
 * Turns a `RaftError` that leaves an HTTP handler into Nest's own kind of exception before any filter sees it: a filter for
 * everything on a class or a method is chosen before a global one, and answers 500 to what it doesn't know. Where a filter that
 * names `RaftError` comes first, it gets the error as it is.
 */
export class RaftErrorInterceptor implements NestInterceptor {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly config: ApplicationConfig,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    return next.handle().pipe(
      catchError((error: unknown) => {
        throw isRaftError(error) && isTakenForAnyError(context, this.config)
          ? answerableError(error, context, this.adapterHost.httpAdapter)
          : error;
      }),
    );
  }
}
