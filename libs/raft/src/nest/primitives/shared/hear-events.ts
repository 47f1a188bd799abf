import type { Observable, Subscription } from 'rxjs';
import type { RaftMachineEvent } from '../../../state-machine/entries/machine-change';

/**
 * Hears what a machine tells, where it can be told. Where it can't, which a client's node may say, nothing is lost but time: those
 * who wait ask again at intervals anyway.
 */
export function hearEvents(
  events: Observable<RaftMachineEvent>,
  hear: (event: RaftMachineEvent) => void,
): Subscription {
  return events.subscribe({ next: hear, error: () => undefined });
}
