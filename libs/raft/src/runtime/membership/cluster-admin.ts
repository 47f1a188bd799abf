import type { Member } from '../../core/base/configuration';
import type { LogId } from '../../core/base/types';
import { memberByName } from '../../core/membership/membership';
import { isRaftError } from '../../errors/raft-error';
import {
  type CancelOptions,
  type ChangeOptions,
  edited,
  type MemberTarget,
  type MembershipView,
  membershipView,
} from '../status/membership-view';
import { type CallerPorts, untilGone } from './change-caller';
import { ChangeWait } from './change-wait';
import { JoinAdmission, type JoinAdmissionPorts } from './join-admission';
import { decodeJoin, encodeJoinAnswer, JOIN } from './join-calls';
import { LeaderChanges } from './leader-changes';
import { LeaderRequests, type LeaderRequestPorts } from './leader-requests';
import { LeadershipTransfer } from './leadership-transfer';
import { LocalReplica } from './local-replica';
import {
  ADDRESS,
  type AddressRequest,
  CANCEL,
  CHANGE,
  decodeAddress,
  decodeAddressWritten,
  decodeChange,
  decodeTransfer,
  decodeWritten,
  encodeAddress,
  encodeAddressWritten,
  encodeCancel,
  encodeChange,
  encodeTransferred,
  encodeWritten,
  TRANSFER,
  type WantedMember,
} from './membership-calls';
import { NewMembers, type NewMembersPorts } from './new-members';

const DEFAULT_CHANGE_MS = 60_000;
/** How long a cancel waits where its caller says nothing else: for an entry that isn't committed yet, for a leader. */
const DEFAULT_CANCEL_MS = 20_000;

interface BegunChange extends ChangeOptions {
  readonly members: readonly WantedMember[];
  readonly supersede?: boolean;
}

export interface AdminPorts extends LeaderRequestPorts, NewMembersPorts, JoinAdmissionPorts, CallerPorts {}

/**
 * Changes of the membership and of the leadership, asked for on any node. The leader makes them; the node that was asked waits by
 * its own configuration in force, so that it learns of the end whichever node leads by then.
 */
export class ClusterAdmin {
  /** Transfers of the leadership. */
  readonly leadership: LeadershipTransfer;
  private readonly local: LocalReplica;
  private readonly leader: LeaderRequests;
  private readonly wait: ChangeWait;
  private readonly newMembers: NewMembers;
  private readonly changes: LeaderChanges;
  private readonly joins: JoinAdmission;

  constructor(private readonly ports: AdminPorts) {
    this.local = new LocalReplica(ports);
    this.leader = new LeaderRequests(ports, this.local);
    this.wait = new ChangeWait(this.local);
    this.newMembers = new NewMembers(ports, this.local);
    this.changes = new LeaderChanges(this.local, this.newMembers);
    this.joins = new JoinAdmission(ports, this.local, this.newMembers, this.changes);
    this.leadership = new LeadershipTransfer(ports, this.local, this.leader, this.wait);
  }

  serve(): void {
    const { calls } = this.ports;
    calls.serve(CHANGE, async (body, caller, timeoutMs) =>
      encodeWritten(await this.changes.change(decodeChange(body), untilGone(this.ports, timeoutMs, caller))),
    );
    calls.serve(CANCEL, async (_body, caller, timeoutMs) =>
      encodeWritten(await this.changes.cancel(untilGone(this.ports, timeoutMs, caller))),
    );
    calls.serve(ADDRESS, async (body) => encodeAddressWritten(this.changes.updateAddress(decodeAddress(body))));
    calls.serve(TRANSFER, async (body, _caller, timeoutMs) => {
      await this.leadership.transferLeadership(decodeTransfer(body), timeoutMs);
      return encodeTransferred();
    });
    calls.serve(JOIN, async (body, caller, timeoutMs) => {
      const request = decodeJoin(body);
      this.joins.requireOwnRequest(request, caller);
      return encodeJoinAnswer(await this.joins.join(request, body, timeoutMs));
    });
  }

  members(): MembershipView {
    return this.local.members();
  }

  async change(target: readonly MemberTarget[], options: ChangeOptions = {}): Promise<MembershipView> {
    const deadlineMs = this.ports.scheduler.nowMs() + (options.timeoutMs ?? DEFAULT_CHANGE_MS);
    const members = target.map(({ name, peer, http, voter }) => ({ name, peer, http, voter: voter ?? true }));
    const entry = await this.begin({ members, ...options }, deadlineMs);
    return this.wait.ended(entry, members, deadlineMs);
  }

