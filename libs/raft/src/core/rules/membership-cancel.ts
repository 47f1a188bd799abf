import type { Configuration } from '../base/configuration';
import type { CancelResult } from '../base/kernel-api';
import { isJoint } from '../membership/membership';
import { answersOf, proposeConfiguration, quorumAnswers } from './membership-proposal';
import { cancelStep, returnStep, sameIds } from '../membership/membership-steps';
import type { KernelState } from '../state/state';
import { NO_REPLICA } from '../base/types';

const SILENT: ReadonlySet<string> = new Set(['halfSilent', 'noQuorum']);

/**
 * Cancels the change of the membership that is under way. Where its entry isn't committed yet, this leader remembers it for
 * so long and writes the cancelling entry as the next one, before the change can take its next step.
 */
export function cancelMembershipChange(state: KernelState, waitMs: number): CancelResult {
  if (state.role !== 'leader')
    return state.leader === NO_REPLICA
      ? refused('noLeader', 'no leader is known')
      : refused('notLeader', 'this replica does not lead');
  const result = tryToCancel(state);
  state.cancelUntilMs = result.outcome === 'waits' ? state.nowMs + waitMs : undefined;
  return result;
}

/** @returns whether somebody waits for the change to be cancelled: then it takes no step of its own */
export function cancelIfWanted(state: KernelState): boolean {
  if (state.cancelUntilMs === undefined) return false;
  const result = state.nowMs < state.cancelUntilMs ? tryToCancel(state) : undefined;
  // A majority that is silent now may be back in time; until then the change doesn't go on against its caller's will.
  const isWanted = result?.outcome === 'waits' || (result?.outcome === 'refused' && SILENT.has(result.reason));
  if (!isWanted) state.cancelUntilMs = undefined;
  return isWanted;
}

/** By the stage of the change; see docs/membership.md for the table. */
function tryToCancel(state: KernelState): CancelResult {
  const { configuration } = state.configuration;
  const pending = state.log.pendingConfiguration;
  if (pending !== undefined) return whilePending(state, configuration, pending);
  // Asked again, it says so still: the first answer may have been lost.
  if (state.cancelledAt !== undefined && state.cancelledAt.index === state.configuration.index)
    return { outcome: 'written', ...state.cancelledAt };
  if (configuration.target === null && !isJoint(configuration))
    return refused('nothingUnderWay', 'no change of the membership is under way');
  // What is handed over, or not known to be committed yet, may bring another leader or another stage.
  if (!state.committedInTerm || state.transfer !== undefined) return { outcome: 'waits', pending: undefined };
  const silence = isJoint(configuration) ? silentHalf(state, configuration) : silentQuorum(state);
  if (silence !== undefined) return silence;
  const step = isJoint(configuration) ? returnStep(configuration) : cancelStep(configuration);
  const index = proposeConfiguration(state, step);
  state.cancelledAt = { index, term: state.term };
  return { outcome: 'written', index, term: state.term };
}

function whilePending(
  state: KernelState,
  inForce: Configuration,
  { index, configuration }: { readonly index: number; readonly configuration: Configuration },
): CancelResult {
  const term = state.log.terms.termAt(index) ?? state.term;
  if (state.cancelledAt?.index === index && state.cancelledAt.term === term) return { outcome: 'written', index, term };
  const leaves = isJoint(inForce) && !isJoint(configuration);
  if (leaves && sameIds(configuration.voters, inForce.outgoing)) return { outcome: 'written', index, term };
  if (leaves)
    return refused(
      'leaving',
      `its last step is written (entry ${index} of term ${term}), and what is in a log can't be taken back; make the reverse change when it has ended`,
    );
  return { outcome: 'waits', pending: { index, term } };
}

/** Never by one majority alone: replicas that are cut off with the other could go on by it (thesis §4.3). */
function silentHalf(state: KernelState, { voters, outgoing }: Configuration): CancelResult | undefined {
  for (const [half, what] of [
    [outgoing, 'old'],
    [voters, 'new'],
  ] as const) {
    const { heard, isMajority } = answersOf(state, half);
    if (!isMajority)
      return refused(
        'halfSilent',
        `two majorities decide now, and of the ${half.length} voters of the ${what} one ${heard} ${heard === 1 ? 'answers' : 'answer'}; ` +
          'bring enough of them back, or recover the cluster from those that are left',
      );
  }
  return undefined;
}

function silentQuorum(state: KernelState): CancelResult | undefined {
  const silence = quorumAnswers(state);
  return silence === undefined ? undefined : refused('noQuorum', silence);
}

function refused(reason: Extract<CancelResult, { outcome: 'refused' }>['reason'], detail: string): CancelResult {
  return { outcome: 'refused', reason, detail };
}
