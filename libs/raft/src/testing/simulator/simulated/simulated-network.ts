import { FRAME_KIND_CODES } from '../../../transport/codec/frame-kinds';
import { SNAPSHOT_CHUNK } from '../../../runtime/snapshots/snapshot-calls';
import type { PeerMessage } from '../../../transport/contract';
import { Chance } from '../base/chance';
import { copyMessage, describeMessage } from './message-copy';
import type { SimulatedConnection, SimulatedEndpoint } from './simulated-endpoint';
import type { World } from '../base/world';

/** How the network behaves just now; faults change it. */
export interface NetworkConditions {
  /** The least delay of a message, and the mean of what comes on top. */
  minDelayMs: number;
  meanDelayMs: number;
  loss: number;
  repetition: number;
  /** Messages of one connection overtake one another. */
  reorders: boolean;
  /** The share of messages that arrive much too late, where messages overtake one another at all. */
  late: number;
}

/** In which share of the seeds, and of their messages, terms are forged. */
const FORGED = { seeds: 0.15, messages: 1 / 500 };

const LATE_MS = { from: 300, to: 6000 };

/** Told of every message as it leaves a node, and as it arrives. */
export interface MessageObserver {
  sent(from: SimulatedEndpoint, message: PeerMessage): void;
  received(by: SimulatedEndpoint, message: PeerMessage): void;
}

/** The wires between all nodes. Addresses are the nodes'; a process listens on its own while it lives. */
export class SimulatedNetwork {
  private readonly listening = new Map<string, SimulatedEndpoint>();
  private readonly blocked = new Set<string>();
  /** By how much longer messages take on a link. */
  private readonly congested = new Map<string, number>();
  private readonly onHeartbeat = new Map<string, () => void>();
  private readonly onRequest = new Map<string, (connection: SimulatedConnection) => void>();
  private readonly chances = new Map<string, Chance>();
  private readonly forger: Chance;
  private forgeries: number;

  /** @param coded messages pass the codec of the peer protocol */
  constructor(
    readonly world: World,
    readonly conditions: NetworkConditions,
    readonly coded: boolean,
    readonly seed: number,
    private readonly observer: MessageObserver,
  ) {
    this.forger = Chance.of(seed, 'forged terms');
    this.forgeries = this.forger.happens(FORGED.seeds) ? FORGED.messages : 0;
  }

  listen(endpoint: SimulatedEndpoint): boolean {
    if (this.listening.has(endpoint.address)) return false;
    this.listening.set(endpoint.address, endpoint);
    return true;
  }

  silence(endpoint: SimulatedEndpoint): void {
    if (this.listening.get(endpoint.address) === endpoint) this.listening.delete(endpoint.address);
  }

  listenerAt(address: string): SimulatedEndpoint | undefined {
    return this.listening.get(address);
  }

  /** Nothing gets from one place to the other any more; the way back stays open. */
  block(from: string, to: string): void {
    this.blocked.add(linkOf(from, to));
  }

  unblock(from: string, to: string): void {
    this.blocked.delete(linkOf(from, to));
  }

  isBlocked(from: string, to: string): boolean {
    return this.blocked.size > 0 && this.blocked.has(linkOf(from, to));
  }

  /** A backlog builds up on a link. @param slowerMs how much longer each message takes; 0 ends it */
  congest(from: string, to: string, slowerMs: number): void {
    if (slowerMs > 0) this.congested.set(linkOf(from, to), slowerMs);
    else this.congested.delete(linkOf(from, to));
  }

  isCongested(from: string, to: string): boolean {
    return this.congested.size > 0 && this.congested.has(linkOf(from, to));
  }

  /** Calls `then` once, when this process has just sent a heartbeat. */
  whenHeartbeatLeaves({ process }: SimulatedEndpoint, then: () => void): void {
    this.onHeartbeat.set(process.label, then);
  }

  /** Calls `then` once, when a request of this method is on its way. */
  whenAsked(method: string, then: (connection: SimulatedConnection) => void): void {
    this.onRequest.set(method, then);
  }

  heal(): void {
    this.blocked.clear();
    this.congested.clear();
    this.forgeries = 0;
  }

  /** What happens on one link depends on that link alone. */
  chanceOf(from: string, to: string): Chance {
    const link = linkOf(from, to);
    let chance = this.chances.get(link);
    if (chance === undefined) this.chances.set(link, (chance = Chance.of(this.seed, link)));
    return chance;
  }

