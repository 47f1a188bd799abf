import type { Observable, Subscription } from 'rxjs';
import type { RaftMachineEvent } from '../../../state-machine/entries/machine-change';

/**
 * Hears what a machine tells, where it can be told. Where it can't, which a client's node may say, nothing is lost but time: those
 * who wait ask again at intervals anyway.
 */
export function listenToEvents(
  events: Observable<RaftMachineEvent>,
  listener: (event: RaftMachineEvent) => void,
): Subscription {
  return events.subscribe({ next: listener, error: () => undefined });
}
