import type { Message } from './messages';
import { MAX_TERM } from './types';

/** @returns the first term in a message that is above {@link MAX_TERM}; undefined where none is */
export function termOutOfBounds(message: Message): number | undefined {
  if (message.term > MAX_TERM) return message.term;
  for (const term of logTerms(message)) if (term > MAX_TERM) return term;
  return undefined;
}

function logTerms(message: Message): readonly number[] {
  switch (message.kind) {
    case 'preVote':
    case 'requestVote':
      return [message.lastLog.term, message.commit.term];
    case 'preVoteReply':
    case 'requestVoteReply':
      return [message.commit.term];
    case 'appendEntries':
      return [message.prev.term, ...message.entries.map(({ term }) => term)];
    case 'appendEntriesReply':
      return [message.hint.term];
    case 'installSnapshot':
      return [message.required.term];
    case 'heartbeat':
    case 'heartbeatReply':
    case 'installSnapshotReply':
    case 'timeoutNow':
    case 'timeoutNowReply':
      return [];
  }
}
