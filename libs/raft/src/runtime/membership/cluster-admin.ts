import type { Configuration, Member } from '../../core/base/configuration';
import type { TargetMember } from '../../core/base/kernel-api';
import { memberByName } from '../../core/membership/membership';
import { isRaftError, RaftError, type RaftErrorCode } from '../../errors/raft-error';
import { type LogId, NO_REPLICA } from '../../core/base/types';
import {
  decodeJoin,
  decodeJoinAnswer,
  encodeJoinAnswer,
  JOIN,
  type JoinAnswer,
  joinAnswer,
  type JoinRequest,
} from './join-calls';
import {
  ADDRESS,
  type AddressRequest,
  CANCEL,
  CHANGE,
  type ChangeRequest,
  decodeAddress,
  decodeAddressWritten,
  decodeChange,
  decodeTransfer,
  decodeWritten,
  encodeAddress,
  encodeAddressWritten,
  encodeCancel,
  encodeChange,
  encodeTransfer,
  encodeTransferred,
  encodeWritten,
  TRANSFER,
  type WantedMember,
} from './membership-calls';
import { cancelError, changeError, rejected, transferError, undecidedEntry } from './membership-errors';
import {
  type CancelOptions,
  type ChangeOptions,
  edited,
  isChanging,
  type MembershipView,
  type MemberTarget,
  membershipView,
} from '../status/membership-view';
import { pendingChangeOf } from '../status/pending-change';
import type { Hello, TransportProtection } from '../../transport/contract';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import { isAmongUs } from '../peers/peer-standing';
import type { Rejoining } from './rejoining';
import { requireProtected } from '../options/peer-security';
import type { Replica } from '../replica/replica';
import type { Scheduler } from '../base/scheduler';

const DEFAULT_CHANGE_MS = 60_000;
const POLL_MS = 20;
/** A cancel that waits is asked for again and again; who doesn't ask any longer doesn't wish it any longer. */
const WISH_MS = 200;
const RETRY_MS = 100;
/** How long a new member may take to answer when it is dialled. */
const REACH_MS = 5_000;
/** How long a member that joins may take to catch up without getting further before its change is given up. */
const JOIN_CATCH_UP_MS = 60_000;
/** How long a cancel waits where its caller says nothing else: for an entry that isn't committed yet, for a leader. */
const DEFAULT_CANCEL_MS = 20_000;
/** For how many election time-outs somebody is looked for who leads and takes a call in; then there is no quorum, most likely. */
const LEADER_ELECTION_TIMEOUTS = 5;

/** The leader didn't take it in, and nothing was changed: another may. */
const ASK_AGAIN: ReadonlySet<RaftErrorCode> = new Set<RaftErrorCode>([
  'RAFT_NOT_LEADER',
  'RAFT_NO_LEADER',
  'RAFT_BUSY',
]);

interface BegunChange extends ChangeOptions {
  readonly members: readonly WantedMember[];
  readonly supersede?: boolean;
}

export interface AdminPorts {
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly scheduler: Scheduler;
  readonly electionTimeoutMs: number;
  readonly rejoining: Rejoining;
  readonly nodeId: string;
  /** How the transport keeps strangers out. */
  readonly protection: TransportProtection | undefined;
  replica(): Replica | undefined;
  /** Why nothing is taken in; undefined where it is. */
  closed(): RaftError | undefined;
}

/**
 * Changes of the membership and of the leadership, asked for on any node. The leader takes them in; whoever asked waits by its
 * own configuration in force, so that it hears of the end whoever leads by then.
 */
export class ClusterAdmin {
  constructor(private readonly ports: AdminPorts) {}

  serve(): void {
    const { calls } = this.ports;
    calls.serve(CHANGE, async (body, caller, timeoutMs) =>
      encodeWritten(await this.lead(decodeChange(body), this.untilGone(timeoutMs, caller))),
    );
    calls.serve(CANCEL, async (_body, caller, timeoutMs) =>
      encodeWritten(await this.leadCancel(this.untilGone(timeoutMs, caller))),
    );
    calls.serve(ADDRESS, async (body) => encodeAddressWritten(this.readdress(decodeAddress(body))));
    calls.serve(TRANSFER, async (body, _caller, timeoutMs) => {
      await this.transferLeadership(decodeTransfer(body), timeoutMs);
      return encodeTransferred();
    });
    calls.serve(JOIN, async (body, caller, timeoutMs) => {
      const request = decodeJoin(body);
      this.requireOwnRequest(request, caller);
      return encodeJoinAnswer(await this.join(request, body, timeoutMs));
    });
  }

