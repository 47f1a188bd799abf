import { commitTo } from '../rules/commit';
import { lacksAcknowledged } from '../rules/lost-tail';
import type { Heartbeat } from '../base/messages';
import type { KernelState } from '../state/state';
import { followLeader } from './follow-leader';

/** The answer confirms the round: this replica has seen no later term (thesis §6.4). */
export function onHeartbeat(state: KernelState, message: Heartbeat): void {
  const current = followLeader(state, message);
  if (current) {
    if (lacksAcknowledged(state, message, message.commit)) return;
    commitTo(state, message.commit);
    state.freshness.learn(message.leaderCommit, message.echoMs, message.quorumAgeMs, state.nowMs);
  }
  state.sendAfterPersist({
    ...state.replyHeader(message),
    kind: 'heartbeatReply',
    round: current ? message.round : 0,
    sentAtMs: message.sentAtMs,
    repliedAtMs: state.freshness.clock(state.nowMs),
    storeStalls: state.storageStalled,
    appliedIndex: state.applying.appliedIndex,
  });
}
