import { becomeFollower, resetElectionTimer } from '../rules/election';
import { invariant } from '../base/invariant';
import type { AppendEntries, Heartbeat, InstallSnapshot } from '../base/messages';
import type { KernelState } from '../state/state';
import { NO_REPLICA } from '../base/types';

/**
 * A message from a leader: its sender leads the message's term.
 *
 * @returns false where that term is over; the sender is told this replica's own, so that it steps down
 */
export function followLeader(state: KernelState, message: AppendEntries | Heartbeat | InstallSnapshot): boolean {
  if (message.term < state.term) return false;
  // Two leaders of one term can't be, so one of them is none; a stranger's word against that of a known leader stops nobody.
  const contradicts = message.term === state.term && state.leader !== NO_REPLICA && state.leader !== message.from;
  if (contradicts && !state.counts(message)) return false;
  // Election safety (thesis §3.2): a voter gives one vote in a term, so a term has at most one leader.
  invariant(!contradicts, () => `replicas ${state.leader} and ${message.from} both lead term ${message.term}`);
  if (message.term > state.term || state.leader !== message.from) becomeFollower(state, message.term, message.from);
  else {
    if (state.leaderUnreachable) {
      state.leaderUnreachable = false;
      resetElectionTimer(state);
    }
    state.electionElapsedTicks = 0;
  }
  state.leaderContactMs = state.nowMs;
  return true;
}
