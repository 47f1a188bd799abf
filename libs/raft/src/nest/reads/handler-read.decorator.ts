import { applyDecorators, SetMetadata, UseFilters, UseInterceptors } from '@nestjs/common';
import { AttachedErrorFilter } from '../errors/attached-error.filter';
import { HandlerReadInterceptor } from './handler-read.interceptor';
import { HANDLER_READ, type HandlerRead } from './handler-read.metadata';

/** What both decorators attach. */
export function handlerRead(read: HandlerRead): ClassDecorator & MethodDecorator {
  return applyDecorators(
    SetMetadata(HANDLER_READ, read),
    UseInterceptors(HandlerReadInterceptor),
    // Connected microservices of a hybrid application don't inherit the global filters.
    UseFilters(AttachedErrorFilter),
  );
}