  delayMs(chance: Chance): number {
    return this.conditions.minDelayMs + chance.exponential(this.conditions.meanDelayMs);
  }

  /** Sends one message over an open connection: it arrives once, twice or never, in order or not. */
  transmit(connection: SimulatedConnection, message: PeerMessage): void {
    const { dialler, listener } = connection;
    const { conditions } = this;
    const { paths } = this.world;
    const chance = this.chanceOf(dialler.address, listener.address);
    this.observer.sent(dialler, message);
    if (message.kind === 'heartbeat') this.heartbeatLeft(dialler.process.label);
    if (message.kind === 'request') this.requestLeft(connection, message.method);
    if (this.isBlocked(dialler.location, listener.location) || chance.happens(conditions.loss)) {
      paths.count('lost a message');
      this.note('drop', dialler, listener, message);
      return;
    }
    this.note('send', dialler, listener, message);
    const copies = chance.happens(conditions.repetition) ? 2 : 1;
    if (copies > 1) paths.count('repeated a message');
    if (this.coded) paths.count('coded messages as on the wire');
    for (let copy = 0; copy < copies; copy++) this.carry(connection, chance, copyMessage(message, this.coded));
    if (this.forger.happens(this.forgeries)) this.forge(connection, message);
  }

  /** The same message arrives with the last term that a number can say, as if its sender, or its sender's memory, were broken. */
  private forge(connection: SimulatedConnection, message: PeerMessage): void {
    if (!('term' in message)) return;
    const forged = copyMessage({ ...message, term: Number.MAX_SAFE_INTEGER }, this.coded);
    connection.listener.process.input(this.conditions.minDelayMs, () => {
      if (!connection.open) return;
      this.world.paths.count('forged a term');
      connection.listener.deliver(connection, forged);
    });
  }

  private heartbeatLeft(label: string): void {
    const then = this.onHeartbeat.get(label);
    if (then === undefined) return;
    this.onHeartbeat.delete(label);
    this.world.time.after(0, then);
  }

  private requestLeft(connection: SimulatedConnection, method: string): void {
    if (method === SNAPSHOT_CHUNK)
      this.world.paths.count(
        connection.listener.leads ? 'fetched a snapshot from the leader' : 'fetched a snapshot from a follower',
      );
    const then = this.onRequest.get(method);
    if (then === undefined) return;
    this.onRequest.delete(method);
    this.world.time.after(0, () => then(connection));
  }

  private carry(connection: SimulatedConnection, chance: Chance, message: PeerMessage): void {
    const { time, paths } = this.world;
    const { dialler, listener } = connection;
    const slow = this.congested.get(linkOf(dialler.address, listener.address)) ?? 0;
    const { reorders, late } = this.conditions;
    if (reorders && chance.happens(late)) {
      paths.count('delayed a message for long');
      this.deliverAfter(connection, message, chance.uniform(LATE_MS.from, LATE_MS.to));
      return;
    }
    let atMs = time.nowMs + slow + this.delayMs(chance);
    if (atMs < connection.lastArrivalMs)
      if (reorders) paths.count('reordered messages');
      else atMs = connection.lastArrivalMs;
    connection.lastArrivalMs = Math.max(connection.lastArrivalMs, atMs);
    this.deliverAfter(connection, message, atMs - time.nowMs);
  }

  private deliverAfter(connection: SimulatedConnection, message: PeerMessage, delayMs: number): void {
    const { dialler, listener } = connection;
    listener.process.input(
      delayMs,
      () => {
        if (!connection.open) return;
        this.note('receive', listener, dialler, message);
        this.observer.received(listener, message);
        listener.deliver(connection, message);
      },
      connection,
    );
  }

  private note(
    kind: 'send' | 'receive' | 'drop',
    at: SimulatedEndpoint,
    other: SimulatedEndpoint,
    message: PeerMessage,
  ): void {
    const number = FRAME_KIND_CODES[message.kind] * 4096 + ('term' in message ? message.term : 0);
    this.world.trace.add(kind, at.process.label, number, () => describeMessage(message), other.process.label);
  }
}

function linkOf(from: string, to: string): string {
  return `${from}>${to}`;
}
