import { applyDecorators, SetMetadata, UseFilters, UseGuards } from '@nestjs/common';
import type { LeaderOnlyOptions } from './leader-only.interface';
import { AttachedErrorFilter } from '../errors/attached-error.filter';
import { LeaderOnlyGuard } from './leader-only.guard';
import { LEADER_ONLY } from './leader-only.metadata';
import { leaderOnlyPolicy } from '../raft-settings';
import { groupName } from '../raft.tokens';

/**
 * Lets only the leader handle a controller's or a handler's calls; a handler's own decorator wins over its controller's.
 *
 * It is a routing hint, not a fence: leadership may end between this check and what the handler does. Replicated commands are
 * safe all the same; a side effect outside needs the leader's term as a fencing token.
 *
 * With `forward` over HTTP, the body is sent on as its bytes where they are there (`rawBody: true`, or no parser took it), and
 * else written anew from what was parsed; one hop at most. Where the leader's answer is lost, the caller of anything but
 * GET, HEAD and OPTIONS gets 504 `RAFT_INDETERMINATE`: it is never sent twice. In a microservice or on a WebSocket every
 * policy rejects.
 *
 * @param options what a node does that doesn't lead; what isn't said comes from the module's `leaderOnly`
 * @throws RaftError `RAFT_CONFIGURATION` where an option isn't one
 */
export function LeaderOnly(options: LeaderOnlyOptions = {}): ClassDecorator & MethodDecorator {
  leaderOnlyPolicy('@LeaderOnly()', options, { onFollower: 'reject', status: 307 });
  groupName(options.group);
  return applyDecorators(
    SetMetadata(LEADER_ONLY, options),
    UseGuards(LeaderOnlyGuard),
    // Connected microservices of a hybrid application don't inherit the global filters.
    UseFilters(AttachedErrorFilter),
  );
}
