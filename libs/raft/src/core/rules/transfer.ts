/** Leadership transfer: proposals stop, the successor gets what it lacks, and is told to campaign (thesis §3.10). */

import { becomeFollower } from './election';
import type { TransferResult } from '../base/kernel-api';
import { isVoter } from '../membership/membership';
import { quorumValue, voteResult } from '../membership/quorum';
import { sendAppend } from './replication';
import type { KernelState } from '../state/state';
import { NO_REPLICA, type ReplicaId } from '../base/types';

/**
 * Begins to hand the leadership over (thesis §3.10): no proposal is accepted from now on, the target gets what it lacks, and is then
 * told to campaign at once. Given up after one election time-out.
 */
export function transferLeadership(state: KernelState, target: ReplicaId | undefined): TransferResult {
  if (state.role !== 'leader') return { accepted: false, reason: 'notLeader' };
  if (target === state.self) return { accepted: false, reason: 'alreadyLeader' };
  if (target !== undefined && !mayBeLeader(state, target)) return { accepted: false, reason: 'notVoter' };
  if (state.transfer !== undefined) {
    const isSame = target === undefined || target === state.transfer.target;
    return isSame ? { accepted: true, target: state.transfer.target } : { accepted: false, reason: 'inProgress' };
  }
  const chosen = target ?? bestSuccessor(state);
  if (chosen === undefined) return { accepted: false, reason: 'noTarget' };
  state.transfer = { target: chosen, elapsedTicks: 0, isTold: false };
  state.replicationDue = true;
  advanceTransfer(state);
  return { accepted: true, target: chosen };
}

/**
 * Tells the target to campaign once it has all of the log and all of it is committed, again with each heartbeat: the message may
 * be lost. What was accepted is decided by this leader: a removed one would never learn of it from the next.
 */
export function advanceTransfer(state: KernelState): void {
  const { transfer } = state;
  if (state.role !== 'leader' || transfer === undefined) return;
  const progress = state.progress.get(transfer.target);
  if (progress === undefined || !mayBeLeader(state, transfer.target)) abortTransfer(state);
  else if (progress.matchIndex < state.log.lastIndex) sendAppend(state, progress, true);
  else if (state.log.commitIndex === state.log.lastIndex) {
    // Voters let go of this leader for that campaign, whenever it comes: no lease holds in this term from then on (thesis §6.4.1).
    state.leaseIsRevoked = true;
    transfer.isTold = true;
    // It may have its vote by an entry that it doesn't know to be committed yet.
    sendAppend(state, progress, true);
    state.sendNow({ ...state.header(progress.id), kind: 'timeoutNow' });
  }
}

/** The target, another replica or this replica's own disk has written: what the target waited for may be there. */
export function continueTransfer(state: KernelState): void {
  const { transfer, log } = state;
  if (transfer === undefined || transfer.isTold || log.commitIndex < log.lastIndex) return;
  if (state.progress.get(transfer.target)?.matchIndex === log.lastIndex) advanceTransfer(state);
}

export function tickTransfer(state: KernelState): void {
  const { transfer } = state;
  if (transfer !== undefined && ++transfer.elapsedTicks >= state.options.electionTicks) abortTransfer(state);
}

/** The target isn't ready. A leader that transfers on its own waits until the next heartbeat before it asks again. */
export function refusedTransfer(state: KernelState): void {
  state.handsOverFromMs = state.nowMs + state.options.heartbeatTicks * state.options.tickMs;
  abortTransfer(state);
}

/** Whether a leader that transfers its leadership on its own may try it now. */
export function mayHandOver(state: KernelState): boolean {
  return state.transfer === undefined && state.nowMs >= state.handsOverFromMs;
}

/** It goes on as leader; one that has lost its vote has no business to. */
export function abortTransfer(state: KernelState): void {
  state.transfer = undefined;
  if (state.resignsAfterRound > 0) becomeFollower(state, state.term, NO_REPLICA);
}

/**
 * A leader whose store stalls makes way only for a replica that is shown to be well: one that wrote an entry since then. And
 * only where such replicas are a quorum without it, as it can't vote; with one disk under all there is none, and leadership
 * doesn't wander.
 */
export function transferIfStalled(state: KernelState): void {
  if (state.stallProbeIndex === 0 || state.role !== 'leader' || !mayHandOver(state)) return;
  const wrote = (id: ReplicaId): boolean =>
    id !== state.self && (state.progress.get(id)?.matchIndex ?? 0) >= state.stallProbeIndex;
  if (voteResult(state.configuration.configuration, wrote) !== 'won') return;
  transferLeadership(state, bestSuccessor(state));
}

/** A leader that was removed leads until a quorum of the others knows that (thesis §4.2.2), and then gives way to one of them. */
export function resignIfKnown(state: KernelState): void {
  if (state.resignsAfterRound === 0 || state.role !== 'leader' || state.transfer !== undefined) return;
  const known = quorumValue(state.configuration.configuration, (id) => state.progress.get(id)?.confirmedRound ?? 0);
  if (known < state.resignsAfterRound) return;
  if (!transferLeadership(state, undefined).accepted) becomeFollower(state, state.term, NO_REPLICA);
}

/** The voter that was heard lately and has most of the log; in a joint configuration one that stays. */
function bestSuccessor(state: KernelState): ReplicaId | undefined {
  let best: ReplicaId | undefined;
  let bestMatch = -1;
  for (const progress of state.progress.values()) {
    const isHeard = state.nowMs - progress.contactMs < state.electionTimeoutMs;
    if (!isHeard || !mayBeLeader(state, progress.id) || progress.matchIndex <= bestMatch) continue;
    best = progress.id;
    bestMatch = progress.matchIndex;
  }
  return best;
}

/** Never a learner, and nobody who is about to lose its vote. */
function mayBeLeader(state: KernelState, id: ReplicaId): boolean {
  const { configuration } = state.configuration;
  return isVoter(configuration, id) && configuration.voters.includes(id);
}
