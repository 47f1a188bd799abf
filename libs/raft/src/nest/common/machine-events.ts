import { Observable, Subject } from 'rxjs';
import type { MachineEventSource } from '../../runtime/options/raft-node-options';
import type { MachineEventListener, RaftMachineEvent } from '../../state-machine/entries/machine-change';

/** What the state machines of one node tell, for everybody who watches one of them. */
export class MachineEvents implements MachineEventSource {
  private readonly subjects = new Map<string, Subject<RaftMachineEvent>>();
  private completed = false;

  private readonly listeners = new Set<MachineEventListener>();

  readonly emit: MachineEventListener = (machine, event) => {
    this.subjects.get(machine)?.next(event);
    for (const listener of this.listeners) listener(machine, event);
  };

  listen(listener: MachineEventListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  of(machine: string): Observable<RaftMachineEvent> {
    return new Observable((subscriber) => {
      if (this.completed) {
        subscriber.complete();
        return undefined;
      }
      let subject = this.subjects.get(machine);
      if (subject === undefined) this.subjects.set(machine, (subject = new Subject()));
      return subject.subscribe(subscriber);
    });
  }

  complete(): void {
    this.completed = true;
    this.subjects.forEach((subject) => subject.complete());
  }
}
