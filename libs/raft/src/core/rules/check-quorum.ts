import { voteResult } from '../membership/quorum';
import type { KernelState } from '../state/state';

/**
 * checkQuorum: once in each election time-out a leader looks whether a quorum answered it since the last look. One that isn't
 * answered steps down, since another may lead already (thesis §6.2).
 *
 * @returns whether a quorum answered; from now on answers are counted for the next look
 */
export function checkQuorum(state: KernelState): boolean {
  const active = voteResult(state.configuration.configuration, (id) => {
    const progress = state.progress.get(id);
    return id === state.self || progress?.active === true;
  });
  for (const progress of state.progress.values()) progress.active = false;
  return active === 'won';
}
