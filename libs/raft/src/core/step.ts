import { becomeFollower } from './rules/election';
import { onAppendEntries } from './handlers/append-entries';
import { onAppendEntriesReply } from './handlers/append-entries-reply';
import { onHeartbeat } from './handlers/heartbeat';
import { onHeartbeatReply } from './handlers/heartbeat-reply';
import { onInstallSnapshot } from './handlers/install-snapshot';
import { onInstallSnapshotReply } from './handlers/install-snapshot-reply';
import { onPreVote } from './handlers/pre-vote';
import { onPreVoteReply } from './handlers/pre-vote-reply';
import { onRequestVote } from './handlers/request-vote';
import { onRequestVoteReply } from './handlers/request-vote-reply';
import { onTimeoutNow } from './handlers/timeout-now';
import { onTimeoutNowReply } from './handlers/timeout-now-reply';
import { unreachable } from './base/invariant';
import { memberById } from './membership/membership';
import type { Message } from './base/messages';
import type { KernelState } from './state/state';
import { termOutOfBounds } from './base/term-bound';
import { NO_REPLICA } from './base/types';

/**
 * Takes one message. A request is judged by term and log alone, whatever this replica's own configuration says of its sender, which
 * may be newer (thesis §4.1); an answer counts only from a member with the store that the configuration holds.
 */
export function step(state: KernelState, message: Message): void {
  if (!isForUs(state, message) || termOutOfBounds(message) !== undefined) return;
  switch (message.kind) {
    case 'preVote':
      return onPreVote(state, message);
    case 'requestVote':
      return onRequestVote(state, message);
    case 'appendEntries':
      return onAppendEntries(state, message);
    case 'heartbeat':
      return onHeartbeat(state, message);
    case 'preVoteReply':
      return state.counts(message) ? onPreVoteReply(state, message) : undefined;
    case 'requestVoteReply':
      return answers(state, message) ? onRequestVoteReply(state, message) : undefined;
    case 'appendEntriesReply':
      return answers(state, message) ? onAppendEntriesReply(state, message) : undefined;
    case 'heartbeatReply':
      return answers(state, message) ? onHeartbeatReply(state, message) : undefined;
    case 'installSnapshot':
      return onInstallSnapshot(state, message);
    case 'timeoutNow':
      return onTimeoutNow(state, message);
    case 'installSnapshotReply':
      return answers(state, message) ? onInstallSnapshotReply(state, message) : undefined;
    case 'timeoutNowReply':
      return answers(state, message) ? onTimeoutNowReply(state, message) : undefined;
    default:
      return unreachable(message);
  }
}

function isForUs(state: KernelState, message: Message): boolean {
  const { clusterId, groupId, replicaId } = state.options;
  if (message.clusterId !== clusterId || message.groupId !== groupId || message.to !== replicaId) return false;
  const known = memberById(state.configuration.configuration, message.from);
  return message.from !== replicaId && (known === undefined || known.incarnation === message.incarnation);
}

/** An answer of an older term is late; one of a newer term ends this node's role (thesis §3.3). */
function answers(state: KernelState, message: Message): boolean {
  if (message.term < state.term || !state.counts(message)) return false;
  if (message.term === state.term) return true;
  becomeFollower(state, message.term, NO_REPLICA);
  return false;
}
