import { countCatchUp } from '../rules/membership-change';
import type { HeartbeatReply } from '../base/messages';
import { confirmReads } from '../rules/reads';
import { needSnapshot, sendAppend } from '../rules/replication';
import type { KernelState } from '../state/state';
import { resignIfKnown, transferIfStalled } from '../rules/transfer';

export function onHeartbeatReply(state: KernelState, message: HeartbeatReply): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) return;
  progress.onReply(state.nowMs);
  progress.echoMs = message.repliedAtMs;
  progress.storeStalls = message.storeStalls;
  progress.catchUp.onApplied(message.appliedIndex, message.sentAtMs);
  progress.applied.reached(message.appliedIndex);
  // Where nobody writes, no append is answered: a replica that is level ends a round with each heartbeat.
  countCatchUp(state, progress);
  if (message.round > progress.confirmedRound) {
    progress.confirmedRound = message.round;
    progress.confirmedSentAtMs = Math.max(progress.confirmedSentAtMs, message.sentAtMs);
    confirmReads(state);
  }
  resignIfKnown(state);
  transferIfStalled(state);
  if (progress.state === 'snapshot') {
    needSnapshot(state, progress);
    return;
  }
  // Appends or their answers may be lost: this follower is there, so one of what it waits for may go again, and an append
  // whose answer shows where its log ends.
  if (progress.state === 'probe') {
    // The answer to a probe that went out after this heartbeat may still come. A new one in its place, with each heartbeat,
    // would make every answer a late one where the way there and back takes longer than a heartbeat interval.
    if (message.sequence < progress.probeSequence) return;
    // Also where it seems to hold everything: as long as it is probed, nothing goes out ahead of answers.
    progress.probeSequence = 0;
  } else {
    if (progress.matchIndex >= state.log.lastIndex) return;
    if (progress.inflights.full) progress.inflights.freeFirst();
  }
  sendAppend(state, progress, true);
}
