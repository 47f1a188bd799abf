import { commitTo } from '../rules/commit';
import { invariant } from '../base/invariant';
import { lacksAcknowledged, refuseLostEntry } from '../rules/lost-tail';
import type { AppendEntries } from '../base/messages';
import type { KernelState } from '../state/state';
import { type LogId, ORIGIN } from '../base/types';
import { followLeader } from './follow-leader';

/** Thesis §3.5, with the search for the place where the logs meet done by whole terms. */
export function onAppendEntries(state: KernelState, message: AppendEntries): void {
  if (!followLeader(state, message)) {
    reject(state, message, ORIGIN);
    return;
  }
  // Its place is about to be taken by a snapshot; the leader sends it again.
  if (state.installing !== undefined) return;
  const { log } = state;
  const { prev, entries } = message;
  if (lacksAcknowledged(state, message, message.acknowledged)) return;
  if (prev.index < log.terms.originId.index) {
    // It begins before this log does: what is committed here is the leader's too.
    accept(state, message, log.commitIndex);
    return;
  }
  if (log.terms.termAt(prev.index) !== prev.term) {
    // Whose word is that? A leader that isn't known here yet may be behind, or no leader: it stops nobody.
    if (prev.index <= Math.max(log.commitIndex, message.acknowledged) && !state.counts(message)) return;
    if (prev.index <= message.acknowledged) refuseLostEntry(prev.index, prev.term, log.terms.termAt(prev.index));
    invariant(
      prev.index > log.commitIndex,
      () =>
        `entry ${prev.index} is of term ${prev.term} at the leader and of term ${log.terms.termAt(prev.index)} here, but the log is committed up to ${log.commitIndex}: this store or the leader's is corrupt`,
    );
    reject(state, message, log.terms.lastIdNotAbove(prev.index, prev.term));
    return;
  }
  appendMissing(state, message);
  const last = prev.index + entries.length;
  // Only what this message has shown to be the leader's: the tail beyond it may be of an older term.
  commitTo(state, Math.max(log.commitIndex, Math.min(message.leaderCommit, last)));
  accept(state, message, last);
}

/** Cuts only where a term differs: a late or repeated append never shortens the log (thesis §3.5). */
function appendMissing(state: KernelState, { entries }: AppendEntries): void {
  const { log } = state;
  const from = entries.findIndex((entry) => log.terms.termAt(entry.index) !== entry.term);
  if (from < 0) return;
  const first = entries[from]!.index;
  if (first <= log.lastIndex) {
    log.truncateFrom(first);
    state.persistence.truncated(first);
  }
  for (let at = from; at < entries.length; at++) log.append(entries[at]!);
}

function accept(state: KernelState, message: AppendEntries, matchIndex: number): void {
  state.sendAfterPersist(
    {
      ...state.replyHeader(message),
      kind: 'appendEntriesReply',
      accepted: true,
      matchIndex,
      rejectedIndex: 0,
      hint: ORIGIN,
    },
    matchIndex,
  );
}

function reject(state: KernelState, message: AppendEntries, hint: LogId): void {
  state.sendAfterPersist({
    ...state.replyHeader(message),
    kind: 'appendEntriesReply',
    accepted: false,
    matchIndex: 0,
    rejectedIndex: message.prev.index,
    hint,
  });
}
