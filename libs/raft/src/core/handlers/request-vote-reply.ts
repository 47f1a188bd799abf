import { learnCommit } from '../commit';
import { concludeVote } from '../election';
import { isVoter } from '../membership';
import type { RequestVoteReply } from '../messages';
import type { KernelState } from '../state';

export function onRequestVoteReply(state: KernelState, message: RequestVoteReply): void {
  learnCommit(state, message.commit);
  if (state.role !== 'candidate' || !isVoter(state.configuration.configuration, message.from)) return;
  state.votes.set(message.from, message.granted);
  concludeVote(state);
}
