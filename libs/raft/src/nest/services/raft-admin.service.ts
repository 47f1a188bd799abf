import { Injectable } from '@nestjs/common';
import type { CancelOptions, ChangeOptions, MembershipView, MemberTarget } from '../../runtime/status/membership-view';
import type { RepairResult } from '../../runtime/node/repairing';
import type { ClientSessionView } from '../../runtime/clients/session-list';
import type { SnapshotInfo } from '../../runtime/status/snapshot-status';
import type { RaftNodeHost } from '../node/raft-node-host';

/**
 * Changes of one group's membership, leadership and snapshots. Every call works on any node, and fails with a `RaftError`
 * whose code and reason `docs/errors.md` explains.
 *
 * @publicApi
 */
@Injectable()
export class RaftAdminService {
  constructor(private readonly host: RaftNodeHost) {}

  /** @returns the membership as this node knows it; its `index` is what `expectedIndex` compares with */
  members(): MembershipView {
    return this.host.node().members();
  }

  /**
   * Adds a member: as a voter once it has caught up, or with `voter: false` as a learner (a read replica). A name that is there
   * with another store is replaced.
   *
   * @throws RaftError `RAFT_REJECTED` with the reason `MEMBER_UNREACHABLE` or `NOT_CAUGHT_UP`; `RAFT_CONFLICT`
   */
  add(member: MemberTarget, options?: ChangeOptions): Promise<MembershipView> {
    return this.host.node().addMember(member, options);
  }

  /** Gives a learner its vote, once it has caught up. @throws RaftError as {@link add} */
  promote(name: string, options?: ChangeOptions): Promise<MembershipView> {
    return this.host.node().promote(name, options);
  }

  /**
   * Removes a member; a leader that is removed hands over first.
   *
   * @throws RaftError `RAFT_REJECTED` with the reason `UNKNOWN_MEMBER`, `INVALID_MEMBERSHIP` (the last voter) or `QUORUM_AT_RISK`;
   *   `RAFT_CONFLICT`
   */
  remove(name: string, options?: ChangeOptions): Promise<MembershipView> {
    return this.host.node().remove(name, options);
  }

  /** Makes the membership what `target` says, in one change. @throws RaftError as {@link add} and {@link remove} */
  change(target: readonly MemberTarget[], options?: ChangeOptions): Promise<MembershipView> {
    return this.host.node().changeMembership(target, options);
  }

  /**
   * Cancels the change of the membership that is under way, while that is safe: until its joint configuration is being left.
   * Members that only it brought in go again; who was to be replaced keeps its name and its vote.
   *
   * @returns the membership afterwards
   * @throws RaftError `RAFT_REJECTED` with the reason `NO_CHANGE`, `CHANGE_DECIDED` or `HALF_SILENT`; `RAFT_INDETERMINATE`
   */
  cancelChange(options?: CancelOptions): Promise<MembershipView> {
    return this.host.node().cancelMembershipChange(options);
  }

  /** Says where a member is reached from now on. @throws RaftError `RAFT_REJECTED` (`UNKNOWN_MEMBER`), `RAFT_CONFLICT` */
  updateAddress(
    name: string,
    address: { readonly peer?: string; readonly http?: string },
    options?: ChangeOptions,
  ): Promise<MembershipView> {
    return this.host.node().updateAddress(name, address, options);
  }

  /**
   * Hands the leadership over.
   *
   * @param name who shall lead. Default: the voter that is there and has most of the log
   * @throws RaftError `RAFT_REJECTED` (`UNKNOWN_MEMBER`, `NO_TRANSFER_TARGET`), `RAFT_CONFLICT`, `RAFT_TIMEOUT`
   */
  transfer(name?: string): Promise<{ readonly leader: string }> {
    return this.host.node().transferLeadership(name);
  }

  /**
   * Brings this node back from quarantine as its own replacement. Its store is kept under another name, its tables are copied
   * aside, and its data comes from the others. One node at a time, and only while all other voters are level.
   *
   * @returns where the old store is kept, once the node has begun to join
   * @throws RaftError `RAFT_REJECTED` (`NOT_IN_QUARANTINE`, `STORAGE_KEEPS_NOTHING`), `RAFT_CONFLICT` the leader doesn't allow it,
   *   `RAFT_NO_LEADER`
   */
  repair(options?: { readonly timeoutMs?: number }): Promise<RepairResult> {
    return this.host.node().repair(options);
  }

  /** @returns the sessions that clients have open, as this node knows them, the one that ends first first */
  sessions(): readonly ClientSessionView[] {
    return this.host.node().sessions();
  }

  /**
   * Ends a client session, by any client: its next command fails with `RAFT_SESSION_EXPIRED`. Where it is gone already,
   * nothing happens.
   *
   * @throws RaftError `RAFT_REJECTED` with the reason `NODE_SESSION`, and the codes of the way to the leader
   */
  closeSession(id: string, options?: { readonly timeoutMs?: number }): Promise<void> {
    return this.host.node().closeSession(id, options);
  }

  /** Takes a snapshot of this node's state now. @throws RaftError `RAFT_STORAGE` */
  snapshot(): Promise<SnapshotInfo> {
    return this.host.node().snapshot();
  }
}
