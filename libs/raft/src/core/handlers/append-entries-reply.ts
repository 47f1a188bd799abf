import { advanceCommit } from '../rules/commit';
import { invariant } from '../base/invariant';
import { countCatchUp } from '../rules/membership-change';
import type { AppendEntriesReply } from '../base/messages';
import type { Progress } from '../progress/progress';
import { needSnapshot } from '../rules/replication';
import type { KernelState } from '../state/state';
import { continueTransfer, transferIfStalled } from '../rules/transfer';

export function onAppendEntriesReply(state: KernelState, message: AppendEntriesReply): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) return;
  progress.onReply(state.nowMs);
  if (message.accepted) accepted(state, progress, message.matchIndex);
  else rejected(state, progress, message);
  state.replicationDue = true;
}

function accepted(state: KernelState, progress: Progress, matchIndex: number): void {
  invariant(
    matchIndex <= state.log.lastIndex,
    () =>
      `replica ${progress.id} says that it holds entry ${matchIndex} of this leader's log, which ends at ${state.log.lastIndex}`,
  );
  const news = progress.matched(matchIndex);
  if (progress.state === 'probe') progress.becomeReplicate();
  else if (progress.state === 'snapshot' && matchIndex >= state.log.terms.originId.index)
    progress.becomeProbe(progress.matchIndex + 1);
  countCatchUp(state, progress);
  if (news) advanceCommit(state);
  continueTransfer(state);
  transferIfStalled(state);
}

/**
 * The logs don't meet where the append began. Only the answer to the probe that is on the way moves it, and while replicating
 * only one from above the match: a late rejection must never make the leader forget what a replica holds.
 */
function rejected(state: KernelState, progress: Progress, message: AppendEntriesReply): void {
  const current =
    progress.state === 'probe'
      ? message.sequence === progress.probeSequence
      : progress.state === 'replicate' && message.rejectedIndex > progress.matchIndex;
  if (!current) return;
  // What the replica has, ends before this log begins: it isn't asked a second time what it has already said.
  const held = Math.max(message.hint.index, progress.matchIndex);
  const begins = state.log.terms.originId.index;
  if (message.rejectedIndex <= begins || held < begins) {
    needSnapshot(state, progress);
    return;
  }
  const meeting = state.log.terms.lastIdNotAbove(message.hint.index, message.hint.term);
  progress.becomeProbe(meeting.index + 1);
}
