import type { Configuration, ConfigurationInForce } from '../base/configuration';
import { becomeFollower, followingRole } from './election';
import { differInAddressesOnly, isVoter, memberById } from '../membership/membership';
import { sameIds } from '../membership/membership-steps';
import { quorumValue } from '../membership/quorum';
import { sendRound } from './reads';
import { addProgress, sendAppend } from './replication';
import type { KernelState } from '../state/state';
import { type LogId, NO_REPLICA } from '../base/types';

/** Moves the commit index to `index`; what is committed takes effect in the kernel at once, configurations among it. */
export function commitTo(state: KernelState, index: number): void {
  const before = state.log.commitIndex;
  if (index <= before || state.installing !== undefined) return;
  const bytes = state.log.bytesBetween(before, index);
  const passed = state.log.commitTo(index);
  state.applying.committedUpTo(index, bytes);
  state.uncommittedBytes = Math.max(0, state.uncommittedBytes - bytes);
  for (const configuration of passed) {
    state.configurations.add(configuration);
    enforceConfiguration(state, configuration);
  }
  if (state.committedInTerm) unparkReads(state);
}

/**
 * A leader commits what a quorum holds durably, its own disk being one of many (thesis §10.2.1), and only entries of its own
 * term: an older one on a majority can still be overwritten (thesis §3.6.2, figure 3.7).
 */
export function advanceCommit(state: KernelState): void {
  if (state.role !== 'leader') return;
  const index = quorumValue(state.configuration.configuration, (id) =>
    id === state.self ? state.persistence.durableIndex : (state.progress.get(id)?.matchIndex ?? 0),
  );
  if (index > state.log.commitIndex && state.log.terms.termAt(index) === state.term) commitTo(state, index);
}

/**
 * A vote or its answer says what its sender knows to be committed. Where this replica's log holds that very entry, it is committed
 * here too; a replica behind in commits may otherwise be kept from winning by a configuration that it doesn't know of.
 */
export function learnCommit(state: KernelState, commit: LogId): void {
  if (commit.index > state.log.commitIndex && state.log.terms.termAt(commit.index) === commit.term)
    commitTo(state, commit.index);
}

/** A configuration takes effect at the commit cursor, whatever the state machine has applied. */
export function enforceConfiguration(state: KernelState, inForce: ConfigurationInForce): void {
  const before = state.configuration.configuration;
  state.configuration = inForce;
  state.persistence.markConfiguration();
  state.outbox.configuration = inForce;
  if (state.role === 'leader') {
    // Where a member is reached changes nothing of what a change of the membership waits for.
    if (!differInAddressesOnly(before, inForce.configuration)) reshapeLeadership(state, inForce, before);
  } else if (state.role === 'follower' || state.role === 'learner') state.role = followingRole(state);
  else if (!isVoter(inForce.configuration, state.self)) becomeFollower(state, state.term, NO_REPLICA);
}

function reshapeLeadership(state: KernelState, inForce: ConfigurationInForce, before: Configuration): void {
  const isSameStage = hasSameStage(before, inForce.configuration);
  if (!isSameStage) state.changeSinceMs = state.nowMs;
  for (const progress of state.progress.values()) {
    progress.held.deadlineSet();
    progress.applied.deadlineSet();
    if (!isSameStage) progress.catchUp.restart();
    if (memberById(inForce.configuration, progress.id) !== undefined) continue;
    // It is told that it was removed, as far as one message can; its answers count no longer.
    progress.departsAtMs ??= state.nowMs + state.electionTimeoutMs;
    sendAppend(state, progress, true);
  }
  for (const member of inForce.configuration.members) {
    if (member.id === state.self || state.progress.has(member.id)) continue;
    addProgress(state, member.id);
    const progress = state.progress.get(member.id)!;
    progress.held.beginsEmpty();
    progress.applied.beginsEmpty();
  }
  // The replicas that stay have to know of it before this one may go: its vote may be what they need until they do.
  if (!isVoter(inForce.configuration, state.self)) {
    sendRound(state);
    state.resignsAfterRound = state.readIndex.round;
  }
}

/** Whether nothing but addresses or the deadline is another: what was counted of catching up still holds. */
function hasSameStage(before: Configuration, after: Configuration): boolean {
  return (
    sameIds(before.voters, after.voters) &&
    sameIds(before.outgoing, after.outgoing) &&
    (before.target === null) === (after.target === null) &&
    sameIds(before.target?.voters ?? [], after.target?.voters ?? [])
  );
}

function unparkReads(state: KernelState): void {
  for (const context of state.readIndex.takeParked()) state.readIndex.add(context, state.log.commitIndex);
}
