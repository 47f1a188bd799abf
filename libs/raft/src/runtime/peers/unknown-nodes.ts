import type { Member } from '../../core/base/configuration';
import type { Hello } from '../../transport/contract';
import type { StoreAddresses } from './store-addresses';

/** Of how many nodes that are no members it is remembered what they said. */
export const MOST_STRANGERS = 64;

/** Nodes that aren't members of anything yet, by name: they say which store they have. */
export class UnknownNodes {
  private readonly hellos = new Map<string, Hello>();

  constructor(private readonly stores: StoreAddresses) {}

  onHello(hello: Hello): void {
    if (this.hellos.size < MOST_STRANGERS || this.hellos.has(hello.nodeName)) this.hellos.set(hello.nodeName, hello);
  }

  /** @returns what the node said of itself, unless another store answers in its place by now */
  named(name: string): Hello | undefined {
    const hello = this.hellos.get(name);
    return hello !== undefined && this.stores.saidAt(hello.advertise) === hello.incarnation ? hello : undefined;
  }

  /** Those are members now. */
  became(members: readonly Member[]): void {
    for (const { incarnation } of members)
      for (const [name, hello] of this.hellos) if (hello.incarnation === incarnation) this.hellos.delete(name);
  }
}
