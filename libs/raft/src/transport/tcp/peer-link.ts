import type { Type } from '@nestjs/common';
import { encodeFrame } from '../codec';
import { fitsBacklog } from '../backlog';
import type { Hello, PeerConnectionState, PeerMessage } from '../contract';
import { parseAddress } from './options/address';
import { BackOff } from './back-off';
import type { ConnectionRole } from '../codec';
import type { Credentials } from './options/credentials';
import { PeerConnection, type ConnectionEnd } from './peer-connection';
import { RaftTcpClient } from './raft-tcp-client';
import type { RaftTcpSocket } from './raft-tcp-socket';
import type { TcpTransportSettings } from './options/tcp-transport-options';

/** An unreachable host answers nothing at all; the system itself would wait for minutes. */
const CONNECT_TIMEOUT_MS = 1500;

/** A peer that turned us away needs somebody to change something, so it is asked less often. */
const REFUSED_BACK_OFF_MS = { first: 1000, last: 5000 };
const BACK_OFF_MS = { first: 20, last: 1000 };

/** A connection that lasted so long starts the back-off again when it ends. */
const SETTLED_MS = 1000;

/**
 * Pings, one a second, that may go unanswered. Without them a peer that vanished without a FIN is written to until the system
 * gives up, and the system's retries, which double, go on for as long after the network heals as it was away.
 */
const MAX_UNANSWERED_PINGS = 4;

export interface PeerLinkHost {
  readonly settings: TcpTransportSettings;
  readonly credentials: Credentials;
  /** What this side comes as. */
  readonly comesAs: ConnectionRole;
  readonly socketClass: Type<RaftTcpSocket>;
  hello(): Hello;
  addressOf(peer: Hello): string | undefined;
  nameAt(address: string): string;
  admit(peer: Hello): string | undefined;
  message(message: PeerMessage, sender: Hello): void;
  changed(address: string, state: PeerConnectionState, detail: string, peer?: Hello): void;
  onEnd(peer: string, end: ConnectionEnd): void;
  dropped(address: string, error: unknown): void;
}

/** The connection that this node dials to one address, and dials again for as long as it is wanted. */
export class PeerLink {
  readonly address: string;
  private readonly host: PeerLinkHost;
  private readonly backOff = new BackOff(BACK_OFF_MS.first, BACK_OFF_MS.last);
  private readonly refusedBackOff = new BackOff(REFUSED_BACK_OFF_MS.first, REFUSED_BACK_OFF_MS.last);
  private connection: PeerConnection | undefined;
  /** Not only that of the connection: one that was refused lingers until the peer has read why. */
  private readonly sockets = new Set<RaftTcpSocket>();
  private timer: NodeJS.Timeout | undefined;
  private waiting = false;
  private stopped = false;
  private openedAt: number | undefined;
  private lastPeer: Hello | undefined;
  private reported = '';
  private unansweredPings = 0;
  private flushedAtPing = 0;

  constructor(address: string, host: PeerLinkHost) {
    this.address = address;
    this.host = host;
  }

  start(): void {
    this.report('connecting', '');
    this.dial();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.connection?.drop();
    this.connection = undefined;
    for (const socket of this.sockets) socket.destroy();
  }

  /** The peer dialled us, so it is there: no need to wait any longer. */
  peerArrived(peer: Hello): void {
    if (!this.waiting || !this.leadsTo(peer)) return;
    clearTimeout(this.timer);
    this.backOff.reset();
    this.refusedBackOff.reset();
    this.dial();
  }

  announce(): void {
    this.connection?.announce();
  }

  /** Ends the connection where `peer` was admitted on it. */
  turnAway(peer: Hello, sentence: string): void {
    if (this.connection?.admittedPeer === peer) this.connection.refuse(sentence);
  }

  send(message: PeerMessage): boolean {
    const { connection } = this;
    if (connection === undefined || !connection.isOpen) return false;
    if (!fitsBacklog(message.kind, connection.socket.backlogBytes)) return false;
    try {
      connection.socket.sendMessage(encodeFrame(message, this.host.settings.maxFrameBytes));
      return true;
    } catch (error) {
      this.host.dropped(this.address, error);
      return false;
    }
  }

