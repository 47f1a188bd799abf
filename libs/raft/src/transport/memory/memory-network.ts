import { SeededRandom } from '../../core/base/random';
import { RaftError } from '../../errors/raft-error';
import type { RaftTransport } from '../contract';
import { SystemDeliveryScheduler, type DeliveryScheduler } from './delivery-scheduler';
import type { MemoryEndpoint } from './memory-routes';
import { MemoryTransport } from './memory-transport';
import { NetworkFaults, type DeliveryFaults } from './network-faults';

/** @publicApi */
export interface MemoryNetworkOptions {
  /** Default: real time. */
  readonly scheduler?: DeliveryScheduler;
  /** For the faults' dice. Default 1. */
  readonly seed?: number;
  /** Milliseconds until an address that couldn't be reached, or refused, is dialled again. Default 20. */
  readonly redialMs?: number;
}

/**
 * The peers of one process, and the network between them, which can be made to fail. Messages pass the wire codec, so that
 * nothing is shared and nothing gets through here that TCP wouldn't carry.
 *
 * ```ts
 * const network = new MemoryNetwork({ seed: 7 });
 * const n1 = network.transport('n1:7001');
 * network.partition(['n1:7001'], ['n2:7001', 'n3:7001']);
 * network.setFaults({ dropRate: 0.1, maxDelayMs: 20 });
 * network.heal();
 * ```
 *
 * @publicApi
 */
export class MemoryNetwork {
  /** @internal */
  readonly scheduler: DeliveryScheduler;
  /** @internal */
  readonly faults: NetworkFaults;
  /** @internal */
  readonly redialMs: number;
  private readonly listeners = new Map<string, MemoryEndpoint>();
  private nextAddress = 1;

  constructor({ scheduler, seed, redialMs }: MemoryNetworkOptions = {}) {
    this.scheduler = scheduler ?? new SystemDeliveryScheduler();
    this.faults = new NetworkFaults(new SeededRandom(seed ?? 1));
    this.redialMs = redialMs ?? 20;
  }

  /** @param address where it will be reached; default one that nobody has */
  transport(address = `memory:${this.nextAddress++}`): RaftTransport {
    return new MemoryTransport(this, address);
  }

  /** What befalls each message from now on; what isn't named is reset. */
  setFaults(faults: Partial<DeliveryFaults>): void {
    this.faults.set(faults);
  }

  /** Cuts both ways between each of `left` and each of `right`. Connections stay open and say nothing, as on a real network. */
  partition(left: readonly string[], right: readonly string[]): void {
    for (const one of left)
      for (const other of right) {
        this.faults.cut(one, other);
        this.faults.cut(other, one);
      }
  }

  /** Cuts one way: what `from` sends doesn't reach `to`. What is under way is lost, too. */
  cut(from: string, to: string): void {
    this.faults.cut(from, to);
  }

  mend(from: string, to: string): void {
    this.faults.mend(from, to);
  }

  /** Mends every cut; the faults of {@link setFaults} stay. */
  heal(): void {
    this.faults.mendAll();
  }

  /** @internal */
  listenerAt(address: string): MemoryEndpoint | undefined {
    return this.listeners.get(address);
  }

  /** @internal */
  listen(address: string, endpoint: MemoryEndpoint): void {
    if (this.listeners.has(address))
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `\`peers.listen\` is '${address}': another transport listens there already; stop it, or choose another address`,
      );
    this.listeners.set(address, endpoint);
  }

  /** @internal */
  stopListening(address: string, endpoint: MemoryEndpoint): void {
    if (this.listeners.get(address) === endpoint) this.listeners.delete(address);
  }
}
