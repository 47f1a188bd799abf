import { advanceCommit } from '../rules/commit';
import { invariant } from '../base/invariant';
import { countCatchUp } from '../rules/membership-change';
import type { InstallSnapshotReply } from '../base/messages';
import type { KernelState } from '../state/state';

/** The replica holds a snapshot: the log goes on from there, unless its head was cut beyond it meanwhile. */
export function onInstallSnapshotReply(state: KernelState, message: InstallSnapshotReply): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) return;
  progress.onReply(state.nowMs);
  invariant(
    message.matchIndex <= state.log.lastIndex,
    () =>
      `replica ${progress.id} says that it holds entry ${message.matchIndex}, and this leader's log ends at ${state.log.lastIndex}`,
  );
  const news = progress.matched(message.matchIndex);
  if (progress.state === 'snapshot' && progress.matchIndex >= state.log.terms.originId.index)
    progress.becomeProbe(progress.matchIndex + 1);
  state.replicationDue = true;
  countCatchUp(state, progress);
  if (news) advanceCommit(state);
}
