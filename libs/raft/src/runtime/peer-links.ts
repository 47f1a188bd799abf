import type { Configuration, Member } from '../core/configuration';
import type { Message } from '../core/messages';
import type { ReplicaId } from '../core/types';
import type { Hello, PeerConnectionState, PeerMessage, RaftTransport } from '../transport/contract';
import type { FounderOptions } from './raft-node-options';

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

/** For how long a node that is no member is dialled after it asked something, and how many such there may be. */
const GUEST_MS = 10_000;
const MOST_GUESTS = 16;
/** Of how many nodes that are no members it is remembered what they said. */
const MOST_STRANGERS = 64;

const NOT_DIALLED: LinkState = { state: 'connecting', detail: 'not tried yet' };

/**
 * The connections to the other members. Who a member is, its replica id says; where it is reached, the newest word counts:
 * the options of this node before the configuration in the log, because hosts and containers move.
 */
export class PeerLinks {
  private readonly links = new Map<string, LinkState>();
  private readonly dialled = new Set<string>();
  /** Nodes that are no members and asked something, by address, and until when they are dialled. */
  private readonly guests = new Map<string, number>();
  private readonly addresses = new Map<ReplicaId, string>();
  private readonly hellos = new Map<ReplicaId, Hello>();
  /** Nodes that aren't members of anything yet, by name: they say which store they have. */
  private readonly strangers = new Map<string, Hello>();
  /** Which store last said that it is reached at an address. */
  private readonly stores = new Map<string, string>();
  private members: readonly Member[] = [];

  constructor(
    private readonly transport: RaftTransport,
    private readonly nodeName: string,
    private readonly founders: readonly FounderOptions[],
    private readonly nowMs: () => number,
  ) {}

  /** Before there is a configuration: dials the other founders. */
  connectFounders(): void {
    this.dial(this.founders.filter(({ id }) => id !== this.nodeName).map(({ peer }) => peer));
  }

  /** Before this node is a member: dials those that shall take it in. */
  connectTo(addresses: readonly string[]): void {
    this.dial(addresses);
  }

  /** @returns the addresses of the members that said who they are */
  memberAddresses(): readonly string[] {
    return [...this.hellos.values()].map(({ advertise }) => advertise);
  }

  /** @returns where the other members of the configuration are */
  addressesOfMembers(): readonly string[] {
    return [...this.addresses.values()];
  }

  /** @returns what a node said of itself that is no member of a cluster yet, unless another store answers in its place by now */
  strangerNamed(name: string): Hello | undefined {
    const hello = this.strangers.get(name);
    return hello !== undefined && this.stores.get(hello.advertise) === hello.incarnation ? hello : undefined;
  }

  /** @returns whether this store was a member's, by what a node said from it, and isn't one's any more */
  wasRemoved(incarnation: string): boolean {
    if (this.members.some((member) => member.incarnation === incarnation)) return false;
    for (const hello of this.hellos.values()) if (hello.incarnation === incarnation) return true;
    return false;
  }

  /** Dials the members of a configuration, and nobody else any more. */
  connectMembers(configuration: Configuration, self: ReplicaId): void {
    this.members = configuration.members.map((member) => this.located(member));
    this.addresses.clear();
    for (const member of this.members) if (member.id !== self) this.addresses.set(member.id, member.peer);
    for (const { incarnation } of this.members)
      for (const [name, hello] of this.strangers) if (hello.incarnation === incarnation) this.strangers.delete(name);
    this.dial([...this.addresses.values()]);
  }

  /** The member with the addresses that this node uses for it. */
  located(member: Member): Member {
    const options = this.founders.find(({ id }) => id === member.name);
    if (options === undefined) return member;
    return { ...member, peer: options.peer, http: options.http ?? member.http };
  }

  memberOf(replica: ReplicaId): Member | undefined {
    return this.members.find(({ id }) => id === replica);
  }

  /** @returns the name of the member that is reached at `address`; empty where none is known */
  nameAt(address: string): string {
    for (const [id, at] of this.addresses) if (at === address) return this.memberOf(id)?.name ?? '';
    return this.founders.find(({ peer }) => peer === address)?.id ?? '';
  }

  stateOf(address: string): LinkState {
    return this.links.get(address) ?? NOT_DIALLED;
  }

  stateOfReplica(replica: ReplicaId): LinkState {
    const address = this.addresses.get(replica);
    return address === undefined ? NOT_DIALLED : this.stateOf(address);
  }

  /** @returns the replicas that are reached at `address` */
  changed(address: string, state: PeerConnectionState, detail: string): readonly ReplicaId[] {
    this.links.set(address, { state, detail });
    const replicas: ReplicaId[] = [];
    for (const [id, at] of this.addresses) if (at === address) replicas.push(id);
    return replicas;
  }

