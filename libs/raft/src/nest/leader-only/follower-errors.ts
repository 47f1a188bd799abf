import { RaftError, type LeaderHint } from '../../errors/raft-error';
import type { RaftStatus } from '../../runtime/status/status';

/** While a leader is being elected, a caller that waits this long usually finds one. */
const ELECTION_RETRY_MS = 1_000;

/** A leader that was elected a moment ago and hasn't committed yet names itself: sending a call there would send it here. */
export function reachableLeader(status: RaftStatus): LeaderHint | undefined {
  const { leader } = status;
  if (leader === null || leader.name === status.nodeId) return undefined;
  return { name: leader.name, peer: leader.peer, http: leader.http };
}

export function noLeader(status: RaftStatus): RaftError {
  switch (status.phase) {
    case 'removed':
    case 'quarantined':
      return new RaftError('RAFT_QUARANTINED', `The node ${status.nodeId} must not take part: ${status.reason}`);
    case 'stopping':
    case 'stopped':
      return new RaftError(
        'RAFT_SHUTTING_DOWN',
        `The node ${status.nodeId} is being stopped. Try again on another node.`,
      );
    case 'created':
      return new RaftError('RAFT_NOT_STARTED', `The node ${status.nodeId} has not started yet. Try again.`);
    case 'starting':
    case 'bootstrapping':
    case 'joining':
    case 'running':
    case 'failed':
      return new RaftError(
        'RAFT_NO_LEADER',
        `The node ${status.nodeId} knows no leader${status.reason === '' ? ': an election is under way, or there is no quorum' : `: ${status.reason}`}. Nothing was done. Try again.`,
        { retryAfterMs: ELECTION_RETRY_MS },
      );
  }
}

export function notLeader(status: RaftStatus, leader: LeaderHint, addition?: string): RaftError {
  return new RaftError(
    'RAFT_NOT_LEADER',
    `The node ${status.nodeId} does not lead; ${leader.name} does${addition === undefined ? '' : `, and ${addition}`}. Nothing was done. Ask ${leader.name}.`,
    { leader },
  );
}

/** What a node that doesn't lead answers where it sends nobody on. */
export function followerError(status: RaftStatus): RaftError {
  const leader = reachableLeader(status);
  return leader === undefined ? noLeader(status) : notLeader(status, leader);
}
