import type { ReplicatedClient } from '../../state-machine/calls/create-replicated';
import type { Observable } from 'rxjs';
import type { RaftMachineEvent } from '../../state-machine/entries/machine-change';

/** What calls go through in this application: a node of the cluster, or a client of it. */
export interface CallHost {
  /** @throws RaftError `RAFT_NOT_STARTED` or `RAFT_SHUTTING_DOWN` */
  node(): ReplicatedClient;
  readonly machineEvents: { of(machine: string): Observable<RaftMachineEvent> };
}
