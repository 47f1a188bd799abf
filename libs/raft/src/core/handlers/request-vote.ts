import { learnCommit } from '../rules/commit';
import { abstains, becomeFollower, isSticky, resetElectionTimer } from '../rules/election';
import { wasRemoved } from '../membership/membership';
import type { RequestVote } from '../base/messages';
import type { KernelState } from '../state/state';
import { NO_REPLICA } from '../base/types';

/**
 * Votes once in a term, for a candidate whose log isn't behind (thesis §3.4, §3.6.1). Who holds to a leader that is well
 * doesn't even take the term over, unless that leader asked for the campaign (thesis §4.2.3).
 */
export function onRequestVote(state: KernelState, message: RequestVote): void {
  if (wasRemoved(state.configuration.configuration, message.from) || abstains(state)) return;
  if (message.term > state.term) {
    if (isSticky(state) && !message.leadershipTransfer) return;
    const { leaderUnreachable } = state;
    becomeFollower(state, message.term, NO_REPLICA);
    state.leaderUnreachable = leaderUnreachable;
    if (leaderUnreachable) resetElectionTimer(state);
  }
  learnCommit(state, message.commit);
  const free = state.votedFor === message.from || (state.votedFor === NO_REPLICA && state.leader === NO_REPLICA);
  const mayLeave = message.leadershipTransfer || !isSticky(state);
  const granted = message.term === state.term && free && mayLeave && state.log.isUpToDate(message.lastLog);
  if (granted && state.votedFor !== message.from) {
    state.votedFor = message.from;
    state.persistence.markHardState();
    resetElectionTimer(state);
  }
  state.sendAfterPersist({
    ...state.replyHeader(message),
    kind: 'requestVoteReply',
    granted,
    commit: state.log.commitId,
  });
}
