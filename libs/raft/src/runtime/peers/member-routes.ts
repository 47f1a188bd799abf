import type { Member } from '../../core/base/configuration';
import { NO_REPLICA, type ReplicaId } from '../../core/base/types';
import type { Hello, PeerConnectionState } from '../../transport/contract';
import type { Movers } from './movers';
import { StoreAddresses } from './store-addresses';

export interface LinkState {
  readonly state: PeerConnectionState;
  readonly detail: string;
}

const NOT_DIALLED: LinkState = { state: 'connecting', detail: 'not tried yet' };

/** Where each member is reached: where the membership says, or, where another store answers there, wherever its own store does. */
export class MemberRoutes {
  /** Which store is reached where. */
  readonly stores = new StoreAddresses();
  private readonly links = new Map<string, LinkState>();
  /** Where the membership says that the other members are. */
  private readonly addresses = new Map<ReplicaId, string>();
  /** Where members are reached that aren't there. */
  private readonly detours = new Map<ReplicaId, string>();
  private all: readonly Member[] = [];
  private self: ReplicaId = NO_REPLICA;

  constructor(private readonly movers: Pick<Movers, 'isCounted'>) {}

  /** The members of the configuration that is followed; empty before there is one. */
  get members(): readonly Member[] {
    return this.all;
  }

  /** The addresses of the other members by the membership. */
  get ofMembership(): ReadonlyMap<ReplicaId, string> {
    return this.addresses;
  }

  /** The addresses of the members that are reached elsewhere. */
  get elsewhere(): ReadonlyMap<ReplicaId, string> {
    return this.detours;
  }

  /** What this node is in the membership. */
  get own(): Member | undefined {
    return this.memberOf(this.self);
  }

  follow(members: readonly Member[], self: ReplicaId): void {
    this.all = members;
    this.self = self;
    this.addresses.clear();
    for (const member of members) if (member.id !== self) this.addresses.set(member.id, member.peer);
  }

  memberOf(replica: ReplicaId): Member | undefined {
    return this.all.find(({ id }) => id === replica);
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

  /** @returns whether the store of this replica answers at `address`, and in which boot */
  answersAt(address: string, { incarnation }: Pick<Member, 'incarnation'>): Hello | undefined {
    const met = this.stateOf(address).state === 'connected' ? this.stores.metAt(address) : undefined;
    return met?.incarnation === incarnation ? met : undefined;
  }

  /** @returns whether it is a member no more, or another store answers in its place: what it had won't come back */
  isGone(replica: ReplicaId): boolean {
    const address = this.addresses.get(replica);
    if (address === undefined) return true;
    if (this.detours.has(replica)) return false;
    const store = this.stores.saidAt(address);
    // A member that has come to the place of another took nothing from it but that.
    return store !== undefined && !this.all.some(({ incarnation }) => incarnation === store);
  }

  replicasAt(address: string): readonly ReplicaId[] {
    return [...this.addresses.keys()].filter((id) => this.addressOf(id) === address);
  }

  /** @param peer with `connected`: the node that answers there */
  changed(address: string, link: LinkState, peer?: Hello): void {
    this.links.set(address, link);
    if (link.state !== 'connected') this.stores.closed(address);
    else if (peer !== undefined) this.stores.answers(address, peer);
  }

  /** This node doesn't dial the address any longer. */
  hungUp(address: string): void {
    this.links.delete(address);
    this.stores.closed(address);
  }

  /** Finds out which members are reached elsewhere than the membership says. */
  reroute(): void {
    this.detours.clear();
    for (const member of this.all) {
      if (member.id === this.self || this.leadsTo(member.peer, member)) continue;
      for (const [address, met] of this.stores.met)
        if (met.incarnation === member.incarnation && this.countsAs(met, member)) this.detours.set(member.id, address);
    }
  }

  leadsTo(address: string, { incarnation }: Member): boolean {
    if (this.stateOf(address).state !== 'connected') return false;
    const met = this.stores.met.get(address);
    return met === undefined || met.incarnation === incarnation;
  }

  /** A founder may have been met before it had a replica id. */
  private countsAs(met: Hello, { id }: Member): boolean {
    return this.movers.isCounted({ ...met, replicaId: id });
  }
}
