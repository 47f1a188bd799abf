import { encodeConfiguration } from '../membership/configuration-codec';
import type { Configuration } from '../base/configuration';
import type { MembershipResult } from '../base/kernel-api';
import { entrySizeBytes, makeEntry } from '../base/entry';
import { checkConfiguration } from '../membership/membership';
import type { Progress } from '../progress/progress';
import { majorityOf } from '../membership/quorum';
import type { KernelState } from '../state/state';
import { NO_REPLICA, type ReplicaId } from '../base/types';

export type Refusal = Extract<MembershipResult, { accepted: false }>;

export function refused(reason: Refusal['reason'], detail: string): Refusal {
  return { accepted: false, reason, detail };
}

/** @returns why this replica may write no configuration at all now; undefined where it may */
export function refusalToPropose(state: KernelState): Refusal | undefined {
  if (state.role !== 'leader')
    return state.leader === NO_REPLICA
      ? refused('noLeader', 'no leader is known')
      : refused('notLeader', 'this replica does not lead');
  if (state.transfer !== undefined || state.resignsAfterRound > 0)
    return refused('transferring', 'the leadership is being handed over');
  if (!state.committedInTerm) return refused('notReady', 'the leader has not committed in its term yet');
  return undefined;
}

/** Writes a configuration into the log of this leader. @returns its index */
export function proposeConfiguration(state: KernelState, configuration: Configuration): number {
  checkConfiguration(configuration);
  const { log } = state;
  const data = encodeConfiguration(configuration);
  const entry = makeEntry(log.lastIndex + 1, state.term, { kind: 'configuration', schemaVersion: 0, data });
  log.append(entry);
  state.uncommittedBytes += entrySizeBytes(entry);
  state.replicationDue = true;
  return entry.index;
}

/** Whether a replica was heard within the last election time-out. */
export function isAlive(state: KernelState, progress: Progress | undefined): boolean {
  return progress !== undefined && state.nowMs - progress.contactMs < state.electionTimeoutMs;
}

/** How many of these voters were heard within the last election time-out, this leader among them. */
export function answersOf(
  state: KernelState,
  voters: readonly ReplicaId[],
): { readonly heard: number; readonly isMajority: boolean } {
  const heard = voters.filter((id) => id === state.self || isAlive(state, state.progress.get(id))).length;
  return { heard, isMajority: heard >= majorityOf(voters.length) };
}

/** @returns why nothing would be committed now, without its end; undefined where a majority of each half was heard lately */
export function quorumAnswers(state: KernelState): string | undefined {
  const { voters, outgoing } = state.configuration.configuration;
  for (const half of outgoing.length === 0 ? [voters] : [voters, outgoing]) {
    const { heard, isMajority } = answersOf(state, half);
    if (!isMajority)
      return `of the ${half.length} voters ${heard} answered within the last election time-out, which is no majority, so nothing can be committed`;
  }
  return undefined;
}
