import type { CommandOutcome } from '../../state-machine/contract';
import { type ClientSessionView, clientSessions, closingOf } from '../clients/session-list';
import { RaftError } from '../../errors/raft-error';
import type { OpenSessionOptions, RaftSession, ResumeSessionOptions } from '../requests/client-session';
import {
  type CancelOptions,
  type ChangeOptions,
  edited,
  type MembershipView,
  type MemberTarget,
} from '../status/membership-view';
import { notStarted } from '../base/node-errors';
import type { NodeEvents } from '../events/node-events';
import { NodeLifecycle } from './node-lifecycle';
import type { RaftNodeOptions } from '../options/raft-node-options';
import type { BarrierOptions, Ordered, ProposeOptions, QueryOptions } from '../base/call-options';
import type { RepairResult } from './repairing';
import type { SnapshotInfo } from '../status/snapshot-status';
import type { RaftStatus } from '../status/status';

const NOTHING = new Uint8Array(0);
const REPAIR_TIMEOUT_MS = 30_000;

/**
 * One node of a cluster: it opens its store, finds its peers, drives one kernel, and answers calls, under every leader. Its time
 * and chance come from the scheduler in its options, so that a simulator can run it in a time of its own.
 *
 * @publicApi
 */
export class RaftNode {
  /** The present one; a repair puts another in its place. */
  private lifecycle: NodeLifecycle;
  private repairing: Promise<RepairResult> | undefined;
  private successor: NodeLifecycle | undefined;
  private stopping: Promise<void> | undefined;
  private readonly listeners = new Map<(status: RaftStatus) => void, () => void>();

  /** @param options as `raftNodeOptions()` fills them in */
  constructor(private readonly options: RaftNodeOptions) {
    this.lifecycle = new NodeLifecycle(options);
  }

  /**
   * Opens the store, listens, dials the peers and runs. It never waits for a quorum: calls do, up to their deadline.
   *
   * @throws RaftError `RAFT_STORAGE` the store can't be opened, `RAFT_CONFIGURATION` the options don't fit what is stored or
   *   the address can't be had, `RAFT_SHUTTING_DOWN` it was stopped meanwhile
   */
  start(): Promise<void> {
    return this.lifecycle.start();
  }

  /**
   * Refuses new calls, waits a while for those under way, then closes the connections and the store. Idempotent; it takes at
   * most `shutdownTimeoutMs`, and answers every call that is left.
   */
  stop(): Promise<void> {
    this.stopping ??= Promise.all([this.lifecycle.stop(), this.successor?.stop()]).then(() => undefined);
    return this.stopping;
  }

  /**
   * Brings a node in quarantine back as its own replacement: its store is kept under another name and never used again, its
   * tables are copied aside, and it joins as a new replica, whose data comes from the others. The leader allows it to one node
   * at a time, and only while all other voters answer and have everything that is committed. Nothing is touched before.
   *
   * @param options `timeoutMs`: for how long the leader is looked for. Default 30,000
   * @returns where the old store is kept, once the node has begun to join; its status says when it votes
   * @throws RaftError `RAFT_REJECTED` with the reason `NOT_IN_QUARANTINE` or `STORAGE_KEEPS_NOTHING`, `RAFT_CONFLICT` the leader
   *   doesn't allow it, `RAFT_NO_LEADER`, `RAFT_QUARANTINED` the store could not be set aside
   */
  repair({ timeoutMs = REPAIR_TIMEOUT_MS }: { readonly timeoutMs?: number } = {}): Promise<RepairResult> {
    this.repairing ??= this.repairOnce(timeoutMs).finally(() => (this.repairing = this.successor = undefined));
    return this.repairing;
  }

  private async repairOnce(timeoutMs: number): Promise<RepairResult> {
    const old = await this.lifecycle.makeWay();
    if (this.stopping !== undefined)
      throw new RaftError('RAFT_SHUTTING_DOWN', 'This node was stopped before its repair began. Nothing was changed.');
    const successor = new NodeLifecycle(this.options);
    this.successor = successor;
    return successor.takePlaceOf(old, timeoutMs, () => {
      this.lifecycle = successor;
      for (const [listener, unsubscribe] of this.listeners) {
        unsubscribe();
        this.listeners.set(listener, successor.publisher.subscribe(listener));
      }
    });
  }

