import type { Configuration, Member } from '../../core/base/configuration';
import type { ReplicaId } from '../../core/base/types';
import type { BootHistory } from '../store/boot-history';
import type { PeerLinks } from '../peers/peer-links';
import type { PlaceWitness } from './place-witness';

export interface HttpAddressesPorts {
  readonly links: PeerLinks;
  readonly witness: PlaceWitness;
  /** Where HTTP clients reach this node, by its options. */
  readonly http: string;
  boots(): BootHistory | undefined;
}

/**
 * Where HTTP clients reach the members, as far as that has changed with a start of theirs. What an administrator has said since
 * counts until a node is started with another address than before.
 */
export class HttpAddresses {
  /** In which life each member was asked. */
  private readonly askedOf = new Map<ReplicaId, string>();
  private readonly changed = new Map<ReplicaId, string>();

  constructor(private readonly ports: HttpAddressesPorts) {}

  /** @returns the member's new address; undefined where it is as it was */
  changedOf(id: ReplicaId): string | undefined {
    return this.changed.get(id);
  }

  configurationChanged({ members }: Configuration, self: ReplicaId): void {
    for (const { id, http } of members) if (this.changed.get(id) === http) this.changed.delete(id);
    for (const kept of [this.askedOf, this.changed])
      for (const id of kept.keys()) if (!members.some((member) => member.id === id)) kept.delete(id);
    const own = members.find(({ id }) => id === self);
    if (own !== undefined) this.settleOwn(own);
  }

  /** Of a leader: asks each life of a member once. */
  ask(members: readonly Member[], self: ReplicaId): void {
    const { links, witness, http } = this.ports;
    const noted = this.ports.boots()?.http;
    if (noted !== undefined && noted !== http) this.changed.set(self, http);
    for (const { id } of members) {
      const route = links.routeTo(id);
      if (id === self || route === undefined || this.askedOf.get(id) === route.bootNonce) continue;
      this.askedOf.set(id, route.bootNonce);
      witness.whoIsAt(route.address).then(
        (who) => {
          if (who.httpChanged && who.bootNonce === route.bootNonce) this.changed.set(id, who.http);
        },
        () => this.askedOf.delete(id),
      );
    }
  }

  /** What the options say has come into the membership, or this is the first start that takes note of it. */
  private settleOwn({ http }: Member): void {
    const boots = this.ports.boots();
    if (boots !== undefined && (boots.http === undefined || http === this.ports.http))
      boots.settleHttp(this.ports.http);
  }
}
