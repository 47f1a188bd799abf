/** Log compaction and the install of snapshots, as far as the kernel knows of them. */

import { commitTo, enforceConfiguration } from './commit';
import { becomeFollower } from './election';
import { invariant } from '../base/invariant';
import type { KernelSnapshot } from '../base/kernel-api';
import type { KernelState } from '../state/state';
import { type LogId, NO_REPLICA, sameLogId } from '../base/types';

/**
 * A whole snapshot is in the store. A log that holds its last entry is the longer word, and stays as it is (thesis §5): a
 * snapshot is of what was committed, so that entry is. A log that doesn't makes way for it, conflicting tail and all.
 *
 * @returns whether the snapshot is to be installed
 */
export function beginInstall(state: KernelState, { last }: KernelSnapshot): boolean {
  const { log } = state;
  if (state.installing !== undefined || last.index <= log.commitIndex) return false;
  if (log.terms.termAt(last.index) === last.term) {
    commitTo(state, last.index);
    return false;
  }
  if (state.role !== 'follower' && state.role !== 'learner') becomeFollower(state, state.term, NO_REPLICA);
  state.installing = last;
  state.applying.dropLoad();
  return true;
}

/** State machine and store are behind the snapshot now: the kernel follows, and answers the leader. */
export function finishInstall(state: KernelState, { last, configuration }: KernelSnapshot): void {
  const { installing } = state;
  invariant(
    installing !== undefined && sameLogId(installing, last),
    () => `a snapshot at ${last.index} was installed that nobody asked for`,
  );
  state.persistence.restartBehind(last.index);
  state.log.restartBehind(last);
  state.applying.restartAt(last.index);
  state.installing = undefined;
  state.configurations.restartWith(configuration);
  enforceConfiguration(state, configuration);
  // A member that is in a later term than the leader that asked may have given a snapshot of that term.
  if (last.term > state.term) becomeFollower(state, last.term, NO_REPLICA);
  if (state.leader === NO_REPLICA || state.leader === state.self) return;
  const reply = { ...state.header(state.leader), kind: 'installSnapshotReply' as const, matchIndex: last.index };
  state.sendAfterPersist(reply, last.index);
}

/** The store's log begins behind `to` now. A replica that lacks what is gone gets a snapshot. */
export function compactTo(state: KernelState, to: LogId): void {
  const { log } = state;
  if (to.index <= log.terms.originId.index) return;
  invariant(
    to.index <= state.applying.appliedIndex && to.index <= state.persistence.durableIndex,
    () =>
      `the log is cut at ${to.index}, beyond what is applied (${state.applying.appliedIndex}) or durable (${state.persistence.durableIndex})`,
  );
  log.compactTo(to);
}
