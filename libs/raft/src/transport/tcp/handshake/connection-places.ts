/** Connections that may be in their handshake at one time. A peer is there for some round trips. */
export const MOST_UNPROVED = 64;
/** Of one member: a connection that broke without a word stays open for a while beside its successor. */
const MOST_OF_A_MEMBER = 4;
/** Places that only members get, of half of all at most. */
const MOST_RESERVED = 64;

type Standing = 'unproved' | 'guest' | 'member';

interface Place {
  /** The address that it came from, without the port. */
  readonly from: string;
  readonly close: () => void;
  standing: Standing;
  /** The store of a member. */
  store: string;
}

export interface PlacesPorts {
  /** `peers.maxConnections`: those that were admitted. */
  readonly most: number;
  /** Something was closed to make room. */
  crowded(sentence: string): void;
}

/**
 * Who may hold how many connections to this node, so that no number of strangers keeps a member out. Those that haven't proved
 * themselves are few, and the oldest of the address that has most of them goes when another comes. Those that have share the rest
 * of the places, but for some that only members get; where all are taken, a member gets that of the oldest guest.
 */
export class ConnectionPlaces {
  /** In the order of their coming. */
  private readonly places = new Map<string, Place>();

  constructor(private readonly ports: PlacesPorts) {}

  /** @param key of the connection, whose `close` frees the place at last */
  arrived(key: string, from: string, close: () => void): void {
    this.places.set(key, { from, close, standing: 'unproved', store: '' });
    if (this.count('unproved') <= MOST_UNPROVED) return;
    this.ports.crowded(
      `${MOST_UNPROVED} connections to the peer port are waiting for their handshake; the oldest of them was closed`,
    );
    this.evict(this.oldestOfTheBusiest());
  }

  /** The connection is about to be admitted. @returns the sentence to refuse it with */
  admit(key: string, store: string, isMember: boolean): string | undefined {
    const place = this.places.get(key);
    if (place === undefined) return undefined;
    const { most } = this.ports;
    const others = [...this.places.values()].filter((each) => each !== place);
    const guests = others.filter(({ standing }) => standing === 'guest');
    const members = others.filter(({ standing }) => standing === 'member');
    const reserved = Math.min(MOST_RESERVED, Math.floor(most / 2));
    if (!isMember && guests.length >= most - reserved) return full(most);
    if (!isMember && guests.length + members.length >= most) return full(most);
    place.standing = isMember ? 'member' : 'guest';
    place.store = store;
    if (!isMember) return undefined;
    const own = members.filter((each) => each.store === store);
    if (own.length >= MOST_OF_A_MEMBER) this.evict(own[0]);
    else if (guests.length + members.length >= most) this.evict(guests[0] ?? members[0]);
    return undefined;
  }

  left(key: string): void {
    this.places.delete(key);
  }

  private count(standing: Standing): number {
    let count = 0;
    for (const place of this.places.values()) if (place.standing === standing) count++;
    return count;
  }

  private oldestOfTheBusiest(): Place | undefined {
    const unproved = [...this.places.values()].filter(({ standing }) => standing === 'unproved');
    const perAddress = new Map<string, number>();
    for (const { from } of unproved) perAddress.set(from, (perAddress.get(from) ?? 0) + 1);
    const most = Math.max(...perAddress.values());
    return unproved.find(({ from }) => perAddress.get(from) === most);
  }

  private evict(place: Place | undefined): void {
    if (place === undefined) return;
    for (const [key, each] of this.places) if (each === place) this.places.delete(key);
    place.close();
  }
}

function full(most: number): string {
  return `${most} connections are open here (\`peers.maxConnections\`), and this one isn't a member's: try another node`;
}