  /** @returns whether it is a member no more, or another store answers in its place: what it had won't come back */
  isGone(replica: ReplicaId): boolean {
    const address = this.addresses.get(replica);
    if (address === undefined) return true;
    const store = this.stores.get(address);
    return store !== undefined && store !== this.memberOf(replica)?.incarnation;
  }

  /** A peer said who it is. A late word of its life before doesn't count. */
  heard(hello: Hello): void {
    this.answersAt(hello);
    if (hello.replicaId === 0) {
      // A founder's connection may be older than its membership.
      if (this.members.some(({ incarnation }) => incarnation === hello.incarnation)) return;
      if (this.strangers.size < MOST_STRANGERS || this.strangers.has(hello.nodeName))
        this.strangers.set(hello.nodeName, hello);
      return;
    }
    if (!this.addresses.has(hello.replicaId) && this.hellos.size >= MOST_STRANGERS) this.forgetNonMembers();
    const known = this.hellos.get(hello.replicaId);
    if (known === hello) return;
    const isOlder = known?.incarnation === hello.incarnation && known.life > hello.life;
    if (!isOlder) this.hellos.set(hello.replicaId, hello);
  }

  /** @returns undefined where the replica isn't connected, or hasn't said yet which life this is */
  routeTo(replica: ReplicaId): PeerRoute | undefined {
    const address = this.addresses.get(replica);
    const hello = this.hellos.get(replica);
    const member = this.memberOf(replica);
    if (address === undefined || hello === undefined || hello.incarnation !== member?.incarnation) return undefined;
    if (this.stateOf(address).state !== 'connected') return undefined;
    return { address, name: hello.nodeName, bootNonce: hello.bootNonce };
  }

  /** @returns false where it was dropped: there is no connection, or its backlog is full */
  sendToReplica(message: Message): boolean {
    const address = this.addresses.get(message.to) ?? this.addressOfNonMember(message.to);
    return address !== undefined && this.transport.send(address, message);
  }

  /** A leader may be a member that this node's configuration doesn't know yet: it is behind, and must be able to answer. */
  private addressOfNonMember(replica: ReplicaId): string | undefined {
    const address = this.hellos.get(replica)?.advertise;
    if (address !== undefined && !this.dialled.has(address)) this.invite(address, this.nowMs());
    return address;
  }

  private answersAt({ advertise, incarnation }: Hello): void {
    if (this.stores.get(advertise) === incarnation) return;
    // The address that was heard of first goes, in the order of the map.
    this.stores.delete(advertise);
    this.stores.set(advertise, incarnation);
    if (this.stores.size > MOST_STRANGERS) this.stores.delete(this.stores.keys().next().value!);
  }

  private forgetNonMembers(): void {
    for (const id of this.hellos.keys()) if (!this.addresses.has(id)) this.hellos.delete(id);
  }

  /** Answers a peer, be it a member or not. One that is dialled only now gets the answer when it asks again. */
  answer(peer: Hello, message: PeerMessage, nowMs: number): void {
    const founder = this.founders.find(({ id }) => id === peer.nodeName);
    const address = this.addresses.get(peer.replicaId) ?? founder?.peer ?? peer.advertise;
    if (!this.dialled.has(address)) this.invite(address, nowMs);
    this.transport.send(address, message);
  }

  /** Lets go of nodes that asked something once and aren't members. */
  dismissGuests(nowMs: number): void {
    for (const [address, untilMs] of this.guests) {
      if (untilMs > nowMs) continue;
      this.guests.delete(address);
      this.hangUp(address);
    }
  }

  send(address: string, message: PeerMessage): boolean {
    return this.transport.send(address, message);
  }

  private dial(addresses: readonly string[]): void {
    const wanted = new Set(addresses);
    for (const address of this.dialled) {
      if (wanted.has(address)) continue;
      this.dialled.delete(address);
      this.hangUp(address);
    }
    for (const address of wanted) {
      if (this.dialled.has(address)) continue;
      this.dialled.add(address);
      this.guests.delete(address);
      this.transport.connect(address);
    }
  }

  /** Dials a node for a while that is no member. */
  invite(address: string, nowMs: number): void {
    if (this.dialled.has(address)) return;
    if (!this.guests.has(address)) {
      if (this.guests.size >= MOST_GUESTS) return;
      this.transport.connect(address);
    }
    this.guests.set(address, nowMs + GUEST_MS);
  }

  private hangUp(address: string): void {
    this.links.delete(address);
    this.transport.disconnect(address);
  }
}
