import type { AddressUpdate, MembershipResult } from '../base/kernel-api';
import { memberById } from '../membership/membership';
import { proposeConfiguration } from './membership-proposal';
import type { KernelState } from '../state/state';
import { NO_REPLICA } from '../base/types';

/**
 * Proposes an entry that changes where members are reached, and nothing else. It may pass while a change of the membership is
 * under way and in joint, since it changes nobody's vote: target, halves and catch-up stay as they are. As every configuration, it
 * waits for the one before to be committed.
 */
export function changeAddresses(state: KernelState, updates: readonly AddressUpdate[]): MembershipResult {
  if (state.role !== 'leader')
    return state.leader === NO_REPLICA
      ? refused('noLeader', 'no leader is known')
      : refused('notLeader', 'this replica does not lead');
  if (state.transfer !== undefined || state.resignsAfterRound > 0)
    return refused('transferring', 'the leadership is being handed over');
  if (!state.committedInTerm) return refused('notReady', 'the leader has not committed in its term yet');
  if (state.log.hasPendingConfiguration)
    return refused('inProgress', 'another change of the membership is being committed');
  const { configuration } = state.configuration;
  const unknown = updates.find(({ id }) => memberById(configuration, id) === undefined);
  if (unknown !== undefined) return refused('invalid', `replica ${unknown.id} is no member`);
  const members = configuration.members.map((member) => {
    const update = updates.find(({ id }) => id === member.id);
    return update === undefined ? member : { ...member, peer: update.peer, http: update.http };
  });
  return { accepted: true, index: proposeConfiguration(state, { ...configuration, members }), term: state.term };
}

function refused(
  reason: Extract<MembershipResult, { accepted: false }>['reason'],
  detail: string,
): Extract<MembershipResult, { accepted: false }> {
  return { accepted: false, reason, detail };
}
