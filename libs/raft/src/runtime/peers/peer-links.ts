import type { Configuration, Member } from '../../core/base/configuration';
import { wasRemoved } from '../../core/membership/membership';
import type { Message } from '../../core/base/messages';
import { NO_REPLICA, type ReplicaId } from '../../core/base/types';
import type { Hello, PeerConnectionState, PeerMessage, RaftTransport } from '../../transport/contract';
import type { AddressHints } from './address-hints';
import { DialledAddresses } from './dialled-addresses';
import { Movers } from './movers';
import { type PeerStanding, standingOf } from './peer-standing';
import type { FounderOptions } from '../options/raft-node-options';
import { StoreAddresses } from './store-addresses';
import { MOST_STRANGERS, UnknownNodes } from './unknown-nodes';

export interface LinkState {
  readonly state: PeerConnectionState;
  readonly detail: string;
}

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

const NOT_DIALLED: LinkState = { state: 'connecting', detail: 'not tried yet' };

/**
 * The connections to the other members. Who a member is, its replica id says. Where it is reached, the membership in the log
 * says; where nobody answers there, or another store does, the hints are dialled, and the store that answers says whose they are.
 */
export class PeerLinks {
  /** Which lives count of the members that came back elsewhere. */
  readonly movers = new Movers();
  private readonly links = new Map<string, LinkState>();
  private readonly dialled: DialledAddresses;
  /** Where the membership says that the other members are. */
  private readonly addresses = new Map<ReplicaId, string>();
  /** Where members are reached that aren't there. */
  private readonly detours = new Map<ReplicaId, string>();
  private readonly hellos = new Map<ReplicaId, Hello>();
  private readonly stores = new StoreAddresses();
  private readonly unknownNodes = new UnknownNodes(this.stores);
  private members: readonly Member[] = [];
  private self: ReplicaId = NO_REPLICA;
  private unreachedSinceMs: number | undefined;
  private configuration: Configuration | undefined;

  constructor(private readonly ports: PeerLinksPorts) {
    this.dialled = new DialledAddresses(ports.transport, (address) => {
      this.links.delete(address);
      this.stores.closed(address);
    });
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
    return [...new Set([...this.addresses.values(), ...this.detours.values(), ...this.dialled.ofHints])];
  }

  /** @returns what a node said of itself that is no member of a cluster yet, unless another store answers in its place by now */
  unknownNodeNamed(name: string): Hello | undefined {
    return this.unknownNodes.named(name);
  }

  /** @returns whether this store was a member's, by what a node said from it, and isn't one's any more */
  wasRemoved(incarnation: string): boolean {
    const { configuration } = this;
    if (configuration === undefined || this.members.some((member) => member.incarnation === incarnation)) return false;
    for (const hello of this.hellos.values())
      if (hello.incarnation === incarnation && wasRemoved(configuration, hello.replicaId)) return true;
    return false;
  }

  /** What a peer is to the membership in force here: the one place where that is judged. */
  standingOf(peer: Hello, clusterId: string): PeerStanding {
    return standingOf(peer, clusterId, this.configuration);
  }

  /** Dials the members of a configuration, and nobody else any more but hints. */
  connectMembers(configuration: Configuration, self: ReplicaId): void {
    // What was dialled before leads to those through whom this node came: it is let go once all members are reached.
    for (const address of this.dialled.ofMembers) this.ports.hints.add(address);
    if (this.members.length === 0) {
      this.unreachedSinceMs = Number.NEGATIVE_INFINITY;
      this.dialled.try(new Set(this.hinted()));
    }
    this.members = configuration.members;
    this.self = self;
    this.configuration = configuration;
    this.addresses.clear();
    for (const member of this.members) if (member.id !== self) this.addresses.set(member.id, member.peer);
    this.unknownNodes.became(this.members);
    this.movers.keepOnly((id) => this.memberOf(id) !== undefined);
    this.settleMembers();
    // A member that is still where it was stays connected there until it comes to its new place.
    this.reroute();
    this.dialled.try(new Set([...this.dialled.ofHints, ...this.detours.values()]));
    this.dialled.dial([...this.addresses.values()].filter((address) => address !== this.ports.advertise));
    this.reroute();
  }

