import type { Hello } from '../../transport/contract';

/** Of how many addresses it is remembered who said that it is reached there. */
const MOST_SAID = 64;

/** Which store is reached where: by what nodes say of themselves, and by who answers what this node dials. */
export class StoreAddresses {
  private readonly said = new Map<string, Hello>();
  private readonly answering = new Map<string, Hello>();

  /** A node said where it is reached; the newest word for an address counts. */
  onHello(hello: Hello): void {
    const before = this.said.get(hello.advertise);
    if (before === hello) return;
    // The address that was heard of first goes, in the order of the map.
    if (before?.incarnation !== hello.incarnation) this.said.delete(hello.advertise);
    this.said.set(hello.advertise, hello);
    if (this.said.size > MOST_SAID) this.said.delete(this.said.keys().next().value!);
  }

  /** The connection that this node dialled to `address` is open, and this node answers there. */
  answers(address: string, hello: Hello): void {
    this.answering.set(address, hello);
  }

  closed(address: string): void {
    this.answering.delete(address);
  }

  /** @returns the store that said last that it is reached at `address` */
  saidAt(address: string): string | undefined {
    return this.said.get(address)?.incarnation;
  }

  /** @returns who is met at `address`, where this node is connected to it */
  metAt(address: string): Hello | undefined {
    return this.answering.get(address) ?? this.said.get(address);
  }

  /** @returns the addresses at which nodes answer just now, and which */
  get met(): ReadonlyMap<string, Hello> {
    return this.answering;
  }
}
