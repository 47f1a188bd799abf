import type { Configuration } from '../../core/base/configuration';
import { wasRemoved } from '../../core/membership/membership';
import type { Message } from '../../core/base/messages';
import { NO_REPLICA, type ReplicaId } from '../../core/base/types';
import type { Hello, PeerConnectionState, PeerMessage, RaftTransport } from '../../transport/contract';
import type { AddressHints } from './address-hints';
import { DialledAddresses } from './dialled-addresses';
import { MemberRoutes } from './member-routes';
import { Movers } from './movers';
import { type PeerStanding, standingOf } from './peer-standing';
import type { FounderOptions } from '../options/raft-node-options';
import { MOST_STRANGERS, UnknownNodes } from './unknown-nodes';

/** Where a request for a replica goes, and which life of it is meant. */
export interface PeerRoute {
  readonly address: string;
  readonly name: string;
  readonly bootNonce: string;
}

export interface PeerLinksPorts {
  readonly transport: RaftTransport;
  readonly nodeId: string;
  /** Where this node is reached: it doesn't dial itself. */
  readonly advertise: string;
  readonly founders: readonly FounderOptions[];
  readonly hints: AddressHints;
  nowMs(): number;
  /** A life of a member counts from now on. */
  counted(hello: Hello): void;
}

/** For how long a member must be out of reach before the hints are dialled. */
const HINTS_AFTER_MS = 500;

/**
 * The connections to the other members. Who a member is, its replica id says. Where it is reached, the membership in the log
 * says; where nobody answers there, or another store does, the hints are dialled, and the store that answers says whose they are.
 */
export class PeerLinks {
  /** Which lives count of the members that came back elsewhere. */
  readonly movers = new Movers();
  /** Where each member is reached. */
  readonly routes = new MemberRoutes(this.movers);
  private readonly dialled: DialledAddresses;
  private readonly hellos = new Map<ReplicaId, Hello>();
  private readonly unknownNodes = new UnknownNodes(this.routes.stores);
  private unreachedSinceMs: number | undefined;
  private configuration: Configuration | undefined;

  constructor(private readonly ports: PeerLinksPorts) {
    this.dialled = new DialledAddresses(ports.transport, (address) => this.routes.hungUp(address));
  }

  /** Before there is a configuration: dials the other founders. */
  connectFounders(): void {
    const { founders, nodeId } = this.ports;
    this.dialled.dial(founders.filter(({ id }) => id !== nodeId).map(({ peer }) => peer));
  }

  /** Before this node is a member: dials those that shall take it in. */
  connectTo(addresses: readonly string[]): void {
    this.dialled.dial(addresses);
  }

  /** @returns the addresses of the members that said who they are */
  memberAddresses(): readonly string[] {
    return [...this.hellos.values()].map(({ advertise }) => advertise);
  }

  /** @returns where the other members of the configuration are, or may be */
  addressesOfMembers(): readonly string[] {
    return [
      ...new Set([...this.routes.ofMembership.values(), ...this.routes.elsewhere.values(), ...this.dialled.ofHints]),
    ];
  }

  /** @returns what a node said of itself that is no member of a cluster yet, unless another store answers in its place by now */
  unknownNodeNamed(name: string): Hello | undefined {
    return this.unknownNodes.named(name);
  }

  /** @returns whether this store was a member's, by what a node said from it, and no longer is */
  wasRemoved(incarnation: string): boolean {
    const { configuration } = this;
    if (configuration === undefined || this.routes.members.some((member) => member.incarnation === incarnation))
      return false;
    for (const hello of this.hellos.values())
      if (hello.incarnation === incarnation && wasRemoved(configuration, hello.replicaId)) return true;
    return false;
  }

  /** What a peer is to the membership in force here: the one place where that is judged. */
  standingOf(peer: Hello, clusterId: string): PeerStanding {
    return standingOf(peer, clusterId, this.configuration);
  }