  /** Members may be at these addresses, by the word of another. */
  hint(addresses: readonly string[]): void {
    for (const address of addresses) if (!this.dialled.ofMembers.has(address)) this.ports.hints.add(address);
  }

  memberOf(replica: ReplicaId): Member | undefined {
    return this.members.find(({ id }) => id === replica);
  }

  /** @returns the name of the member that is reached at `address`; empty where none is known */
  nameAt(address: string): string {
    const answering = this.stores.met.get(address)?.nodeName;
    if (answering !== undefined) return answering;
    for (const [id, at] of this.addresses) if (at === address) return this.memberOf(id)?.name ?? '';
    return this.ports.founders.find(({ peer }) => peer === address)?.id ?? '';
  }

  /** @returns whose certificate is expected at `address`; empty where another member has said that it is there now */
  expectedAt(address: string): string {
    return this.movers.all.some(({ hello }) => hello.advertise === address) ? '' : this.nameAt(address);
  }

  stateOf(address: string): LinkState {
    return this.links.get(address) ?? NOT_DIALLED;
  }

  stateOfReplica(replica: ReplicaId): LinkState {
    const address = this.addressOf(replica);
    const member = this.memberOf(replica);
    if (address === undefined || member === undefined) return NOT_DIALLED;
    const link = this.stateOf(address);
    if (link.state !== 'connected' || this.leadsTo(address, member)) return link;
    const other = this.stores.metAt(address)?.nodeName ?? 'another node';
    return { state: 'closed', detail: `'${other}' answers there` };
  }

  /** @returns where the replica is reached; undefined for one that is no member */
  addressOf(replica: ReplicaId): string | undefined {
    return this.detours.get(replica) ?? this.addresses.get(replica);
  }

  /** @returns where the replica is reached, where that isn't where the membership says */
  detourTo(replica: ReplicaId): string | undefined {
    return this.detours.get(replica);
  }

  /** @returns whether the store of this replica answers at `address`, and in which life */
  answersAt(address: string, { incarnation }: Pick<Member, 'incarnation'>): Hello | undefined {
    const met = this.stateOf(address).state === 'connected' ? this.stores.metAt(address) : undefined;
    return met?.incarnation === incarnation ? met : undefined;
  }

  /**
   * @param peer with `connected`: who answers there
   * @returns the replicas that are, or were, reached at `address`
   */
  changed(address: string, state: PeerConnectionState, detail: string, peer?: Hello): readonly ReplicaId[] {
    const before = this.replicasAt(address);
    this.links.set(address, { state, detail });
    if (state !== 'connected') this.stores.closed(address);
    else if (peer !== undefined) {
      this.stores.answers(address, peer);
      this.onHello(peer);
    }
    this.reroute();
    return [...new Set([...before, ...this.replicasAt(address)])];
  }

  /** @returns whether it is a member no more, or another store answers in its place: what it had won't come back */
  isGone(replica: ReplicaId): boolean {
    const address = this.addresses.get(replica);
    if (address === undefined) return true;
    if (this.detours.has(replica)) return false;
    const store = this.stores.saidAt(address);
    // A member that has come to the place of another took nothing from it but that.
    return store !== undefined && !this.members.some(({ incarnation }) => incarnation === store);
  }

