import type { Configuration, Member } from '../core/configuration';
import type { MembershipResult, TargetMember, TransferResult } from '../core/kernel-api';
import { memberByName } from '../core/membership';
import { isRaftError, RaftError, type RaftErrorCode } from '../core/raft-error';
import { NO_REPLICA } from '../core/types';
import { decodeValue, encodeValue } from '../state-machine/value-codec';
import {
  type ChangeOptions,
  isChanging,
  type MembershipView,
  type MemberTarget,
  membershipView,
} from './membership-view';
import type { Hello } from '../transport/contract';
import type { PeerCalls } from './peer-calls';
import type { PeerLinks } from './peer-links';
import { isAmongUs } from './peer-standing';
import type { Rejoining } from './rejoining';
import type { Replica } from './replica';
import type { Scheduler } from './scheduler';

const CHANGE = 'membership.change';
const TRANSFER = 'leadership.transfer';
const ADDRESS = 'membership.address';
export const JOIN = 'cluster.join';

const DEFAULT_CHANGE_MS = 60_000;
const POLL_MS = 20;
const RETRY_MS = 100;
/** How long a new member may take to answer when it is dialled. */
const REACH_MS = 5_000;
/** How long a member that joins by itself may take to catch up before it stays a learner. */
const JOIN_CATCH_UP_MS = 3_600_000;

/** The leader didn't take it in, and nothing was changed: another may. */
const ASK_AGAIN: ReadonlySet<RaftErrorCode> = new Set<RaftErrorCode>([
  'RAFT_NOT_LEADER',
  'RAFT_NO_LEADER',
  'RAFT_BUSY',
]);

interface WireTarget {
  readonly name: string;
  readonly peer: string;
  readonly http?: string | undefined;
  readonly voter: boolean;
  readonly incarnation?: string | undefined;
}

interface WireChange {
  readonly members: readonly WireTarget[];
  readonly expectedIndex?: number | undefined;
  readonly force: boolean;
  readonly timeoutMs: number;
}

interface WireAddress {
  readonly name: string;
  readonly peer?: string | undefined;
  readonly http?: string | undefined;
  readonly expectedIndex?: number | undefined;
}

/** A node that wants to join says this of itself. */
export interface JoinRequest {
  readonly name: string;
  readonly peer: string;
  readonly http: string;
  readonly incarnation: string;
  readonly voter: boolean;
  /** It was a founder, its store is empty, and it asks for the place of its old replica. */
  readonly rejoin?: boolean;
}

/** What a node that joins is told: the cluster, and whether it is a member by now. */
export interface JoinAnswer {
  readonly clusterId: string;
  /** JSON. */
  readonly configuration: string;
}

