import type { MembershipChange, MembershipResult } from './kernel-api';
import type { KernelState } from './state';

/** Proposes the first step of a change of the membership. */
export function changeMembership(_state: KernelState, _change: MembershipChange): MembershipResult {
  return { accepted: false, reason: 'notReady', detail: 'this version cannot change its membership' };
}