  /** A peer said who it is. A late word of its life before doesn't count. */
  onHello(hello: Hello): void {
    const member = this.memberOf(hello.replicaId);
    // No word of a store that says it is a replica which the membership binds to another store.
    if (member !== undefined && member.incarnation !== hello.incarnation) return;
    this.stores.onHello(hello);
    if (hello.replicaId === NO_REPLICA) {
      // A founder's connection may be older than its membership.
      if (!this.members.some(({ incarnation }) => incarnation === hello.incarnation)) this.unknownNodes.onHello(hello);
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
    if (!this.addresses.has(hello.replicaId) && this.hellos.size >= MOST_STRANGERS) this.forgetNonMembers();
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
    this.reroute();
  }

  /** @returns undefined where the replica isn't connected, or hasn't said yet which life this is */
  routeTo(replica: ReplicaId): PeerRoute | undefined {
    const address = this.addressOf(replica);
    const hello = this.hellos.get(replica);
    const member = this.memberOf(replica);
    if (address === undefined || hello === undefined || hello.incarnation !== member?.incarnation) return undefined;
    if (!this.leadsTo(address, member)) return undefined;
    return { address, name: hello.nodeName, bootNonce: hello.bootNonce };
  }

  /** @returns false where it was dropped: there is no connection, or its backlog is full */
  sendToReplica(message: Message): boolean {
    const address = this.addressOf(message.to) ?? this.addressOfNonMember(message.to);
    return address !== undefined && this.ports.transport.send(address, message);
  }

  /** A leader may be a member that this node's configuration doesn't know yet: it is behind, and must be able to answer. */
  private addressOfNonMember(replica: ReplicaId): string | undefined {
    const address = this.hellos.get(replica)?.advertise;
    if (address !== undefined) this.invite(address, this.ports.nowMs());
    return address;
  }

  private forgetNonMembers(): void {
    for (const id of this.hellos.keys()) if (!this.addresses.has(id)) this.hellos.delete(id);
  }

  /** Answers a peer, be it a member or not. One that is dialled only now gets the answer when it asks again. */
  answer(peer: Hello, message: PeerMessage, nowMs: number): void {
    const founder = this.members.length === 0 ? this.ports.founders.find(({ id }) => id === peer.nodeName) : undefined;
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
    const areReached = [...this.addresses.keys()].every((id) => this.stateOfReplica(id).state === 'connected');
    if (areReached) this.unreachedSinceMs = undefined;
    else this.unreachedSinceMs ??= nowMs;
    const isDue = this.unreachedSinceMs !== undefined && nowMs - this.unreachedSinceMs >= HINTS_AFTER_MS;
    const wanted = new Set(isDue ? this.hinted() : []);
    for (const address of this.detours.values()) wanted.add(address);
    this.dialled.try(wanted);
  }

  /** Another may have come to the place that the membership has for this node. */
  private hinted(): readonly string[] {
    const own = this.memberOf(this.self)?.peer ?? this.ports.advertise;
    return [...this.ports.hints.addresses, own].filter((address) => address !== this.ports.advertise);
  }

  /** What was heard before counts for a membership that is known only now; a founder may have been met before it had an id. */
  private settleMembers(): void {
    for (const { hello } of this.movers.all) this.settles(hello);
    for (const hello of this.hellos.values()) this.settles(hello);
    for (const member of this.members) {
      const met = member.id === this.self ? undefined : this.answersAt(member.peer, member);
      if (met !== undefined) this.settles({ ...met, replicaId: member.id });
    }
  }

  private replicasAt(address: string): readonly ReplicaId[] {
    return [...this.addresses.keys()].filter((id) => this.addressOf(id) === address);
  }

  /** Finds out which members are reached elsewhere than the membership says. */
  private reroute(): void {
    this.detours.clear();
    for (const member of this.members) {
      if (member.id === this.self || this.leadsTo(member.peer, member)) continue;
      for (const [address, met] of this.stores.met)
        if (met.incarnation === member.incarnation && this.countsAs(met, member)) this.detours.set(member.id, address);
    }
  }

  /** A founder may have been met before it had a replica id. */
  private countsAs(met: Hello, { id }: Member): boolean {
    return this.movers.isCounted({ ...met, replicaId: id });
  }

  private leadsTo(address: string, { incarnation }: Member): boolean {
    if (this.stateOf(address).state !== 'connected') return false;
    const met = this.stores.met.get(address);
    return met === undefined || met.incarnation === incarnation;
  }

  /** Whether a life counts without being looked into: it is where the membership says that the member is. */
  private settles(hello: Hello): boolean {
    const member = this.memberOf(hello.replicaId);
    if (member === undefined || member.incarnation !== hello.incarnation || this.movers.isCounted(hello)) return true;
    const isThere =
      hello.advertise === member.peer || this.answersAt(member.peer, member)?.bootNonce === hello.bootNonce;
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
