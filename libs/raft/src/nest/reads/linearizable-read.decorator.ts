import { groupName } from '../common/raft.tokens';
import type { LinearizableReadOptions } from './handler-read.interface';
import { handlerRead } from './handler-read.decorator';

/**
 * Runs a handler, or each of a class, only when this node has applied everything that was acknowledged anywhere before the
 * call: what the handler reads here with `$stale()`, or from replicated tables, is then linearizable. It costs one round of the
 * leader for all of the handler's reads, where each query by itself would cost one.
 *
 * It holds for HTTP, microservices and WebSockets, on any node, behind the guards. Without a leader the caller gets
 * `RAFT_NO_LEADER` (503) or `RAFT_TIMEOUT` (504).
 *
 * @param options `group`, and `timeoutMs`
 * @throws RaftError `RAFT_CONFIGURATION` where the group's name can't be one
 * @publicApi
 */
export function LinearizableRead(options: LinearizableReadOptions = {}): ClassDecorator & MethodDecorator {
  const { group, timeoutMs } = options;
  return handlerRead({ group: groupName(group), barrier: timeoutMs === undefined ? {} : { timeoutMs } });
}
