import { Observable, Subject } from 'rxjs';
import type { MachineEventListener, RaftMachineEvent } from '../state-machine/machine-change';

/** What the state machines of one node tell, for whoever watches one of them. */
export class MachineEvents {
  private readonly subjects = new Map<string, Subject<RaftMachineEvent>>();
  private completed = false;

  readonly tell: MachineEventListener = (machine, event) => this.subjects.get(machine)?.next(event);

  of(machine: string): Observable<RaftMachineEvent> {
    return new Observable((subscriber) => {
      if (this.completed) {
        subscriber.complete();
        return undefined;
      }
      let subject = this.subjects.get(machine);
      if (subject === undefined) {
        this.subjects.set(machine, (subject = new Subject()));
      }
      return subject.subscribe(subscriber);
    });
  }

  complete(): void {
    this.completed = true;
    this.subjects.forEach((subject) => subject.complete());
  }
}
