import { learnCommit } from '../rules/commit';
import { becomeFollower, concludeVote } from '../rules/election';
import { isVoter } from '../membership/membership';
import type { PreVoteReply } from '../base/messages';
import type { KernelState } from '../state/state';
import { NO_REPLICA } from '../base/types';

export function onPreVoteReply(state: KernelState, message: PreVoteReply): void {
  if (!message.granted && message.term > state.term) {
    becomeFollower(state, message.term, NO_REPLICA);
    return;
  }
  learnCommit(state, message.commit);
  if (state.role !== 'preCandidate' || !isVoter(state.configuration.configuration, message.from)) return;
  if (message.granted && message.term !== state.term + 1) return;
  state.votes.set(message.from, message.granted);
  concludeVote(state);
}
