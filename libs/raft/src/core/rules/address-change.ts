import type { AddressUpdate, MembershipResult } from '../base/kernel-api';
import { memberById } from '../membership/membership';
import { proposeConfiguration, refusalToPropose, refused } from './membership-proposal';
import type { KernelState } from '../state/state';

/**
 * Proposes an entry that changes where members are reached, and nothing else. It may pass while a change of the membership is
 * under way and in joint, since it changes nobody's vote: target, halves and catch-up stay as they are. As every configuration, it
 * waits for the one before to be committed.
 */
export function changeAddresses(state: KernelState, updates: readonly AddressUpdate[]): MembershipResult {
  const refusal = refusalToPropose(state);
  if (refusal !== undefined) return refusal;
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
