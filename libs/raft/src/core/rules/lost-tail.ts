import { RolledBackStoreError } from '../base/invariant';
import type { MessageHeader } from '../base/messages';
import type { KernelState } from '../state/state';

/**
 * A leader says up to where this replica acknowledged its log in this very term. Nothing of that can be cut while the term
 * lasts, and it was durable before it was acknowledged: so a log that lacks it was put back to an earlier state. That is an
 * accusation, so it counts from a member alone. A leader that this replica's configuration doesn't know yet isn't believed, and
 * what rests on such an entry can't be done: the message is dropped.
 *
 * @param acknowledged the leader's match index for this replica, when it sent the message
 * @returns whether this replica lacks it, by the word of a leader that it doesn't know
 * @throws RolledBackStoreError it lacks it, by the word of a member
 */
export function lacksAcknowledged(state: KernelState, message: MessageHeader, acknowledged: number): boolean {
  if (acknowledged <= state.log.lastIndex) return false;
  if (state.counts(message)) throw lost(acknowledged, `its log ends at ${state.log.lastIndex}`);
  return true;
}

/** @throws RolledBackStoreError always: the entry that was acknowledged is another one here */
export function refuseLostEntry(acknowledged: number, term: number, here: number | undefined): never {
  throw lost(acknowledged, `that entry is of term ${term} at the leader and of term ${here ?? 'none'} here`);
}

function lost(acknowledged: number, what: string): RolledBackStoreError {
  return new RolledBackStoreError(
    `This store had acknowledged entry ${acknowledged} to the leader, and ${what}: it was put back to an earlier state (a ` +
      'restored backup, a copied disk), or its disk lost what it said was written. Its votes are lost with it, so it must not take part.',
  );
}
