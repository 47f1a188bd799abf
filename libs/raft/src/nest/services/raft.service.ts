import { Injectable } from '@nestjs/common';
import { distinctUntilChanged, map, type Observable } from 'rxjs';
import type { OpenSessionOptions, RaftSession, ResumeSessionOptions } from '../../runtime/requests/client-session';
import type { BarrierOptions, Ordered, ProposeOptions, QueryOptions } from '../../runtime/base/call-options';
import type { LeaderStatus, RaftStatus } from '../../runtime/status/status';
import { encodeCommand, type CommandCall } from '../../state-machine/entries/command-envelope';
import { describeMachineClass, type StateMachineClass } from '../../state-machine/declare/machine-class';
import type { RaftMachineEvent } from '../../state-machine/entries/machine-change';
import { outcomeValue } from '../../state-machine/codec/outcome-value';
import { encodeQuery, type QueryCall } from '../../state-machine/entries/query-envelope';
import type { Leadership } from '../leadership/leadership.interface';
import { isSameLeader, isSameStatus } from '../leadership/same-status';
import type { RaftNodeHost } from '../node/raft-node-host';

/**
 * One group's Raft node, as the application sees it. Inject it by its class, or with `@InjectRaft('group')`.
 *
 * State machines are called through `@InjectStateMachine(Class)`, whose methods have their types; {@link propose} and
 * {@link read} call by name, for tools that don't know the class.
 *
 * @publicApi
 */
@Injectable()
export class RaftService {
  /**
   * The state at once, then at each change of role, term, leader, phase or members: what only counts on, such as the indexes, is
   * as of that change, and {@link status} has it as of now. Completes when the node has stopped.
   */
  readonly status$: Observable<RaftStatus>;
  /** The leader at once, then each other one; null while none is known. Completes as {@link status$}. */
  readonly leader$: Observable<LeaderStatus | null>;
  /** Whether this node leads: at once, then at each change. Completes as {@link status$}. */
  readonly isLeader$: Observable<boolean>;
  /**
   * This node's leadership at once, then each other; null while it has none, and between two. Completes when the stop begins:
   * what only a leader may do ends before the leadership is handed over.
   */
  readonly leadership$: Observable<Leadership | null>;

  constructor(private readonly host: RaftNodeHost) {
    this.status$ = host.status$.pipe(distinctUntilChanged(isSameStatus));
    this.leadership$ = host.terms.changes;
    this.leader$ = this.status$.pipe(
      map((status) => status.leader),
      distinctUntilChanged((before, now) => isSameLeader(before, now)),
    );
    this.isLeader$ = this.status$.pipe(
      map((status) => status.isLeader),
      distinctUntilChanged(),
    );
  }

  /** Whether this node leads and has committed in its term, as far as it knows: a hint, as another may have been elected. */
  isLeader(): boolean {
    return this.host.isLeader();
  }

  /**
   * This node's present leadership, whose `token` says to others who the newest leader is: have the store that a side effect
   * goes to keep the greatest token it has seen, in the same transaction, and refuse a smaller one. No leader that was replaced
   * can then overwrite what its successor has done, however long it slept.
   *
   * The token is what fences. That this call doesn't throw is a hint, as {@link isLeader} is: another node may have been elected
   * already. `await barrier()` before it asks a majority first, and narrows the gap without closing it.
   *
   * @throws RaftError `RAFT_NOT_LEADER` where this node doesn't lead, or has committed nothing in its term yet;
   *   `RAFT_NOT_STARTED`; `RAFT_SHUTTING_DOWN` from the stop's beginning on
   * @example
   * ```ts
   * const { token } = this.raft.fence();
   * const { rowCount } = await this.db.query('UPDATE balance SET amount = $1, fence = $2 WHERE id = $3 AND fence <= $2', [amount, token, id]);
   * ```
   */
  fence(): Leadership {
    return this.host.fence();
  }

