import { applyDecorators, SetMetadata, UseFilters, UseGuards } from '@nestjs/common';
import { MetadataScanner } from '@nestjs/core';
import { AttachedErrorFilter } from '../errors/attached-error.filter';
import { leaderOnlyPolicy } from '../common/raft-settings';
import { groupName } from '../common/raft.tokens';
import { handlerKind, isEventListener } from '../common/handler-kind';
import { leaderOnlyMethod } from './leader-only-method';
import { LeaderOnlyGuard } from './leader-only.guard';
import { type LeaderOnlyOptions, LEADER_ONLY } from '../common/leader-only.interface';

/**
 * Lets only the leader handle a controller's, a gateway's or a handler's calls; a handler's own decorator wins over its class's.
 *
 * It is a routing hint, not a fence: leadership may end between this check and what the handler does. Replicated commands are
 * safe all the same; a side effect outside needs the leader's token, `RaftService.fence()`.
 *
 * With `forward` over HTTP, the body is sent on as its bytes where they are there (`rawBody: true`, or no parser took it), and
 * else written again from what was parsed; one hop at most. Where the leader's answer is lost, the caller of anything but
 * GET, HEAD and OPTIONS gets 504 `RAFT_INDETERMINATE`: it is never sent twice. In a microservice and on a WebSocket every
 * policy rejects, but for `skip` on an `@EventPattern()`.
 *
 * A method that isn't a handler is wrapped: `@OnEvent()`, `@Cron()` and direct calls are covered, and every policy but `skip`
 * throws. On a class it covers handlers and `@OnEvent()` methods, no others.
 *
 * @param options what a node does that doesn't lead; what isn't said comes from the module's `leaderOnly`
 * @throws RaftError `RAFT_CONFIGURATION` where an option isn't one
 * @publicApi
 */
export function LeaderOnly(options: LeaderOnlyOptions = {}): ClassDecorator & MethodDecorator {
  leaderOnlyPolicy('@LeaderOnly()', options, { onFollower: 'reject', status: 307 });
  groupName(options.group);
  const guarded = applyDecorators(
    SetMetadata(LEADER_ONLY, options),
    UseGuards(LeaderOnlyGuard),
    // Connected microservices of a hybrid application don't inherit the global filters.
    UseFilters(AttachedErrorFilter),
  );
  return (target: object, key?: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (key === undefined || descriptor === undefined) {
      wrapListeners(target as ClassTarget, options);
      guarded(target as ClassTarget);
      return;
    }
    descriptor.value = leaderOnlyMethod(target, descriptor.value as Method, options);
    guarded(target, key, descriptor);
  };
}

type Method = Parameters<typeof leaderOnlyMethod>[1];
type ClassTarget = new (...args: never[]) => object;

/** What Nest calls without guards, or with guards that can't leave a call out. */
function wrapListeners({ prototype }: ClassTarget, options: LeaderOnlyOptions): void {
  const methods = prototype as Record<string, Method>;
  for (const name of new MetadataScanner().getAllMethodNames(methods)) {
    const method = methods[name]!;
    const isOwnMatter = Reflect.hasMetadata(LEADER_ONLY, method);
    if (!isOwnMatter && (isEventListener(method) || handlerKind(method) === 'event'))
      Object.defineProperty(prototype, name, {
        value: leaderOnlyMethod(methods, method, options),
        configurable: true,
        writable: true,
      });
  }
}