  get backlogBytes(): number {
    return this.connection?.socket.backlogBytes ?? 0;
  }

  /** Called once a second: asks whether the peer still answers, and hangs up when it hasn't for too long. */
  ping(): void {
    const { connection } = this;
    if (connection === undefined || !connection.isOpen) return;
    const { flushedBytes, backlogBytes } = connection.socket;
    // A slow line with a full backlog is alive while the backlog moves: the ping just waits its turn.
    if (backlogBytes > 0 && flushedBytes > this.flushedAtPing) this.unansweredPings = 0;
    this.flushedAtPing = flushedBytes;
    if (this.unansweredPings >= MAX_UNANSWERED_PINGS)
      return connection.close(`the peer left ${this.unansweredPings} pings unanswered`);
    this.unansweredPings += 1;
    connection.ping();
  }

  private leadsTo(peer: Hello): boolean {
    return peer.advertise === this.address || peer.nodeName === this.lastPeer?.nodeName;
  }

  private dial(): void {
    this.waiting = false;
    const target = parseAddress(this.address);
    if (target === undefined) return this.report('refused', `'${this.address}' isn't an address; write host:port`);
    const { settings, credentials, socketClass, comesAs } = this.host;
    const { tls } = credentials;
    // Its names are checked once the peer has said who it is: the node's name counts, too.
    const tlsOptions = tls && { checkServerIdentity: () => undefined, ...tls };
    const socket = new RaftTcpClient({ ...target, socketClass, tlsOptions }).dial();
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    const connection = new PeerConnection(socket, 'dialled', {
      comesAs,
      dialled: this.address,
      secrets: (role) => credentials.secrets(role),
      helloTimeoutMs: settings.helloTimeoutMs,
      requireNodeName: tls !== undefined && tls.requireNodeName !== false,
      hello: () => this.host.hello(),
      addressOf: (peer) => this.host.addressOf(peer),
      nameAt: (address) => this.host.nameAt(address),
      admit: (peer) => this.host.admit(peer),
      message: (message, sender) => this.host.message(message, sender),
      opened: (peer) => this.opened(peer),
      ended: (end) => this.ended(end),
    });
    connection.onPong = () => (this.unansweredPings = 0);
    this.connection = connection;
    this.timer = setTimeout(
      () => connection.close(`${this.address} wasn't reached within ${CONNECT_TIMEOUT_MS} ms`),
      CONNECT_TIMEOUT_MS,
    );
    socket.once('connect', () => {
      clearTimeout(this.timer);
      connection.introduce();
    });
  }

  private opened(peer: Hello): void {
    this.openedAt = performance.now();
    this.lastPeer = peer;
    this.unansweredPings = 0;
    this.flushedAtPing = 0;
    this.report('connected', '', peer);
    this.host.settings.logger.log(`connected to peer ${peer.nodeName} at ${this.address}`);
  }

  private ended(end: ConnectionEnd): void {
    clearTimeout(this.timer);
    this.connection = undefined;
    if (this.stopped) return;
    if (this.openedAt !== undefined && performance.now() - this.openedAt >= SETTLED_MS) {
      this.backOff.reset();
      this.refusedBackOff.reset();
    }
    this.openedAt = undefined;
    const backOff = end.refusedBy === undefined ? this.backOff : this.refusedBackOff;
    this.waiting = true;
    this.timer = setTimeout(() => this.dial(), backOff.nextMs());
    this.host.onEnd(this.address, end);
    this.report(end.state, end.detail);
  }

  /** Says what changed, once: an attempt that fails as the one before is no news. */
  private report(state: PeerConnectionState, detail: string, peer?: Hello): void {
    const said = `${state} ${detail}`;
    if (said === this.reported) return;
    this.reported = said;
    this.host.changed(this.address, state, detail, peer);
  }
}
