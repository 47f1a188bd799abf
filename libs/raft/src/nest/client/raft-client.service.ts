import { Injectable } from '@nestjs/common';
import { distinctUntilChanged, map, type Observable } from 'rxjs';
import type { RaftClientStatus } from '../../client/raft-client-status';
import type { OpenSessionOptions, RaftSession, ResumeSessionOptions } from '../../runtime/requests/client-session';
import type { Ordered, ProposeOptions, QueryOptions } from '../../runtime/base/call-options';
import type { LeaderStatus } from '../../runtime/status/status';
import { encodeCommand, type CommandCall } from '../../state-machine/entries/command-envelope';
import type { RaftMachineEvent } from '../../state-machine/entries/machine-change';
import { describeMachineClass, type StateMachineClass } from '../../state-machine/declare/machine-class';
import { outcomeValue } from '../../state-machine/codec/outcome-value';
import { encodeQuery, type QueryCall } from '../../state-machine/entries/query-envelope';
import { isSameLeader } from '../leadership/same-status';
import type { RaftClientHost } from './raft-client-host';

/**
 * A cluster, as an application sees it that is a client and no member of it. Inject it by its class, or with
 * `@InjectRaftClient('group')`. State machines are called through `@InjectStateMachine(Class)`, as on a node.
 *
 * @publicApi
 */
@Injectable()
export class RaftClientService {
  /** The state at once, then at each change of phase, leader, term or connections. Completes when the client has stopped. */
  readonly status$: Observable<RaftClientStatus>;
  /** The leader at once, then each other one; null while no connected node knows one. Completes as {@link status$}. */
  readonly leader$: Observable<LeaderStatus | null>;

  constructor(private readonly host: RaftClientHost) {
    this.status$ = host.status$.asObservable();
    this.leader$ = host.status$.pipe(
      map(({ leader }) => leader),
      distinctUntilChanged((before, now) => isSameLeader(before, now)),
    );
  }

  /** Where the client stands now. */
  status(): RaftClientStatus {
    return this.host.status();
  }

  /**
   * Replicates a command, by the names of its machine and method, and resolves with its result when it is committed and applied.
   *
   * @throws RaftError each code that `docs/errors.md` has, `RAFT_REJECTED` where the command refused
   */
  async propose(call: CommandCall, options?: Omit<ProposeOptions, 'forward'>): Promise<Ordered<unknown>> {
    const { value, index } = await this.host.node().propose(encodeCommand(call), options);
    return { value: outcomeValue(value, `${call.machine}.${call.command}`, 'COMMAND_FAILED'), index };
  }

  /**
   * Asks a state machine, by the names of its machine and method; linearizable unless the options say otherwise.
   *
   * @throws RaftError
   */
  async read(call: QueryCall, options?: Omit<QueryOptions, 'forward'>): Promise<Ordered<unknown>> {
    const { value, index } = await this.host.node().query(encodeQuery(call), options);
    return { value: outcomeValue(value, `${call.machine}.${call.query}`, 'QUERY_FAILED'), index };
  }

  /** Opens a client session, as `RaftService.openSession`. @throws RaftError the codes of the way to the leader */
  async openSession(options?: OpenSessionOptions): Promise<RaftSession> {
    return this.host.node().openSession(options);
  }

  /** Goes on with a session that was opened before, in another process. @throws RaftError `RAFT_NOT_STARTED`, `RAFT_CONFIGURATION` */
  resumeSession(options: ResumeSessionOptions): RaftSession {
    return this.host.node().resumeSession(options);
  }

  /**
   * What the commands of a state machine tell with `context.emit(change)`, as one node of the cluster tells it, in the order of the
   * log. It is told from the first event on, which is `replaced`; another `replaced` comes whenever the connection was lost or another
   * node tells from now on: changes up to its index may not have been told. No change is told twice.
   *
   * It completes when the client has stopped, and fails where the nodes tell nothing.
   *
   * @throws RaftError `RAFT_CONFIGURATION` the class is no state machine
   */
  changes<T = unknown>(machine: StateMachineClass): Observable<RaftMachineEvent<T>> {
    return this.host.machineEvents.of(describeMachineClass(machine).name) as Observable<RaftMachineEvent<T>>;
  }
}
