/** Reads at the leader: a round of heartbeats confirms them. A lease read relies on the last confirmed round instead. */

import { quorumValue } from '../membership/quorum';
import { broadcastHeartbeat, quorumConfirmedAtMs } from './replication';
import type { KernelState } from '../state/state';

/** Takes a read in, or refuses it where this node doesn't lead (thesis §6.4). */
export function requestRead(state: KernelState, context: number, lease: boolean): void {
  if (state.role !== 'leader') state.outbox.refusedReads.push({ context });
  else if (!state.committedInTerm) state.readIndex.park(context);
  else if (lease && leaseHolds(state)) state.outbox.reads.push({ context, index: state.log.commitIndex });
  else state.readIndex.add(context, state.log.commitIndex);
}

/** Starts a round where reads wait for one; reads that come while it is on its way share the next. */
export function startRoundIfDue(state: KernelState): void {
  if (state.role !== 'leader' || !state.readIndex.roundDue) return;
  state.readRounds++;
  sendRound(state);
}

/** Sends a round to all, and counts this replica's own answer to it: in a cluster of one there is no other. */
export function sendRound(state: KernelState): void {
  broadcastHeartbeat(state);
  confirmReads(state);
}

/** Confirms the reads of every round that a quorum has answered. */
export function confirmReads(state: KernelState): void {
  const round = quorumValue(state.configuration.configuration, (id) =>
    id === state.self ? state.readIndex.round : (state.progress.get(id)?.confirmedRound ?? 0),
  );
  for (const { context, index } of state.readIndex.confirm(Math.min(round, state.readIndex.round)))
    state.outbox.reads.push({ context, index });
}

/** Measured from when the confirmed round was sent, as its answers may have been long on their way (thesis §6.4.1). */
function leaseHolds(state: KernelState): boolean {
  if (state.options.leaseMs === 0 || state.leaseIsRevoked) return false;
  return state.nowMs < quorumConfirmedAtMs(state) + state.options.leaseMs;
}