  members(): MembershipView {
    const { kernel } = this.running();
    return membershipView(kernel.configuration, pendingChangeOf(kernel, this.ports.electionTimeoutMs));
  }

  async change(target: readonly MemberTarget[], options: ChangeOptions = {}): Promise<MembershipView> {
    const deadlineMs = this.ports.scheduler.nowMs() + (options.timeoutMs ?? DEFAULT_CHANGE_MS);
    const members = target.map(({ name, peer, http, voter }) => ({ name, peer, http, voter: voter ?? true }));
    const entry = await this.begin({ members, ...options }, deadlineMs);
    return this.ended(entry, members, deadlineMs);
  }

  /** Removes a member. One that only a change under way brings in is taken out of that change, of which the rest goes on. */
  async remove(name: string, options: ChangeOptions = {}): Promise<MembershipView> {
    const { index, configuration } = this.running().kernel.configuration;
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
    // Who was to make way for it keeps its name, and its vote.
    const isReplaced = ({ id, name: other }: Member): boolean => id !== member.id && other === name;
    const kept = members
      .filter((each) => isWanted(each) || isReplaced(each))
      .map((each) => ({
        ...each,
        voter: target.voters.includes(each.id) || (isReplaced(each) && voters.includes(each.id)),
      }));
    const entry = await this.begin({ members: kept, expectedIndex: index, ...options, supersede: true }, deadlineMs);
    return this.committed(entry, deadlineMs, 'The removal');
  }