  /** Dials the members of a configuration, and from then on nobody else but hints. */
  connectMembers(configuration: Configuration, self: ReplicaId): void {
    // What was dialled before leads to those through whom this node came: it is let go once all members are reached.
    for (const address of this.dialled.ofMembers) this.ports.hints.add(address);
    if (this.routes.members.length === 0) {
      this.unreachedSinceMs = Number.NEGATIVE_INFINITY;
      this.dialled.try(new Set(this.hinted()));
    }
    this.configuration = configuration;
    this.routes.follow(configuration.members, self);
    this.unknownNodes.became(this.routes.members);
    this.movers.keepOnly((id) => this.routes.memberOf(id) !== undefined);
    this.settleMembers();
    // A member that is still where it was stays connected there until it comes to its new place.
    this.routes.reroute();
    this.dialled.try(new Set([...this.dialled.ofHints, ...this.routes.elsewhere.values()]));
    this.dialled.dial([...this.routes.ofMembership.values()].filter((address) => address !== this.ports.advertise));
    this.routes.reroute();
  }

  /** Members may be at these addresses, by the word of another. */
  hint(addresses: readonly string[]): void {
    for (const address of addresses) if (!this.dialled.ofMembers.has(address)) this.ports.hints.add(address);
  }

  /** @returns the name of the member that is reached at `address`; empty where none is known */
  nameAt(address: string): string {
    const answering = this.routes.stores.met.get(address)?.nodeName;
    if (answering !== undefined) return answering;
    for (const [id, at] of this.routes.ofMembership) if (at === address) return this.routes.memberOf(id)?.name ?? '';
    return this.ports.founders.find(({ peer }) => peer === address)?.id ?? '';
  }

  /** @returns whose certificate is expected at `address`; empty where another member has said that it is there now */
  expectedAt(address: string): string {
    return this.movers.all.some(({ hello }) => hello.advertise === address) ? '' : this.nameAt(address);
  }

  /**
   * @param peer with `connected`: who answers there
   * @returns the replicas that are, or were, reached at `address`
   */
  changed(address: string, state: PeerConnectionState, detail: string, peer?: Hello): readonly ReplicaId[] {
    const { routes } = this;
    const before = routes.replicasAt(address);
    routes.changed(address, { state, detail }, peer);
    if (state === 'connected' && peer !== undefined) this.onHello(peer);
    routes.reroute();
    return [...new Set([...before, ...routes.replicasAt(address)])];
  }

  /** A peer said who it is. A late word of its life before doesn't count. */
  onHello(hello: Hello): void {
    const member = this.routes.memberOf(hello.replicaId);
    // No word of a store that says it is a replica which the membership binds to another store.
    if (member !== undefined && member.incarnation !== hello.incarnation) return;
    this.routes.stores.onHello(hello);
    if (hello.replicaId === NO_REPLICA) {
      // A founder's connection may be older than its membership.
      if (!this.routes.members.some(({ incarnation }) => incarnation === hello.incarnation))
        this.unknownNodes.onHello(hello);
      return;
    }
    // Also one that was heard before the membership was known here.
    if (!this.settles(hello)) {
      this.ports.hints.add(hello.advertise);
      if (this.movers.met(hello, this.ports.nowMs())) this.invite(hello.advertise, this.ports.nowMs());
      return;
    }
    const known = this.hellos.get(hello.replicaId);
    if (known === hello) return;
    if (!this.routes.ofMembership.has(hello.replicaId) && this.hellos.size >= MOST_STRANGERS) this.forgetNonMembers();
    const isOlder = known?.incarnation === hello.incarnation && known.epoch > hello.epoch;
    if (!isOlder) this.hellos.set(hello.replicaId, hello);
  }

  /** @returns whether what this peer says counts as the word of the member that it says it is */
  counts(hello: Hello, nowMs: number): boolean {
    return (this.movers.isCounted(hello) || this.settles(hello)) && !this.movers.isSuperseded(hello, nowMs);
  }

  /** A member that came back elsewhere has been looked into: what it says counts from now on, and it is reached there. */
  count(hello: Hello): void {
    this.movers.count(hello);
    this.ports.counted(hello);
    this.onHello(hello);
    this.routes.reroute();
  }