export interface AdminPorts {
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly scheduler: Scheduler;
  readonly electionTimeoutMs: number;
  readonly rejoining: Rejoining;
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
    calls.serve(CHANGE, async (body) => encodeValue(await this.lead(decodeValue(body) as WireChange)));
    calls.serve(ADDRESS, async (body) => encodeValue(this.readdress(decodeValue(body) as WireAddress)));
    calls.serve(TRANSFER, async (body, _caller, timeoutMs) => {
      await this.handOver(decodeValue(body) as string | undefined, timeoutMs);
      return encodeValue(true);
    });
    calls.serve(JOIN, async (body, caller, timeoutMs) => {
      const request = decodeValue(body) as JoinRequest;
      this.requireOwnRequest(request, caller);
      return encodeValue(await this.join(request, timeoutMs));
    });
  }

  members(): MembershipView {
    return membershipView(this.running().kernel.configuration);
  }

  async change(target: readonly MemberTarget[], options: ChangeOptions = {}): Promise<MembershipView> {
    const { scheduler } = this.ports;
    const timeoutMs = options.timeoutMs ?? DEFAULT_CHANGE_MS;
    const deadlineMs = scheduler.nowMs() + timeoutMs;
    const members = target.map(({ name, peer, http, voter }) => ({ name, peer, http, voter: voter ?? true }));
    const { expectedIndex, force = false } = options;
    const body = encodeValue({ members, expectedIndex, force, timeoutMs });
    const answer = await this.askLeader(CHANGE, body, deadlineMs, () => this.lead(decodeValue(body) as WireChange));
    const { index } = (answer instanceof Uint8Array ? decodeValue(answer) : answer) as { readonly index: number };
    return this.ended(index, members, deadlineMs);
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
    const wire: WireAddress = { name, peer, http, expectedIndex };
    const answer = await this.askLeader(ADDRESS, encodeValue({ ...wire }), deadlineMs, async () =>
      this.readdress(wire),
    );
    const { index } = (answer instanceof Uint8Array ? decodeValue(answer) : answer) as { readonly index: number };
    return this.until(deadlineMs, 'the new address has not come into the membership', () => {
      const inForce = this.running().kernel.configuration;
      return inForce.index < index ? undefined : membershipView(inForce);
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
      await this.askLeader(TRANSFER, encodeValue(name), deadlineMs, () => this.handOver(name, timeoutMs));
    return this.until(deadlineMs, 'no new leader was heard of', () => {
      const { leader } = this.running();
      const isNew = wanted === undefined ? leader !== before : leader === wanted;
      const found = leader === NO_REPLICA || !isNew ? undefined : this.ports.links.memberOf(leader);
      return found === undefined ? undefined : { leader: found.name };
    });
  }

  /** On the leader: gives the leadership away. @returns when it has gone */
  async handOver(name: string | undefined, timeoutMs: number): Promise<void> {
    const replica = this.leading();
    const target = name === undefined ? undefined : memberByName(this.configuration, name)?.id;
    if (name !== undefined && target === undefined) throw rejected('UNKNOWN_MEMBER', `There is no member '${name}'.`);
    await this.giveAway(replica, timeoutMs, target, name);
  }

  /** @returns when another is about to lead, or the leadership is lost otherwise */
  async giveAway(replica: Replica, timeoutMs: number, target?: number, name?: string): Promise<void> {
    const { scheduler } = this.ports;
    const result = replica.transferLeadership(target);
    if (result === undefined || !result.accepted) throw transferError(result, name);
    await this.until(scheduler.nowMs() + timeoutMs, 'the leadership was not taken over', () => {
      if (!replica.isLeading) return true;
      if (replica.kernel.isTransferring) return undefined;
      throw new RaftError(
        'RAFT_TIMEOUT',
        'The leadership was not handed over within an election time-out; this node leads on.',
      );
    });
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

  /** Asks until somebody who leads has taken it in, or has refused it. */
  private async askLeader<T>(
    method: string,
    body: Uint8Array,
    deadlineMs: number,
    here: () => Promise<T>,
  ): Promise<T | Uint8Array> {
    const { links, calls, scheduler } = this.ports;
    for (;;) {
      const replica = this.running();
      try {
        if (replica.isLeading) return await here();
        const route = links.routeTo(replica.leader);
        if (route !== undefined)
          return await calls.call(route.address, method, body, Math.max(1, deadlineMs - scheduler.nowMs()));
      } catch (error) {
        if (!isRaftError(error) || !ASK_AGAIN.has(error.code)) throw error;
        if (scheduler.nowMs() + RETRY_MS >= deadlineMs) throw error;
      }
      if (scheduler.nowMs() + RETRY_MS >= deadlineMs)
        throw new RaftError(
          'RAFT_NO_LEADER',
          'No leader could be reached in time, and nothing was changed. Try again.',
          {
            retryAfterMs: 1000,
          },
        );
      await this.pause(RETRY_MS);
    }
  }

  /** On the leader: finds out who the members are, and proposes. */
  private async lead(change: WireChange): Promise<{ readonly index: number }> {
    this.leading();
    const members: TargetMember[] = [];
    for (const wanted of change.members) members.push(await this.memberOf(wanted));
    return this.propose(members, change);
  }

  private propose(
    members: readonly TargetMember[],
    { expectedIndex, force, timeoutMs }: Pick<WireChange, 'expectedIndex' | 'force' | 'timeoutMs'>,
  ): { readonly index: number } {
    const result = this.leading().changeMembership({
      members,
      force,
      catchUpTimeoutMs: timeoutMs,
      ...(expectedIndex !== undefined && { expectedIndex }),
    });
    if (result?.accepted === true) return { index: result.index };
    throw changeError(result);
  }

  /** On the leader. */
  private readdress({ name, peer, http, expectedIndex }: WireAddress): { readonly index: number } {
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
  private async memberOf({ name, peer, http, voter, incarnation }: WireTarget): Promise<TargetMember> {
    const known = memberByName(this.configuration, name);
    const newcomer = incarnation ?? this.ports.links.strangerNamed(name)?.incarnation;
    if (known !== undefined && (newcomer === undefined || newcomer === known.incarnation))
      return { ...known, peer, http: http ?? known.http, voter };
    const store = newcomer ?? (await this.incarnationAt(name, peer));
    return { id: 0, name, peer, http: http ?? known?.http ?? '', incarnation: store, voter };
  }

  private async incarnationAt(name: string, peer: string): Promise<string> {
    const { links, scheduler } = this.ports;
    const untilMs = scheduler.nowMs() + REACH_MS;
    while (scheduler.nowMs() < untilMs) {
      links.invite(peer, scheduler.nowMs());
      const hello = links.strangerNamed(name);
      if (hello !== undefined) return hello.incarnation;
      await this.pause(POLL_MS);
    }
    throw rejected(
      'MEMBER_UNREACHABLE',
      `The new member '${name}' does not answer at ${peer}, so it is not known which store it has; nothing was changed. Start it ` +
        'first, with an empty store, and with the addresses of the cluster to join.',
    );
  }

  private async join(request: JoinRequest, timeoutMs: number): Promise<JoinAnswer> {
    const replica = this.running();
    if (!replica.isLeading) {
      const route = this.ports.links.routeTo(replica.leader);
      if (route === undefined)
        throw new RaftError('RAFT_NO_LEADER', 'No leader is known at the moment.', { retryAfterMs: 1000 });
      return decodeValue(
        await this.ports.calls.call(route.address, JOIN, encodeValue({ ...request }), timeoutMs),
      ) as JoinAnswer;
    }
    const { members } = this.configuration;
    const isMember = members.some(({ incarnation }) => incarnation === request.incarnation);
    if (!isMember && this.ports.links.wasRemoved(request.incarnation))
      throw new RaftError(
        'RAFT_CONFLICT',
        `The store of '${request.name}' was a member's, which was removed: join with an empty store.`,
      );
    if (!isMember && request.rejoin === true) {
      const voter = this.ports.rejoining.requireAllowed(replica, request.name, request.incarnation);
      this.admit(replica, { ...request, voter });
    } else if (!isMember) this.admit(replica, request);
    const { clusterId } = replica;
    return { clusterId, configuration: JSON.stringify(this.configuration) };
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
  private admit(replica: Replica, { name, peer, http, incarnation, voter }: JoinRequest): void {
    const { members, voters } = this.configuration;
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
  private ended(index: number, wanted: readonly WireTarget[], deadlineMs: number): Promise<MembershipView> {
    return this.until(deadlineMs, 'the change has not come to its end; it goes on by itself', () => {
      const replica = this.ports.replica();
      const closed = this.ports.closed();
      if (closed?.code === 'RAFT_QUARANTINED' && replica !== undefined)
        return membershipView(replica.kernel.configuration);
      if (closed !== undefined) throw closed;
      const inForce = this.running().kernel.configuration;
      if (inForce.index < index || isChanging(inForce.configuration)) return undefined;
      const lacking = wanted.filter((member) => !isAsWanted(inForce.configuration, member));
      if (lacking.length === 0 && wanted.length === inForce.configuration.members.length)
        return membershipView(inForce);
      throw rejected(
        'NOT_CAUGHT_UP',
        `The change was given up: ${lacking.map(({ name }) => `'${name}'`).join(', ')} did not catch up in time and got no vote. ` +
          'New members stay as learners; try again once they have caught up.',
      );
    });
  }

  private async until<T>(deadlineMs: number, what: string, find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.ports.scheduler.nowMs() >= deadlineMs)
        throw new RaftError('RAFT_TIMEOUT', `In time ${what}. Look at the members before you ask again.`);
      await this.pause(POLL_MS);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.ports.scheduler.setTimer(ms, resolve));
  }
}

function isAsWanted(configuration: Configuration, { name, voter }: WireTarget): boolean {
  const member: Member | undefined = memberByName(configuration, name);
  return member !== undefined && configuration.voters.includes(member.id) === voter;
}

function changeError(result: Extract<MembershipResult, { accepted: false }> | undefined): RaftError {
  if (result === undefined) return new RaftError('RAFT_SHUTTING_DOWN', 'This node has stopped; nothing was changed.');
  const sentence = `The membership was not changed: ${result.detail}.`;
  switch (result.reason) {
    case 'notLeader':
      return new RaftError('RAFT_NOT_LEADER', sentence);
    case 'noLeader':
    case 'notReady':
    case 'noQuorum':
      return new RaftError('RAFT_NO_LEADER', sentence, { retryAfterMs: 500 });
    case 'transferring':
      return new RaftError('RAFT_BUSY', sentence, { retryAfterMs: 500 });
    case 'inProgress':
    case 'stale':
      return new RaftError('RAFT_CONFLICT', sentence, { retryAfterMs: 1000 });
    case 'quorumAtRisk':
      return rejected('QUORUM_AT_RISK', `${sentence} Bring them back first, or say force.`);
    case 'invalid':
      return rejected('INVALID_MEMBERSHIP', sentence);
  }
}

function transferError(
  result: Extract<TransferResult, { accepted: false }> | undefined,
  name: string | undefined,
): RaftError {
  switch (result?.reason) {
    case undefined:
      return new RaftError('RAFT_SHUTTING_DOWN', 'This node has stopped; nothing was handed over.');
    case 'notLeader':
      return new RaftError('RAFT_NOT_LEADER', 'This node does not lead, and nothing was changed.');
    case 'inProgress':
      return new RaftError('RAFT_CONFLICT', 'The leadership is being handed over to another already.', {
        retryAfterMs: 1000,
      });
    case 'alreadyLeader':
      return rejected('ALREADY_LEADER', `'${name}' leads already.`);
    case 'notVoter':
      return rejected('NO_TRANSFER_TARGET', `'${name}' has no vote, so it can't lead.`);
    case 'noTarget':
      return rejected('NO_TRANSFER_TARGET', 'No other voter is known to be alive, so nobody can take over.');
  }
}

function rejected(reason: string, sentence: string): RaftError {
  return new RaftError('RAFT_REJECTED', sentence, { reason });
}