  /** Where the node stands now. Before it has started its phase is `created`. */
  status(): RaftStatus {
    return this.host.status();
  }

  /**
   * Replicates a command, by the names of its machine and method, and resolves with its result when it is committed and applied.
   *
   * @throws RaftError each code that `docs/errors.md` has, `RAFT_REJECTED` where the command refused
   */
  async propose(call: CommandCall, options?: ProposeOptions): Promise<Ordered<unknown>> {
    const { value, index } = await this.host.node().propose(encodeCommand(call), options);
    return { value: outcomeValue(value, `${call.machine}.${call.command}`, 'COMMAND_FAILED'), index };
  }

  /**
   * Opens a client session: commands in it (`$session(session)`) are applied once, however often they are sent, by whichever node.
   * Close it when it is no longer needed.
   *
   * @param options `ttlMs`: how long it lasts without a command or a sign of life; default 60,000
   * @throws RaftError `RAFT_BUSY` with the reason `TOO_MANY_SESSIONS`, and the codes of the way to the leader
   */
  async openSession(options?: OpenSessionOptions): Promise<RaftSession> {
    return this.host.node().openSession(options);
  }

  /**
   * Goes on with a session that was opened before, in another process or on another node.
   *
   * @param options `id` and `nextSequence`, as they were kept of the session
   * @throws RaftError `RAFT_NOT_STARTED`, `RAFT_SHUTTING_DOWN`, `RAFT_CONFIGURATION`
   */
  resumeSession(options: ResumeSessionOptions): RaftSession {
    return this.host.node().resumeSession(options);
  }

  /**
   * Asks a state machine, by the names of its machine and method; linearizable unless the options say otherwise.
   *
   * @throws RaftError
   */
  async read(call: QueryCall, options?: QueryOptions): Promise<Ordered<unknown>> {
    const { value, index } = await this.host.node().query(encodeQuery(call), options);
    return { value: outcomeValue(value, `${call.machine}.${call.query}`, 'QUERY_FAILED'), index };
  }

  /**
   * Resolves when this node has applied everything that was acknowledged anywhere before the call; what is read here behind it
   * with `$stale()` is then linearizable. With `consistency: 'stale'` it asks nobody, and fails where the state is older than
   * `maxLagMs`.
   *
   * @param options `timeoutMs` overrides `requestTimeoutMs`
   * @returns the log index up to which it has applied
   * @throws RaftError `RAFT_LAGGING` with `maxLagMs`, and the codes of a query
   */
  async barrier(options?: BarrierOptions): Promise<number> {
    return this.host.node().barrier(options);
  }

  /**
   * What the commands of a state machine tell with `context.emit(change)`, on this node, in the order of the log, once each is
   * applied here: before its caller has the answer, where the caller is on this node. There is no history: it begins with what
   * is applied after the subscription. A node that starts applies the commands behind its last snapshot again and tells them
   * again (their `index` is the same); where it gets a snapshot from the leader, one event says so (`kind: 'replaced'`), and the
   * changes up to it aren't told.
   *
   * It completes when the node has stopped. A subscriber runs while the node applies: it does little, and calls other things
   * later.
   *
   * @param machine the class, as `RaftModule.forFeature([Class])` names it
   * @throws RaftError `RAFT_CONFIGURATION` the class is no state machine
   * @example
   * ```ts
   * @RaftCommand()
   * set(context: CommandContext, name: string, on: boolean): void {
   *   this.flags.set(name, on);
   *   context.emit({ name, on });
   * }
   *
   * raft.changes<{ name: string; on: boolean }>(Flags).subscribe((event) => {
   *   if (event.kind === 'change') this.logger.log(`${event.value.name} at ${event.index}`);
   * });
   * ```
   */
  changes<T = unknown>(machine: StateMachineClass): Observable<RaftMachineEvent<T>> {
    return this.host.machineEvents.of(describeMachineClass(machine).name) as Observable<RaftMachineEvent<T>>;
  }
}
