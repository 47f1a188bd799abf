import type { InstallSnapshot } from '../base/messages';
import type { KernelState } from '../state/state';
import { followLeader } from './follow-leader';

/** The leader's log begins behind what this replica lacks (thesis §5): the outside fetches it, from a member that has it. */
export function onInstallSnapshot(state: KernelState, message: InstallSnapshot): void {
  const isCurrent = followLeader(state, message);
  const { commitIndex } = state.log;
  if (isCurrent && message.required.index > commitIndex) {
    if (state.installing === undefined)
      state.outbox.snapshotWanted = { required: message.required, leader: message.from };
    return;
  }
  const matchIndex = isCurrent ? commitIndex : 0;
  state.sendAfterPersist({ ...state.replyHeader(message), kind: 'installSnapshotReply', matchIndex }, matchIndex);
}
