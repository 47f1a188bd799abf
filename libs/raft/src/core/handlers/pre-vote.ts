/** Pre-vote: nothing changes on the node that answers (thesis §9.6). */

import { learnCommit } from '../rules/commit';
import { abstains, isSticky } from '../rules/election';
import { wasRemoved } from '../membership/membership';
import type { PreVote } from '../base/messages';
import type { KernelState } from '../state/state';

/**
 * Says whether a campaign would get this vote (thesis §9.6). Neither term nor vote change, whatever the answer. A grant echoes
 * the campaign's term; a refusal has this replica's own, so that a replica which was left behind learns it.
 */
export function onPreVote(state: KernelState, message: PreVote): void {
  if (wasRemoved(state.configuration.configuration, message.from)) return;
  learnCommit(state, message.commit);
  const granted =
    message.term > state.term && !isSticky(state) && !abstains(state) && state.log.isUpToDate(message.lastLog);
  state.sendAfterPersist({
    ...state.replyHeader(message, granted ? message.term : state.term),
    kind: 'preVoteReply',
    granted,
    commit: state.log.commitId,
  });
}