  /**
   * Replicates one command, and resolves when it is applied at the leader.
   *
   * @param command as `encodeCommand()` makes it; the bytes are neither changed nor kept
   * @returns its outcome and its place in the log; a refusal by the state machine is an outcome
   * @throws RaftError `RAFT_NOT_LEADER`, `RAFT_NO_LEADER`, `RAFT_BUSY`, `RAFT_STORAGE`, `RAFT_SHUTTING_DOWN`: certainly not
   *   applied. `RAFT_TIMEOUT`, `RAFT_INDETERMINATE`: it may be applied, now or later. `RAFT_REJECTED` (`COMMAND_TOO_LARGE`)
   */
  propose(command: Uint8Array, options: ProposeOptions = {}): Promise<Ordered<CommandOutcome>> {
    return this.lifecycle.paths.admission.call('propose', command, options) as Promise<Ordered<CommandOutcome>>;
  }

  /**
   * Answers a query from the state machine: by default so that everything is in it that was acknowledged, on any node, before
   * the call (`linearizable`).
   *
   * @param query as `encodeQuery()` makes it
   * @returns the answer, and the index up to which the state was applied
   * @throws RaftError `RAFT_NOT_LEADER`, `RAFT_NO_LEADER`, `RAFT_BUSY`, `RAFT_TIMEOUT`, `RAFT_SHUTTING_DOWN`
   */
  query(query: Uint8Array, options: QueryOptions = {}): Promise<Ordered<CommandOutcome>> {
    return this.lifecycle.paths.admission.call('query', query, options) as Promise<Ordered<CommandOutcome>>;
  }

  /**
   * Opens a client session: commands in it are applied once, however often they are sent, by whichever node.
   *
   * @throws RaftError `RAFT_BUSY` with the reason `TOO_MANY_SESSIONS`, `RAFT_CONFIGURATION` the state machine keeps none, and the
   *   codes of the way to the leader
   */
  openSession(options: OpenSessionOptions = {}): Promise<RaftSession> {
    return this.lifecycle.paths.clientSessions.openSession(options);
  }

  /**
   * Goes on with a session that was opened before, in another process or on another node. Whether it is still there, its first
   * command says.
   */
  resumeSession(options: ResumeSessionOptions): RaftSession {
    return this.lifecycle.paths.clientSessions.resumeSession(options);
  }

  /** @returns the sessions that clients have open, as this node knows them, the one that ends first first */
  sessions(): readonly ClientSessionView[] {
    return clientSessions(this.lifecycle.options.stateMachine);
  }

  /**
   * Ends a client session in the cluster, by any client: its next command fails with `RAFT_SESSION_EXPIRED`. Where it is
   * gone already, nothing happens.
   *
   * @throws RaftError `RAFT_REJECTED` with the reason `NODE_SESSION`, and the codes of the way to the leader
   */
  async closeSession(id: string, options: { readonly timeoutMs?: number } = {}): Promise<void> {
    await this.lifecycle.paths.admission.call('session', closingOf(id), options);
  }

  /**
   * Waits until everything that was acknowledged anywhere before the call is applied here; with `stale`, until what this node
   * knew to be committed at its start is, and fails where that is older than was asked for.
   *
   * @returns the index up to which that is
   * @throws RaftError as `query`; with `maxLagMs`, `RAFT_LAGGING`
   */
  async barrier(options: BarrierOptions = {}): Promise<number> {
    return (await this.lifecycle.paths.admission.call('barrier', NOTHING, options)).index;
  }

  /** @returns the membership as this node knows it @throws RaftError before the node is a member, and after its end */
  members(): MembershipView {
    return this.lifecycle.admin.members();
  }

  /**
   * Makes the membership what it shall be: new members are added as learners, waited for until they have caught up, and
   * promoted; those that aren't named are removed; votes change in one joint step (thesis §4.3). It works on any node, and goes
   * on by itself when the leader changes. A name keeps its replica for as long as its node keeps its store.
   *
   * @param target every member that shall be there
   * @returns the membership in the end
   * @throws RaftError `RAFT_CONFLICT` another change is under way, or the membership isn't that of `expectedIndex`;
   *   `RAFT_REJECTED` with the reason `INVALID_MEMBERSHIP` (no voter, among others), `QUORUM_AT_RISK`, `MEMBER_UNREACHABLE`,
   *   `PEERS_UNPROTECTED` (a member is on another machine, and peers prove nothing) or `NOT_CAUGHT_UP`; `RAFT_TIMEOUT` it goes on; the codes of the way to the leader
   */
  changeMembership(target: readonly MemberTarget[], options?: ChangeOptions): Promise<MembershipView> {
    this.lifecycle.notices.emit(`the members become ${target.map(describeTarget).join(', ')}`);
    return this.lifecycle.admin.change(target, options);
  }

  /** Adds one member, as a voter once it has caught up, or with `voter: false` as a learner. See {@link changeMembership}. */
  addMember(member: MemberTarget, options?: ChangeOptions): Promise<MembershipView> {
    this.lifecycle.notices.emit(`add ${describeTarget(member)} at ${member.peer}`);
    return this.lifecycle.admin.edit(
      (members) => [...members.filter(({ name }) => name !== member.name), member],
      options,
    );
  }