  /** Removes a member. One that only a change under way brings in is taken out of that change, of which the rest goes on. */
  async remove(name: string, options: ChangeOptions = {}): Promise<MembershipView> {
    const { index, configuration } = this.local.running().kernel.configuration;
    const { members, voters, target, added } = configuration;
    const member = memberByName(configuration, name);
    if (target === null || member === undefined || !added.includes(member.id))
      return this.edit((all) => {
        edited(all, name, (each) => each);
        return all.filter((each) => each.name !== name);
      }, options);
    const deadlineMs = this.ports.scheduler.nowMs() + (options.timeoutMs ?? DEFAULT_CHANGE_MS);
    const isWanted = ({ id }: Member): boolean =>
      id !== member.id && (target.voters.includes(id) || target.learners.includes(id));
    // The replica that it was to replace keeps its name, and its vote.
    const isReplaced = ({ id, name: other }: Member): boolean => id !== member.id && other === name;
    const kept = members
      .filter((each) => isWanted(each) || isReplaced(each))
      .map((each) => ({
        ...each,
        voter: target.voters.includes(each.id) || (isReplaced(each) && voters.includes(each.id)),
      }));
    const entry = await this.begin({ members: kept, expectedIndex: index, ...options, supersede: true }, deadlineMs);
    return this.wait.committed(entry, deadlineMs, 'The removal');
  }

  /** Ends the change that is under way. @returns the membership as it is then */
  async cancel({ timeoutMs = DEFAULT_CANCEL_MS, signal }: CancelOptions = {}): Promise<MembershipView> {
    const { scheduler } = this.ports;
    const deadlineMs = scheduler.nowMs() + timeoutMs;
    const ask = (): Promise<Uint8Array | LogId> =>
      this.leader.ask(CANCEL, encodeCancel(), { deadlineMs, signal }, () =>
        this.changes.cancel(untilGone(this.ports, deadlineMs - scheduler.nowMs(), undefined, signal)),
      );
    for (;;) {
      const answer = await ask();
      const entry = answer instanceof Uint8Array ? decodeWritten(answer) : answer;
      try {
        return await this.wait.committed(entry, deadlineMs, 'The cancel');
      } catch (error) {
        // It was lost with its leader: the change may be under way still.
        if (!isRaftError(error) || error.code !== 'RAFT_NO_LEADER') throw error;
      }
    }
  }

  /** Changes one member; the others stay as they are. */
  async edit(
    change: (members: readonly MemberTarget[]) => readonly MemberTarget[],
    options: ChangeOptions = {},
  ): Promise<MembershipView> {
    const { index, members } = this.members();
    const names = members.map(({ name }) => name);
    // Where a replacement was given up, its name has two replicas: the newest is the node's.
    const newest = members.filter(({ name }, at) => names.lastIndexOf(name) === at);
    const kept = newest.map(({ name, peer, http, role }) => ({ name, peer, http, voter: role === 'voter' }));
    return this.change(change(kept), { expectedIndex: index, ...options });
  }

  /** Says where a member is reached. Nobody's vote changes, so it may pass while a change of the membership is under way. */
  async updateAddress(
    name: string,
    { peer, http }: { readonly peer?: string; readonly http?: string },
    { expectedIndex, timeoutMs = DEFAULT_CHANGE_MS }: ChangeOptions = {},
  ): Promise<MembershipView> {
    const deadlineMs = this.ports.scheduler.nowMs() + timeoutMs;
    if (peer !== undefined) this.newMembers.requireProtected({ name, peer });
    const request: AddressRequest = { name, peer, http, expectedIndex };
    const answer = await this.leader.ask(ADDRESS, encodeAddress(request), { deadlineMs }, async () =>
      this.changes.updateAddress(request),
    );
    const { index } = answer instanceof Uint8Array ? decodeAddressWritten(answer) : answer;
    return this.wait.until(deadlineMs, 'the new address has not come into the membership', undefined, () => {
      const inForce = this.local.running().kernel.configuration;
      return inForce.index < index ? undefined : membershipView(inForce, null);
    });
  }

  /** Transfers the leadership, to the member `name` where one is named. @returns the new leader, once this node knows it */
  transfer(name: string | undefined): Promise<{ readonly leader: string }> {
    return this.leadership.transfer(name);
  }

  /** Asks the leader for the change. @returns its entry */
  private async begin(
    { members, expectedIndex, force = false, supersede, timeoutMs = DEFAULT_CHANGE_MS, signal }: BegunChange,
    deadlineMs: number,
  ): Promise<LogId> {
    // The leader judges by its own options, which may be others than those of this node.
    for (const member of members) this.newMembers.requireProtected(member);
    const body = encodeChange({ members, expectedIndex, force, supersede, timeoutMs });
    const answer = await this.leader.ask(CHANGE, body, { deadlineMs, signal }, () =>
      this.changes.change(decodeChange(body), untilGone(this.ports, timeoutMs, undefined, signal)),
    );
    return answer instanceof Uint8Array ? decodeWritten(answer) : answer;
  }
}