  /** Ends the change that is under way. @returns the membership as it is then */
  async cancel({ timeoutMs = DEFAULT_CANCEL_MS, signal }: CancelOptions = {}): Promise<MembershipView> {
    const { scheduler } = this.ports;
    const deadlineMs = scheduler.nowMs() + timeoutMs;
    const ask = (): Promise<Uint8Array | LogId> =>
      this.askLeader(CANCEL, encodeCancel(), { deadlineMs, signal }, () =>
        this.leadCancel(this.untilGone(deadlineMs - scheduler.nowMs(), undefined, signal)),
      );
    for (;;) {
      const answer = await ask();
      const entry = answer instanceof Uint8Array ? decodeWritten(answer) : answer;
      try {
        return await this.committed(entry, deadlineMs, 'The cancel');
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
    if (peer !== undefined) this.requireProtected({ name, peer });
    const request: AddressRequest = { name, peer, http, expectedIndex };
    const answer = await this.askLeader(ADDRESS, encodeAddress(request), { deadlineMs }, async () =>
      this.readdress(request),
    );
    const { index } = answer instanceof Uint8Array ? decodeAddressWritten(answer) : answer;
    return this.until(deadlineMs, 'the new address has not come into the membership', undefined, () => {
      const inForce = this.running().kernel.configuration;
      return inForce.index < index ? undefined : membershipView(inForce, null);
    });
  }

  async transfer(
    name: string | undefined,
    timeoutMs = this.ports.electionTimeoutMs * 3,
  ): Promise<{ readonly leader: string }> {
    const { scheduler } = this.ports;
    const deadlineMs = scheduler.nowMs() + timeoutMs;
    const before = this.running().leader;
    const wanted = name === undefined ? undefined : memberByName(this.configuration, name)?.id;
    if (name !== undefined && wanted === undefined) throw rejected('UNKNOWN_MEMBER', `There is no member '${name}'.`);
    if (wanted === undefined || wanted !== before)
      await this.askLeader(TRANSFER, encodeTransfer(name), { deadlineMs }, () =>
        this.transferLeadership(name, timeoutMs),
      );
    return this.until(deadlineMs, 'no new leader was heard of', undefined, () => {
      const { leader } = this.running();
      const isNew = wanted === undefined ? leader !== before : leader === wanted;
      const found = leader === NO_REPLICA || !isNew ? undefined : this.ports.links.memberOf(leader);
      return found === undefined ? undefined : { leader: found.name };
    });
  }

  /** On the leader: transfers the leadership. @returns when it has gone */
  async transferLeadership(name: string | undefined, timeoutMs: number): Promise<void> {
    const replica = this.leading();
    const target = name === undefined ? undefined : memberByName(this.configuration, name)?.id;
    if (name !== undefined && target === undefined) throw rejected('UNKNOWN_MEMBER', `There is no member '${name}'.`);
    await this.transferFrom(replica, timeoutMs, target, name);
  }

  /** @returns when another is about to lead, or the leadership is lost otherwise */
  async transferFrom(replica: Replica, timeoutMs: number, target?: number, name?: string): Promise<void> {
    const { scheduler } = this.ports;
    const result = replica.transferLeadership(target);
    if (result === undefined || !result.accepted) throw transferError(result, name);
    await this.until(scheduler.nowMs() + timeoutMs, 'the leadership was not taken over', undefined, () => {
      if (!replica.isLeading) return true;
      if (replica.kernel.isTransferring) return undefined;
      throw new RaftError(
        'RAFT_TIMEOUT',
        'The leadership was not handed over within an election time-out; this node leads on.',
      );
    });
  }

  /** Of each member that is added, joins or moves. @throws RaftError `RAFT_REJECTED` `PEERS_UNPROTECTED` */
  private requireProtected(member: { readonly name: string; readonly peer: string }): void {
    const { name, peer } = member;
    if (this.configuration.members.some((known) => known.name === name && known.peer === peer)) return;
    requireProtected(this.ports.protection, member, this.ports.nodeId);
  }

  private get configuration(): Configuration {
    return this.running().kernel.configuration.configuration;
  }

  private running(): Replica {
    const closed = this.ports.closed();
    if (closed !== undefined) throw closed;
    const replica = this.ports.replica();
    if (replica === undefined)
      throw new RaftError('RAFT_NO_LEADER', 'This node isn’t a member of a running cluster yet.', {
        retryAfterMs: 1000,
      });
    return replica;
  }

  private leading(): Replica {
    const replica = this.running();
    if (replica.isLeading) return replica;
    throw new RaftError('RAFT_NOT_LEADER', 'This node does not lead, and nothing was changed.');
  }

  /** Has the change taken in by the leader. @returns its entry */
  private async begin(
    { members, expectedIndex, force = false, supersede, timeoutMs = DEFAULT_CHANGE_MS, signal }: BegunChange,
    deadlineMs: number,
  ): Promise<LogId> {
    // The leader judges by its own options, which may be others than those of this node.
    for (const member of members) this.requireProtected(member);
    const body = encodeChange({ members, expectedIndex, force, supersede, timeoutMs });
    const answer = await this.askLeader(CHANGE, body, { deadlineMs, signal }, () =>
      this.lead(decodeChange(body), this.untilGone(timeoutMs, undefined, signal)),
    );
    return answer instanceof Uint8Array ? decodeWritten(answer) : answer;
  }

  /** Asks until somebody who leads has taken it in, or has refused it; not for longer than an election should take. */
  private async askLeader<T>(
    method: string,
    body: Uint8Array,
    { deadlineMs, signal }: { readonly deadlineMs: number; readonly signal?: AbortSignal | undefined },
    here: () => Promise<T>,
  ): Promise<T | Uint8Array> {
    const { links, calls, scheduler, electionTimeoutMs } = this.ports;
    const lastMs = Math.min(deadlineMs, scheduler.nowMs() + LEADER_ELECTION_TIMEOUTS * electionTimeoutMs);
    for (;;) {
      requireCaller(signal);
      const replica = this.running();
      try {
        if (replica.isLeading) return await here();
        const route = links.routeTo(replica.leader);
        if (route !== undefined)
          return await calls.call(route.address, method, body, Math.max(1, deadlineMs - scheduler.nowMs()));
      } catch (error) {
        if (!isRaftError(error) || !ASK_AGAIN.has(error.code)) throw error;
        if (scheduler.nowMs() + RETRY_MS >= lastMs) throw error;
      }
      if (scheduler.nowMs() + RETRY_MS >= lastMs)
        throw new RaftError(
          'RAFT_NO_LEADER',
          'No leader could be reached in time, and nothing was changed. Where a majority of the members is away, no change can be made: bring them back first.',
          { retryAfterMs: 1000 },
        );
      await this.pause(RETRY_MS);
    }
  }

  /**
   * @param caller who asked on another node
   * @returns why what waits to be proposed is dropped; undefined for as long as somebody waits for it
   */
  private untilGone(timeoutMs: number, caller?: Hello, signal?: AbortSignal): () => RaftError | undefined {
    const { scheduler, links } = this.ports;
    const untilMs = scheduler.nowMs() + timeoutMs;
    const wasConnected = caller !== undefined && links.stateOf(caller.advertise).state === 'connected';
    return () => {
      const hasLeft = wasConnected && links.stateOf(caller.advertise).state !== 'connected';
      if (hasLeft || signal?.aborted === true) return callerLeft();
      if (scheduler.nowMs() < untilMs) return undefined;
      return new RaftError(
        'RAFT_TIMEOUT',
        'The time for the change was over before it was proposed; nothing was changed.',
      );
    };
  }

  /** On the leader: finds out who the members are, and proposes. */
  private async lead(change: ChangeRequest, gone: () => RaftError | undefined): Promise<LogId> {
    this.leading();
    this.requireQuorum();
    const members: TargetMember[] = [];
    for (const wanted of change.members) members.push(await this.memberOf(wanted));
    const why = gone();
    if (why !== undefined) throw why;
    return this.propose(members, change);
  }

  /** Before anybody is dialled for it. */
  private requireQuorum(): void {
    const { kernel } = this.leading();
    const { voters, outgoing } = kernel.configuration.configuration;
    const silent = new Set(
      kernel.progress().flatMap(({ id, silentMs }) => (silentMs >= this.ports.electionTimeoutMs ? [id] : [])),
    );
    for (const half of outgoing.length === 0 ? [voters] : [voters, outgoing]) {
      const heard = half.filter((id) => !silent.has(id)).length;
      if (2 * heard <= half.length)
        throw changeError({
          accepted: false,
          reason: 'noQuorum',
          detail: `of the ${half.length} voters ${heard} answered within the last election time-out, which is no majority, so nothing can be committed`,
        });
    }
  }

  private propose(
    members: readonly TargetMember[],
    {
      expectedIndex,
      force,
      supersede,
      timeoutMs,
    }: Pick<ChangeRequest, 'expectedIndex' | 'force' | 'supersede' | 'timeoutMs'>,
  ): LogId {
    const result = this.leading().changeMembership({
      members,
      force,
      catchUpTimeoutMs: timeoutMs,
      ...(expectedIndex !== undefined && { expectedIndex }),
      ...(supersede !== undefined && { supersede }),
    });
    if (result?.accepted === true) return { index: result.index, term: result.term };
    throw changeError(result);
  }

  /** On the leader. @returns the entry that cancels, once it is written */
  private async leadCancel(gone: () => RaftError | undefined): Promise<LogId> {
    for (;;) {
      const result = this.leading().cancelMembershipChange(WISH_MS);
      if (result?.outcome === 'written') return { index: result.index, term: result.term };
      if (result?.outcome !== 'waits') throw cancelError(result);
      const why = gone();
      if (why !== undefined) throw result.pending === undefined ? why : undecidedEntry(result.pending, 'The change');
      await this.pause(POLL_MS);
    }
  }

  /** On the leader. */
  private readdress({ name, peer, http, expectedIndex }: AddressRequest): { readonly index: number } {
    const replica = this.leading();
    const { index, configuration } = replica.kernel.configuration;
    const member = memberByName(configuration, name);
    if (member === undefined) throw rejected('UNKNOWN_MEMBER', `There is no member '${name}'; nothing was changed.`);
    if (expectedIndex !== undefined && expectedIndex !== index)
      throw new RaftError(
        'RAFT_CONFLICT',
        `The membership was not changed: it is that of index ${index}, and ${expectedIndex} was expected.`,
        { retryAfterMs: 1000 },
      );
    if (peer !== undefined) this.requireProtected({ name, peer });
    const other = configuration.members.find((each) => each.id !== member.id && each.peer === peer);
    if (other !== undefined)
      throw rejected(
        'INVALID_MEMBERSHIP',
        `The membership was not changed: '${other.name}' has the peer address ${other.peer}. Two nodes can't share one.`,
      );
    const update = { id: member.id, peer: peer ?? member.peer, http: http ?? member.http };
    const result = replica.changeAddresses([update]);
    if (result?.accepted === true) return { index: result.index };
    // What is being committed takes a moment: it is asked again.
    if (result?.reason === 'inProgress')
      throw new RaftError('RAFT_BUSY', `The membership was not changed: ${result.detail}.`, { retryAfterMs: 100 });
    throw changeError(result);
  }

  /** A name with the store that it has is the replica that it is; with another store, or a new name, it is a new replica. */
  private async memberOf({ name, peer, http, voter, incarnation }: WantedMember): Promise<TargetMember> {
    const { configuration } = this;
    const known =
      configuration.members.find((member) => member.name === name && member.incarnation === incarnation) ??
      memberByName(configuration, name);
    this.requireProtected({ name, peer });
    const newcomer = incarnation ?? this.ports.links.unknownNodeNamed(name)?.incarnation;
    if (known !== undefined && (newcomer === undefined || newcomer === known.incarnation))
      return { ...known, peer, http: http ?? known.http, voter };
    const store = newcomer ?? (await this.incarnationAt(name, peer));
    await this.meet(name, peer, store, REACH_MS);
    return { id: 0, name, peer, http: http ?? known?.http ?? '', incarnation: store, voter };
  }

  private async incarnationAt(name: string, peer: string): Promise<string> {
    const { links, scheduler } = this.ports;
    const untilMs = scheduler.nowMs() + REACH_MS;
    while (scheduler.nowMs() < untilMs) {
      links.invite(peer, scheduler.nowMs());
      const hello = links.unknownNodeNamed(name);
      if (hello !== undefined) return hello.incarnation;
      await this.pause(POLL_MS);
    }
    throw rejected(
      'MEMBER_UNREACHABLE',
      `The new member '${name}' does not answer at ${peer}, so it is not known which store it has; nothing was changed. Start it ` +
        'first, with an empty store, and with the addresses of the cluster to join.',
    );
  }

  /** Dials a new member where it says that it is, and meets its store there: what nobody can reach blocks what comes after it. */
  private async meet(name: string, peer: string, incarnation: string, withinMs: number): Promise<void> {
    const { links, scheduler } = this.ports;
    const untilMs = scheduler.nowMs() + withinMs;
    links.invite(peer, scheduler.nowMs());
    while (links.answersAt(peer, { incarnation }) === undefined) {
      if (scheduler.nowMs() >= untilMs) {
        const { state, detail } = links.stateOf(peer);
        const found = state === 'connected' ? 'another node answers there' : detail === '' ? state : detail;
        throw rejected(
          'MEMBER_UNREACHABLE',
          `The leader can't reach '${name}' at ${peer}: ${found}. Nothing was changed. Give it an address at which the other members reach it.`,
        );
      }
      await this.pause(POLL_MS);
      links.invite(peer, scheduler.nowMs());
    }
  }

  /** @param body the request as it came: it may say more than this version knows, and is passed on whole */
  private async join(request: JoinRequest, body: Uint8Array, timeoutMs: number): Promise<JoinAnswer> {
    const replica = this.running();
    this.requireProtected(request);
    if (!replica.isLeading) {
      const route = this.ports.links.routeTo(replica.leader);
      if (route === undefined)
        throw new RaftError('RAFT_NO_LEADER', 'No leader is known at the moment.', { retryAfterMs: 1000 });
      return decodeJoinAnswer(await this.ports.calls.call(route.address, JOIN, body, timeoutMs));
    }
    const { members } = this.configuration;
    const isMember = members.some(({ incarnation }) => incarnation === request.incarnation);
    if (!isMember && this.ports.links.wasRemoved(request.incarnation))
      throw new RaftError(
        'RAFT_CONFLICT',
        `The store of '${request.name}' was a member's, which was removed: join with an empty store.`,
      );
    if (!isMember && request.repair !== undefined) {
      const voter = this.ports.rejoining.requireRepairAllowed(replica, request.name, request.incarnation);
      if (request.repair === 'join') await this.admit(replica, { ...request, voter }, timeoutMs);
    } else if (!isMember && request.rejoin === true) {
      const voter = this.ports.rejoining.requireAllowed(replica, request.name, request.incarnation);
      await this.admit(replica, { ...request, voter }, timeoutMs);
    } else if (!isMember) await this.admit(replica, request, timeoutMs);
    return joinAnswer(replica.clusterId, this.configuration);
  }

  /** A node asks for itself; a member passes the question on. */
  private requireOwnRequest({ name, incarnation }: JoinRequest, caller: Hello): void {
    const { clusterId } = this.running();
    if (isAmongUs(this.ports.links.standingOf(caller, clusterId))) return;
    if (caller.nodeName === name && caller.incarnation === incarnation) return;
    throw new RaftError(
      'RAFT_FORBIDDEN',
      `'${caller.nodeName}' asks to let the store of '${name}' join, which isn't its own; nothing was changed. A node joins by itself.`,
    );
  }

  /** Whoever comes with a name that is taken takes its place, unless the other is there. */
  private async admit(
    replica: Replica,
    { name, peer, http, incarnation, voter }: JoinRequest,
    timeoutMs: number,
  ): Promise<void> {
    this.requireQuorum();
    await this.meet(name, peer, incarnation, Math.min(REACH_MS, 0.8 * timeoutMs));
    const { members, voters } = this.configuration;
    if (members.some((member) => member.incarnation === incarnation)) return;
    const isAlive = (id: number): boolean =>
      id === replica.replicaId || (replica.kernel.progress().find((each) => each.id === id)?.active ?? false);
    const isThere = (id: number): boolean => isAlive(id) && this.ports.links.stateOfReplica(id).state === 'connected';
    if (members.some((member) => member.name === name && member.peer !== peer && isThere(member.id)))
      throw new RaftError(
        'RAFT_CONFLICT',
        `There is a member '${name}' that is alive, with another store: choose another name, or remove it first.`,
      );
    const kept: TargetMember[] = members
      .filter((member) => member.name !== name)
      .map((member) => ({ ...member, voter: voters.includes(member.id) }));
    const joined = { id: 0, name, peer, http, incarnation, voter };
    this.propose([...kept, joined], { expectedIndex: undefined, force: false, timeoutMs: JOIN_CATCH_UP_MS });
  }

  /** Waits until the change has come to its end here, and says which end. */
  private ended(entry: LogId, wanted: readonly WantedMember[], deadlineMs: number): Promise<MembershipView> {
    return this.until(deadlineMs, 'the change has not come to its end; it goes on', entry, () => {
      const replica = this.ports.replica();
      const closed = this.ports.closed();
      if (closed?.code === 'RAFT_QUARANTINED' && replica !== undefined)
        return membershipView(replica.kernel.configuration, null);
      if (closed !== undefined) throw closed;
      const inForce = this.running().kernel.configuration;
      if (!this.isCommitted(entry) || isChanging(inForce.configuration)) return undefined;
      const lacking = wanted.filter((member) => !isAsWanted(inForce.configuration, member));
      if (lacking.length === 0 && wanted.length === inForce.configuration.members.length)
        return membershipView(inForce, null);
      if (lacking.length === 0)
        throw rejected('CHANGE_CANCELLED', 'The change was cancelled before it came to its end.');
      throw rejected(
        'NOT_CAUGHT_UP',
        `The change was given up, or cancelled: ${lacking.map(({ name }) => `'${name}'`).join(', ')} did not catch up in time and got no vote. ` +
          'New members that were heard stay as learners; try again once they have caught up.',
      );
    });
  }

  /** Waits until the entry is committed here. */
  private committed(entry: LogId, deadlineMs: number, what: string): Promise<MembershipView> {
    const find = (): MembershipView | undefined => (this.isCommitted(entry) ? this.members() : undefined);
    return this.until(deadlineMs, 'it has not been committed', entry, find, what);
  }

  /** @throws RaftError `RAFT_NO_LEADER` where another entry has its place: it was lost with its leader */
  private isCommitted({ index, term }: LogId): boolean {
    const { kernel } = this.running();
    if (kernel.commitIndex < index) return false;
    const found = kernel.termAt(index);
    // What is covered by a snapshot isn't told any more: the membership in force is what came of it.
    if (found === undefined || found === term) return true;
    throw new RaftError('RAFT_NO_LEADER', 'The change was lost with its leader, and nothing was changed. Try again.', {
      retryAfterMs: 500,
    });
  }

  /** @param entry what is waited for, where that is an entry of the log */
  private async until<T>(
    deadlineMs: number,
    what: string,
    entry: LogId | undefined,
    find: () => T | undefined,
    name = 'The change',
  ): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.ports.scheduler.nowMs() >= deadlineMs) {
        if (entry !== undefined && this.running().kernel.commitIndex < entry.index) throw undecidedEntry(entry, name);
        throw new RaftError('RAFT_TIMEOUT', `In time ${what}. Look at the members before you ask again.`);
      }
      await this.pause(POLL_MS);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.ports.scheduler.setTimer(ms, resolve));
  }
}

function isAsWanted(configuration: Configuration, { name, voter }: WantedMember): boolean {
  const member: Member | undefined = memberByName(configuration, name);
  return member !== undefined && configuration.voters.includes(member.id) === voter;
}

function callerLeft(): RaftError {
  return new RaftError(
    'RAFT_TIMEOUT',
    'Whoever asked for the change has left before it was proposed; nothing was changed.',
  );
}

function requireCaller(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw callerLeft();
}
