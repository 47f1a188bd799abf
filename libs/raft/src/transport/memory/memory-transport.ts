import { RaftError } from '../../errors/raft-error';
import type { Hello, PeerMessage, RaftTransport, TransportHost } from '../contract';
import { MemoryLink } from './memory-link';
import type { IncomingLink, MemoryEndpoint, MemoryRoutes } from './memory-routes';

/** One node's end of the memory network. @internal */
export class MemoryTransport implements RaftTransport, MemoryEndpoint {
  readonly protection = 'private';
  readonly address: string;
  private readonly network: MemoryRoutes;
  private readonly links = new Map<string, MemoryLink>();
  /** The links of others that lead here. */
  private readonly accepted = new Set<IncomingLink>();
  private served: TransportHost | undefined;
  private state: 'new' | 'started' | 'stopped' = 'new';

  constructor(network: MemoryRoutes, address: string) {
    this.network = network;
    this.address = address;
  }

  /** The node behind this transport, while it is started. */
  get host(): TransportHost | undefined {
    return this.served;
  }

  async start(host: TransportHost): Promise<string> {
    if (this.state === 'started')
      throw new RaftError('RAFT_CONFIGURATION', 'this transport is started; make one for each node');
    this.network.listen(this.address, this);
    this.served = host;
    this.state = 'started';
    for (const link of this.links.values()) link.start();
    return this.address;
  }

  connect(address: string): void {
    if (this.links.has(address) || this.state === 'stopped') return;
    const link = new MemoryLink(this.network, this, address);
    this.links.set(address, link);
    if (this.state === 'started') link.start();
  }

  disconnect(address: string): void {
    this.links.get(address)?.stop();
    this.links.delete(address);
  }

  send(address: string, message: PeerMessage): boolean {
    return this.links.get(address)?.send(message) ?? false;
  }

  backlogBytes(address: string): number {
    return this.links.get(address)?.backlogBytes ?? 0;
  }

  announce(): void {
    for (const link of this.links.values()) link.announceDialler();
    for (const link of [...this.accepted]) link.announceListener();
  }

  turnAway(sender: Hello, sentence: string): void {
    for (const link of [...this.accepted]) link.refusedBy(this, sender, sentence);
  }

  async stop(): Promise<void> {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    this.served = undefined;
    this.network.stopListening(this.address, this);
    for (const link of this.links.values()) link.stop();
    this.links.clear();
    for (const link of [...this.accepted]) link.closedByPeer();
    this.accepted.clear();
  }

  /** A link of another transport was opened to this one. */
  accept(link: IncomingLink, dialler: Hello): void {
    this.accepted.add(link);
    for (const own of this.links.values()) if (own.address === dialler.advertise) own.peerArrived();
  }

  release(link: IncomingLink): void {
    this.accepted.delete(link);
  }
}