  /** @returns undefined where the replica isn't connected, or hasn't said yet which life this is */
  routeTo(replica: ReplicaId): PeerRoute | undefined {
    const address = this.routes.addressOf(replica);
    const hello = this.hellos.get(replica);
    const member = this.routes.memberOf(replica);
    if (address === undefined || hello === undefined || hello.incarnation !== member?.incarnation) return undefined;
    if (!this.routes.leadsTo(address, member)) return undefined;
    return { address, name: hello.nodeName, bootNonce: hello.bootNonce };
  }

  /** @returns false where it was dropped: there is no connection, or its backlog is full */
  sendToReplica(message: Message): boolean {
    const address = this.routes.addressOf(message.to) ?? this.addressOfNonMember(message.to);
    return address !== undefined && this.ports.transport.send(address, message);
  }

  /** A leader may be a member that this node's configuration doesn't know yet: it is behind, and must be able to answer. */
  private addressOfNonMember(replica: ReplicaId): string | undefined {
    const address = this.hellos.get(replica)?.advertise;
    if (address !== undefined) this.invite(address, this.ports.nowMs());
    return address;
  }

  private forgetNonMembers(): void {
    for (const id of this.hellos.keys()) if (!this.routes.ofMembership.has(id)) this.hellos.delete(id);
  }

  /** Answers a peer, be it a member or not. One that is dialled only now gets the answer when it asks again. */
  answer(peer: Hello, message: PeerMessage, nowMs: number): void {
    const founder =
      this.routes.members.length === 0 ? this.ports.founders.find(({ id }) => id === peer.nodeName) : undefined;
    const member = this.movers.isCounted(peer) ? this.routeTo(peer.replicaId)?.address : undefined;
    const address = member ?? founder?.peer ?? peer.advertise;
    this.invite(address, nowMs);
    this.ports.transport.send(address, message);
  }

  /** Tries hints while a member is out of reach, and lets go of nodes that asked something once and aren't members. */
  tick(nowMs: number): void {
    this.dialled.dropTemporary(nowMs);
    this.tryHints(nowMs);
  }

  send(address: string, message: PeerMessage): boolean {
    return this.ports.transport.send(address, message);
  }

  private tryHints(nowMs: number): void {
    const areReached = [...this.routes.ofMembership.keys()].every(
      (id) => this.routes.stateOfReplica(id).state === 'connected',
    );
    if (areReached) this.unreachedSinceMs = undefined;
    else this.unreachedSinceMs ??= nowMs;
    const isDue = this.unreachedSinceMs !== undefined && nowMs - this.unreachedSinceMs >= HINTS_AFTER_MS;
    const wanted = new Set(isDue ? this.hinted() : []);
    for (const address of this.routes.elsewhere.values()) wanted.add(address);
    this.dialled.try(wanted);
  }

  /** Another may have come to the place that the membership has for this node. */
  private hinted(): readonly string[] {
    const own = this.routes.own?.peer ?? this.ports.advertise;
    return [...this.ports.hints.addresses, own].filter((address) => address !== this.ports.advertise);
  }

  /** What was heard before counts for a membership that is known only now; a founder may have been met before it had an id. */
  private settleMembers(): void {
    for (const { hello } of this.movers.all) this.settles(hello);
    for (const hello of this.hellos.values()) this.settles(hello);
    for (const member of this.routes.members) {
      const met = member === this.routes.own ? undefined : this.routes.answersAt(member.peer, member);
      if (met !== undefined) this.settles({ ...met, replicaId: member.id });
    }
  }

  /** Whether a life counts without being looked into: it is where the membership says that the member is. */
  private settles(hello: Hello): boolean {
    const member = this.routes.memberOf(hello.replicaId);
    if (member === undefined || member.incarnation !== hello.incarnation || this.movers.isCounted(hello)) return true;
    const isThere =
      hello.advertise === member.peer || this.routes.answersAt(member.peer, member)?.bootNonce === hello.bootNonce;
    if (isThere) {
      this.movers.count(hello);
      this.ports.counted(hello);
    }
    return isThere;
  }

  /** Dials a node for a while that is no member. */
  invite(address: string, nowMs: number): void {
    if (address !== this.ports.advertise) this.dialled.invite(address, nowMs);
  }
}
