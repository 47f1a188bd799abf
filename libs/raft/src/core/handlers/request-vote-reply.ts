import { learnCommit } from '../rules/commit';
import { concludeVote } from '../rules/election';
import { isVoter } from '../membership/membership';
import type { RequestVoteReply } from '../base/messages';
import type { KernelState } from '../state/state';

export function onRequestVoteReply(state: KernelState, message: RequestVoteReply): void {
  learnCommit(state, message.commit);
  if (state.role !== 'candidate' || !isVoter(state.configuration.configuration, message.from)) return;
  state.votes.set(message.from, message.granted);
  concludeVote(state);
}
