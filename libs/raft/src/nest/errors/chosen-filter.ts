import { HttpException, type ExecutionContext } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import { AttachedErrorFilter } from './attached-error.filter';
import { NoExceptionFilter, RaftExceptionFilter } from './raft-exception.filter';

/** Under which `@UseFilters()` keeps its filters, on a class or a method; and `@Catch()` its classes, on a filter. */
const FILTERS = '__exceptionFilters__';
const CAUGHT = '__filterCatchExceptions__';

const OURS: readonly unknown[] = [AttachedErrorFilter, RaftExceptionFilter, NoExceptionFilter];

/** @returns the classes of the filters that are attached to a class or a method, in the order of their decorators */
export function attachedFilters(target: object): readonly object[] {
  return ((Reflect.getMetadata(FILTERS, target) as readonly object[] | undefined) ?? []).map(classOf);
}

/** @returns the classes of the global filters, in the order in which they were added */
export function globalFilters(config: ApplicationConfig): readonly object[] {
  const perRequest = config.getGlobalRequestFilters().map((wrapper) => wrapper.metatype as unknown as object);
  return [...config.getGlobalFilters().map(classOf), ...perRequest];
}

export function isForeign(filter: object): boolean {
  return !OURS.includes(filter);
}

/**
 * Whether Nest would give a `RaftError` to a filter that takes it for any other error: one for everything, for `Error`, or for
 * `HttpException`, where none that names `RaftError` is asked before.
 */
export function isTakenForAnyError(context: ExecutionContext, config: ApplicationConfig): boolean {
  const asked = [
    ...globalFilters(config),
    ...attachedFilters(context.getClass()),
    ...attachedFilters(context.getHandler()),
  ].reverse();
  for (const filter of asked) {
    const caught = (Reflect.getMetadata(CAUGHT, filter) as readonly unknown[] | undefined) ?? [];
    if (!isForeign(filter) || caught.some((each) => each === RaftError)) {
      // Of ours only the global one takes a RaftError that a handler throws.
      if (filter !== AttachedErrorFilter && filter !== NoExceptionFilter) return false;
    } else if (caught.length === 0 || caught.some((each) => each === Error || each === HttpException)) return true;
  }
  return false;
}

function classOf(filter: object): object {
  return typeof filter === 'function' ? filter : filter.constructor;
}
