import { RaftError } from '../../errors/raft-error';
import { groupName } from '../common/raft.tokens';
import type { StaleReadOptions } from './handler-read.interface';
import { handlerRead } from './handler-read.decorator';

/**
 * Runs a handler, or each of a class, only where this node's state is at most so old; nobody is asked. Where it is older, or
 * its age isn't known, the caller gets `RAFT_LAGGING`, over HTTP 503 with `Retry-After`: another node may answer.
 *
 * The age is measured when the call comes in, before the handler runs: from when this node last heard of a leader that a
 * majority had just confirmed. Read with `$stale()` in the handler.
 *
 * @param options `group`, and `maxLagMs`, the greatest age in milliseconds. Default: any age
 * @throws RaftError `RAFT_CONFIGURATION` where an option can't be one
 * @publicApi
 */
export function StaleRead(options: StaleReadOptions = {}): ClassDecorator & MethodDecorator {
  const { group, maxLagMs } = options;
  if (maxLagMs !== undefined && !(typeof maxLagMs === 'number' && maxLagMs >= 0))
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `@StaleRead() has maxLagMs: ${JSON.stringify(maxLagMs)}. Write how old the state may be at most, in milliseconds.`,
    );
  return handlerRead({
    group: groupName(group),
    barrier: { consistency: 'stale', ...(maxLagMs === undefined ? {} : { maxLagMs }) },
  });
}
