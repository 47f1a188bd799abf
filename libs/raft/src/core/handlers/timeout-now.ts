import { becomeCandidate } from '../rules/election';
import type { TimeoutNow } from '../base/messages';
import type { KernelState } from '../state/state';

/**
 * Campaigns at once, without a pre-vote (thesis §3.10): but only where the leader of this very term asks, and this replica has
 * a vote. The answer carries the term of the campaign, which ends the leadership of the sender.
 */
export function onTimeoutNow(state: KernelState, message: TimeoutNow): void {
  if (message.term > state.term) return;
  const accepted =
    message.term === state.term && message.from === state.leader && state.role === 'follower' && state.promotable;
  if (accepted) becomeCandidate(state, true);
  state.sendAfterPersist({ ...state.replyHeader(message), kind: 'timeoutNowReply', accepted });
}