  /** Gives a learner its vote, once it has caught up. See {@link changeMembership}. */
  promote(name: string, options?: ChangeOptions): Promise<MembershipView> {
    this.lifecycle.notices.emit(`promote '${name}'`);
    return this.lifecycle.admin.edit(
      (members) => edited(members, name, (member) => ({ ...member, voter: true })),
      options,
    );
  }

  /** Removes one member, this node or the leader included. See {@link changeMembership}. */
  remove(name: string, options?: ChangeOptions): Promise<MembershipView> {
    this.lifecycle.notices.emit(`remove '${name}'`);
    return this.lifecycle.admin.remove(name, options);
  }

  /**
   * Cancels the change of the membership that is under way, while that is safe: until its joint configuration is being left. It
   * works on any node. Members that only the change brought in go again; who was to be replaced keeps its name and its vote.
   *
   * @returns the membership afterwards
   * @throws RaftError `RAFT_REJECTED` with the reason `NO_CHANGE` (nothing is under way), `CHANGE_DECIDED` (its last step is written)
   *   or `HALF_SILENT` (two majorities decide, and one of them is away); `RAFT_INDETERMINATE` with the entry that isn't committed
   *   yet; the codes of the way to the leader
   */
  cancelMembershipChange(options?: CancelOptions): Promise<MembershipView> {
    this.lifecycle.notices.emit('cancel the change of the membership');
    return this.lifecycle.admin.cancel(options);
  }

  /**
   * Says where a member is reached from now on; it stays the replica that it is, and nobody's vote changes. A node that is started
   * at another address needs none of this: see `docs/membership.md`.
   *
   * @param address `peer` as `host:port`, `http` as an origin; what is left out stays
   * @returns the membership with the new address
   * @throws RaftError `RAFT_REJECTED` with the reason `UNKNOWN_MEMBER`, or `INVALID_MEMBERSHIP` where another member has the address;
   *   `RAFT_CONFLICT` the membership isn't that of `expectedIndex`; the codes of the way to the leader
   */
  updateAddress(
    name: string,
    address: { readonly peer?: string; readonly http?: string },
    options?: ChangeOptions,
  ): Promise<MembershipView> {
    const said = [address.peer, address.http].filter((each) => each !== undefined).join(' and ');
    this.lifecycle.notices.emit(`'${name}' is at ${said} from now on`);
    return this.lifecycle.admin.updateAddress(name, address, options);
  }

  /**
   * Hands the leadership over, without an election time-out in between; works on any node.
   *
   * @param name the next leader. Default: the voter that is there and has most of the log
   * @returns the leader now
   * @throws RaftError `RAFT_REJECTED` with the reason `UNKNOWN_MEMBER` or `NO_TRANSFER_TARGET`; `RAFT_CONFLICT` it is being handed
   *   to another; `RAFT_TIMEOUT` nobody took over, and the leader leads on
   */
  transferLeadership(name?: string): Promise<{ readonly leader: string }> {
    this.lifecycle.notices.emit(`hand the leadership over${name === undefined ? '' : ` to '${name}'`}`);
    return this.lifecycle.admin.transfer(name);
  }

  /**
   * Takes a snapshot of everything that is applied here now, and cuts the log behind it.
   *
   * @returns which entry it covers, and its size
   * @throws RaftError `RAFT_STORAGE` it can't be written, `RAFT_NOT_STARTED`, `RAFT_SHUTTING_DOWN`
   */
  async snapshot(): Promise<SnapshotInfo> {
    const closed = this.lifecycle.closedBecause();
    if (closed !== undefined) throw closed;
    const { replica } = this.lifecycle;
    if (replica === undefined) throw notStarted();
    this.lifecycle.notices.emit('take a snapshot');
    return replica.snapshots.take();
  }

  /** What this node tells of its work, while it is at it. */
  get events(): NodeEvents {
    return this.lifecycle.options.events;
  }

  status(): RaftStatus {
    return this.lifecycle.status();
  }

  /**
   * @param listener called with each change of phase, role, term, leader or members
   * @returns a function that ends it
   */
  onStatus(listener: (status: RaftStatus) => void): () => void {
    this.listeners.set(listener, this.lifecycle.publisher.subscribe(listener));
    return () => {
      this.listeners.get(listener)?.();
      this.listeners.delete(listener);
    };
  }
}

function describeTarget({ name, voter = true }: MemberTarget): string {
  return voter ? `'${name}'` : `'${name}' as a learner`;
}
