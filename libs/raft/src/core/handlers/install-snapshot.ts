import type { InstallSnapshot } from '../messages';
import type { KernelState } from '../state';
import { followLeader } from './follow-leader';

/** The leader's log begins behind what this replica lacks (thesis §5). */
export function onInstallSnapshot(state: KernelState, message: InstallSnapshot): void {
  followLeader(state, message);
}
