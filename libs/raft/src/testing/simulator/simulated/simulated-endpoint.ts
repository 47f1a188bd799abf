import type { Hello, PeerMessage } from '../../../transport/contract';
import type { SimulatedProcess } from './simulated-process';

/** What a node says to another that dials it. */
export interface DialAnswer {
  readonly hello: Hello;
  readonly refusal: string | undefined;
}

/** A process's end of the network, as the network and the other ends know it. */
export interface SimulatedEndpoint {
  readonly address: string;
  readonly process: SimulatedProcess;
  /** Whether its node leads just now. */
  readonly leads: boolean;
  /** Where it runs: its address, until another process takes that over elsewhere. */
  readonly location: string;
  /** Whether a node is served there. */
  readonly isServed: boolean;
  /** @returns undefined where no node is served there */
  admit(peer: Hello): DialAnswer | undefined;
  /** @returns why the node that is served there refuses a hello that is said again; undefined where it doesn't */
  refusalOf(peer: Hello): string | undefined;
  /** The peer dialled this node, so it is there: no need to wait any longer. */
  peerArrived(address: string): void;
  /** A connection of another end leads here, until it is released. */
  accept(connection: SimulatedConnection): void;
  release(connection: SimulatedConnection): void;
  deliver(connection: SimulatedConnection, message: PeerMessage): void;
  /** Both sides stay alive, the connection that this end dialled doesn't. @returns whether there was one */
  reset(address: string): boolean;
  /** The listener's side is gone; a packet says so, once one gets through. */
  noticeEnd(connection: SimulatedConnection): void;
}

/** A connection that one side has dialled. Messages go from the dialler to the listener only; each node dials all others. */
export interface SimulatedConnection {
  readonly dialler: SimulatedEndpoint;
  readonly listener: SimulatedEndpoint;
  open: boolean;
  lastArrivalMs: number;
  /** What the dialler last said of itself. */
  hello: Hello;
}
