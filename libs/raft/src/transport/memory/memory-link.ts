import { fitsBacklog } from '../backlog';
import { decodeFrame, encodeFrame, ProtocolError } from '../codec';
import type { Hello, PeerConnectionState, PeerMessage } from '../contract';
import type { IncomingLink, MemoryEndpoint, MemoryRoutes } from './memory-routes';

/** An open connection: whom it leads to, and what its dialler last said of itself there. */
interface Session {
  readonly listener: MemoryEndpoint;
  dialler: Hello;
}

/** The connection that one memory transport dials to one address, and dials again for as long as it is wanted. */
export class MemoryLink implements IncomingLink {
  readonly address: string;
  private readonly network: MemoryRoutes;
  private readonly owner: MemoryEndpoint;
  private session: Session | undefined;
  private timer: object | undefined;
  private reported = '';
  private unsentBytes = 0;
  private stopped = false;

  constructor(network: MemoryRoutes, owner: MemoryEndpoint, address: string) {
    this.network = network;
    this.owner = owner;
    this.address = address;
  }

  get backlogBytes(): number {
    return this.unsentBytes;
  }

  start(): void {
    this.report('connecting', '');
    this.dialAfter(this.network.faults.delayMs());
  }

  stop(): void {
    this.stopped = true;
    this.cancelDial();
    this.session?.listener.release(this);
    this.session = undefined;
  }

  /** The peer dialled us, so it is there: no need to wait any longer. */
  peerArrived(): void {
    if (this.session === undefined) this.dialAfter(0);
  }

  send(message: PeerMessage): boolean {
    const { session } = this;
    if (session === undefined || !fitsBacklog(message.kind, this.unsentBytes)) return false;
    let frame: Buffer;
    try {
      frame = encodeFrame(message);
    } catch (error) {
      if (error instanceof ProtocolError) return false;
      throw error;
    }
    for (const delayMs of this.network.faults.deliveries()) {
      this.unsentBytes += frame.length;
      this.network.scheduler.setTimer(delayMs, () => this.deliver(session, frame));
    }
    return true;
  }

  /** The dialler says hello again. */
  announceDialler(): void {
    const { session } = this;
    if (session === undefined) return;
    this.network.scheduler.setTimer(this.network.faults.delayMs(), () => {
      const hello = this.owner.host?.hello();
      if (this.session !== session || hello === undefined) return;
      session.dialler = hello;
      this.endIfRefused(session.listener.host?.admit(hello));
    });
  }

  announceListener(): void {
    const { session } = this;
    if (session === undefined) return;
    this.network.scheduler.setTimer(this.network.faults.delayMs(), () => {
      const hello = session.listener.host?.hello();
      if (this.session !== session || hello === undefined) return;
      this.endIfRefused(this.owner.host?.admit(hello));
    });
  }

  closedByPeer(): void {
    this.end('closed', 'the peer closed the connection');
  }

  refusedBy(listener: MemoryEndpoint, sender: Hello, sentence: string): void {
    if (this.session?.listener === listener && this.session.dialler === sender) this.end('refused', sentence);
  }

  private dial(): void {
    const { faults } = this.network;
    const listener = this.network.listenerAt(this.address);
    const dialler = this.owner.host?.hello();
    if (dialler === undefined) return;
    if (!faults.passes(this.owner.address, this.address) || !faults.passes(this.address, this.owner.address))
      return this.end('closed', `${this.address} wasn't reached`);
    if (listener?.host === undefined) return this.end('refused', `nobody listens at ${this.address}`);
    const answering = listener.host.hello();
    const refusal = listener.host.admit(dialler) ?? this.owner.host?.admit(answering);
    if (refusal !== undefined) return this.end('refused', refusal);
    this.session = { listener, dialler };
    this.report('connected', '', answering);
    listener.accept(this, dialler);
  }

  private deliver(session: Session, frame: Buffer): void {
    this.unsentBytes -= frame.length;
    const { listener } = session;
    if (this.session !== session || !this.network.faults.passes(this.owner.address, this.address)) return;
    // A copy of the bytes in a buffer of their own, as if they had been read from a socket.
    const message = decodeFrame({ buffer: frame, shared: true }, 4, frame.length) as PeerMessage;
    listener.host?.receive(message, session.dialler);
  }

  private endIfRefused(refusal: string | undefined): void {
    if (refusal !== undefined) this.end('refused', refusal);
  }

  private end(state: 'closed' | 'refused', detail: string): void {
    this.session?.listener.release(this);
    this.session = undefined;
    this.report(state, detail);
    if (!this.stopped && this.owner.host !== undefined) this.dialAfter(this.network.redialMs);
  }

  private dialAfter(delayMs: number): void {
    this.cancelDial();
    this.timer = this.network.scheduler.setTimer(delayMs, () => {
      this.timer = undefined;
      this.dial();
    });
  }

  private cancelDial(): void {
    if (this.timer !== undefined) this.network.scheduler.clearTimer(this.timer);
    this.timer = undefined;
  }

  /** Says what changed, once: an attempt that fails as the one before is no news. */
  private report(state: PeerConnectionState, detail: string, peer?: Hello): void {
    const said = `${state} ${detail}`;
    if (said === this.reported) return;
    this.reported = said;
    this.owner.host?.connectionChanged(this.address, state, detail, peer);
  }
}
