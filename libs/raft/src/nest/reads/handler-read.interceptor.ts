import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { isRaftError } from '../../errors/raft-error';
import { answerableError } from '../errors/answerable-error';
import { getRaftToken } from '../services/get-raft-token';
import type { RaftService } from '../services/raft.service';
import { HANDLER_READ, type HandlerRead } from './handler-read.metadata';

/**
 * What `@LinearizableRead()` and `@StaleRead()` attach. An interceptor, so that every guard has admitted the caller before the
 * leader is asked.
 */
@Injectable()
export class HandlerReadInterceptor implements NestInterceptor {
  /** A handler's decorator stands for its class's: Nest asks the interceptor for both. */
  private readonly done = new WeakSet<ExecutionContext>();

  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    if (!this.done.has(context)) {
      this.done.add(context);
      await this.awaitRead(context);
    }
    return next.handle();
  }

  private async awaitRead(context: ExecutionContext): Promise<void> {
    const { group, barrier } = (Reflect.getMetadata(HANDLER_READ, context.getHandler()) ??
      Reflect.getMetadata(HANDLER_READ, context.getClass())) as HandlerRead;
    const raft = this.moduleRef.get<RaftService>(getRaftToken(group), { strict: false });
    try {
      await raft.barrier(barrier);
    } catch (error) {
      throw isRaftError(error) ? answerableError(error, context, this.adapterHost.httpAdapter) : error;
    }
  }
}
