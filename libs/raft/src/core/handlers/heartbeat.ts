import { commitTo } from '../commit';
import { invariant } from '../invariant';
import type { Heartbeat } from '../messages';
import type { KernelState } from '../state';
import { followLeader } from './follow-leader';

/** The answer confirms the round: this replica has seen no later term (thesis §6.4). */
export function onHeartbeat(state: KernelState, message: Heartbeat): void {
  const current = followLeader(state, message);
  if (current) {
    invariant(
      message.commit <= state.log.lastIndex,
      () =>
        `the leader knows that this store held entry ${message.commit}, but its log ends at ${state.log.lastIndex}: the store has lost its tail (a restored backup, or a disk that lied); this node must be removed and added again with an empty store`,
    );
    commitTo(state, message.commit);
    state.freshness.learn(message.leaderCommit, message.echoMs, message.quorumAgeMs, state.nowMs);
  }
  state.sendAfterPersist({
    ...state.replyHeader(message),
    kind: 'heartbeatReply',
    round: current ? message.round : 0,
    sentAtMs: message.sentAtMs,
    repliedAtMs: state.freshness.clock(state.nowMs),
  });
}
