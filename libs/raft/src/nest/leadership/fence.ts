import { RaftError } from '../../errors/raft-error';
import type { RaftStatus } from '../../runtime/status/status';
import type { Leadership } from './leadership.interface';

/** @throws RaftError `RAFT_NOT_LEADER`, with the leader where another is known */
export function fenceOf(leadership: Leadership | null, { leader, nodeId }: RaftStatus): Leadership {
  if (leadership !== null) return leadership;
  if (leader === null || leader.name === nodeId) {
    const why =
      leader === null ? 'no leader is known' : 'it was elected a moment ago, and has committed nothing in its term yet';
    throw new RaftError(
      'RAFT_NOT_LEADER',
      `fence() was called on the node ${nodeId}, which does not lead: ${why}. There is no token, and nothing was done. Try again, or do this in a method with @OnLeadershipAcquired().`,
      { retryAfterMs: 1_000 },
    );
  }
  throw new RaftError(
    'RAFT_NOT_LEADER',
    `fence() was called on the node ${nodeId}, which does not lead; ${leader.name} does. There is no token, and nothing was done. Do this on ${leader.name}: @LeaderOnly() brings calls there.`,
    { leader: { name: leader.name, peer: leader.peer, http: leader.http } },
  );
}
