import type { Hello, TransportHost } from '../contract';
import type { DeliveryScheduler } from './delivery-scheduler';
import type { NetworkFaults } from './network-faults';

/** A connection, as the end that it leads to knows it. */
export interface IncomingLink {
  /** The node that it leads to says hello again. */
  announceListener(): void;
  closedByPeer(): void;
  /** The node that it leads to turns its dialler away, where that said this hello there. */
  refusedBy(listener: MemoryEndpoint, sender: Hello, sentence: string): void;
}

/** One node's end of the memory network, as the connections from it and to it know it. */
export interface MemoryEndpoint {
  readonly address: string;
  /** The node that is reached there, while it is started. */
  readonly host: TransportHost | undefined;
  /** A connection of another end was opened to this one. */
  accept(link: IncomingLink, dialler: Hello): void;
  release(link: IncomingLink): void;
  /** Ends it, and each connection from it and to it. */
  stop(): Promise<void>;
}

/** The network, as its ends and their connections know it. */
export interface MemoryRoutes {
  readonly scheduler: DeliveryScheduler;
  readonly faults: NetworkFaults;
  /** Milliseconds until an address that couldn't be reached, or refused, is dialled again. */
  readonly redialMs: number;
  listenerAt(address: string): MemoryEndpoint | undefined;
  /** @throws RaftError `RAFT_CONFIGURATION` another listens there */
  listen(address: string, endpoint: MemoryEndpoint): void;
  stopListening(address: string, endpoint: MemoryEndpoint): void;
}
