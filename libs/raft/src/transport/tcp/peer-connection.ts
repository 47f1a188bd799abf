import { ProtocolError, type Frame } from '../codec';
import type { ConnectionRole } from '../codec';
import type { Hello, PeerMessage } from '../contract';
import { errorCode, errorText } from './options/error-text';
import { Handshake } from './handshake/handshake';
import { certificateRefusal, clientCertificateRefusal } from './handshake/peer-certificate';
import type { RaftTcpSocket } from './raft-tcp-socket';
import { type ConnectionEndRole, sessionBytes } from './handshake/secret-proof';
import type { ClientAdmission } from './options/tcp-transport-options';

/** How a connection ended, in the terms of `PeerConnectionState`. */
export interface ConnectionEnd {
  readonly state: 'closed' | 'refused';
  readonly detail: string;
  /** Who turned whom away, where it came to that. */
  readonly refusedBy?: 'peer' | 'us';
  /** The peer was reached, and it ended before the peer said anything: as between one side with TLS and one without. */
  readonly unheard?: boolean;
  /** The peer sent what isn't the protocol, or what is damaged, or what this side failed over. */
  readonly unreadable?: boolean;
}

/** What a connection needs to know, and whom it tells. */
export interface ConnectionHost {
  /** What this side comes as, where it dialled. */
  readonly comesAs: ConnectionRole;
  /** The address that was dialled; undefined for a connection that was accepted. */
  readonly dialled?: string;
  /** @returns the secrets of this kind of connection: the first proves, all are accepted; empty where there is none */
  secrets(role: ConnectionRole): readonly string[];
  /** How clients prove that they may come; undefined where none may. */
  readonly clients?: ClientAdmission | undefined;
  readonly helloTimeoutMs: number;
  /** Whether certificates have to name their nodes. */
  readonly requireNodeName: boolean;
  hello(): Hello;
  /** The address that the membership gives for the peer; undefined where it is no member. */
  addressOf(peer: Hello): string | undefined;
  /** The name of the member that is expected at an address; empty where none is known. */
  nameAt(address: string): string;
  admit(peer: Hello): string | undefined;
  /** Both sides admitted each other; messages may flow. */
  opened(peer: Hello): void;
  message(message: PeerMessage, sender: Hello): void;
  /** Called once. */
  ended(end: ConnectionEnd): void;
}

/** How long a refused peer may take to read why. */
const REFUSAL_GRACE_MS = 1000;

/**
 * One connection, from either end: lets both sides prove themselves and say who they are, asks whether the peer is to be
 * admitted, and only then lets messages through.
 *
 * On a connection between nodes messages come from the end that dialled. A client calls and is answered on the one that it dialled.
 */
export class PeerConnection {
  readonly socket: RaftTcpSocket;
  /** Set by the side that pings. */
  onPong: (() => void) | undefined;
  private readonly end: ConnectionEndRole;
  private readonly host: ConnectionHost;
  private readonly handshake: Handshake;
  private timer: NodeJS.Timeout | undefined;
  /** The last that came, authentic. */
  private peerHello: Hello | undefined;
  private admitted: Hello | undefined;
  private admittedByPeer = false;
  private over = false;
  private heard = false;

  constructor(socket: RaftTcpSocket, end: ConnectionEndRole, host: ConnectionHost) {
    this.socket = socket;
    this.end = end;
    this.host = host;
    this.handshake = new Handshake(end, {
      comesAs: host.comesAs,
      servesClients: host.clients !== undefined,
      secrets: (role) => host.secrets(role),
      session: () => sessionBytes(socket.netSocket),
      hello: () => host.hello(),
      refusalOfDialled: () => this.refusalOfDialled(),
      refusalOf: (hello) => this.refusalByCertificate(hello),
      send: (frame) => socket.sendHandshake(frame),
      refuse: (sentence) => this.refuse(sentence),
      introduced: (hello) => this.decide(hello),
    });
    let failure: unknown;
    socket.on('message', (frame: Frame) => this.receive(frame));
    socket.on('error', (error: unknown) => {
      failure ??= error;
    });
    socket.on('close', () => this.finish(endOf(failure, this.end === 'dialled' && !this.heard)));
  }

  get isOpen(): boolean {
    return !this.over && this.admittedByPeer && this.admitted !== undefined;
  }

  /** The name that the peer gave itself, once it had proved that it may. */
  get peerName(): string | undefined {
    return this.peerHello?.nodeName;
  }

  /** What the peer last said of itself and was admitted with. */
  get admittedPeer(): Hello | undefined {
    return this.over ? undefined : this.admitted;
  }

  /** The socket is connected: begins the handshake, and gives it so long. */
  introduce(): void {
    this.timer = setTimeout(
      () => this.close(`the handshake wasn't completed within ${this.host.helloTimeoutMs} ms`),
      this.host.helloTimeoutMs,
    );
    this.handshake.begin();
  }

  /** Says hello again, where it was said before. */
  announce(): void {
    if (!this.over) this.handshake.announce();
  }

  ping(): void {
    this.socket.sendHandshake({ kind: 'ping' });
  }

  /** Ends it from here; the host hears why. */
  close(detail: string): void {
    this.finish({ state: 'closed', detail });
    this.socket.destroy();
  }

  /** Ends it from here, and tells the peer why. */
  refuse(sentence: string): void {
    if (this.over) return;
    this.finish({ state: 'refused', detail: sentence, refusedBy: 'us' });
    this.socket.endWith({ kind: 'refuse', sentence }, REFUSAL_GRACE_MS);
  }

  /** Ends it, and tells nobody; what was handed over before goes out. */
  drop(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.socket.hangUp();
  }

  private receive(frame: Frame): void {
    if (this.over) return;
    this.heard = true;
    switch (frame.kind) {
      case 'greeting':
      case 'proof':
      case 'hello':
        return this.handshake.receive(frame);
      case 'admitted':
        if (!this.handshake.isProved) throw new ProtocolError('an admission came before the proof');
        this.admittedByPeer = true;
        return this.openIfAgreed();
      case 'refuse':
        this.finish({
          state: 'refused',
          detail: frame.sentence,
          refusedBy: 'peer',
        });
        return this.socket.destroy();
      case 'ping':
        this.expectOpen(frame.kind);
        return this.socket.sendHandshake({ kind: 'pong' });
      case 'pong':
        this.expectOpen(frame.kind);
        return this.onPong?.();
      default:
        this.receiveMessage(frame);
    }
  }

  /** A client only calls, and is only answered: no vote, no append and no founder's word passes between it and a node. */
  private receiveMessage(message: PeerMessage): void {
    const sender = this.expectOpen(message.kind);
    if (this.handshake.role === 'client') {
      if (message.kind !== (this.end === 'accepted' ? 'request' : 'response'))
        throw new ProtocolError(
          `a ${message.kind} came over a client's connection, which carries calls and answers alone`,
        );
    } else if (this.end === 'dialled')
      throw new ProtocolError(`a ${message.kind} came over a connection that this node dialled`);
    this.host.message(message, sender);
  }

  /** Who says who it is only to those that it may trust. Where it isn't known who is expected there, that is seen later. */
  private refusalOfDialled(): string | undefined {
    const { dialled, requireNodeName } = this.host;
    const nodeName = dialled === undefined ? '' : this.host.nameAt(dialled);
    if (!requireNodeName || dialled === undefined || nodeName === '') return undefined;
    return certificateRefusal(this.socket.netSocket, { nodeName, addresses: [dialled] });
  }

  private refusalByCertificate(hello: Hello): string | undefined {
    const { netSocket } = this.socket;
    const { host } = this;
    if (hello.role === 'client') return clientCertificateRefusal(netSocket, host.clients ?? {});
    if (!host.requireNodeName) return undefined;
    const addresses = [host.addressOf(hello) ?? hello.advertise];
    if (host.dialled !== undefined) addresses.push(host.dialled);
    return certificateRefusal(netSocket, { nodeName: hello.nodeName, addresses });
  }

  private decide(hello: Hello): void {
    if (this.over) return;
    this.peerHello = hello;
    const refusal = this.host.admit(hello);
    if (refusal !== undefined) return this.refuse(refusal);
    const first = this.admitted === undefined;
    this.admitted = hello;
    if (!first) return;
    this.socket.trustFrames();
    this.socket.sendHandshake({ kind: 'admitted' });
    this.openIfAgreed();
  }

  private openIfAgreed(): void {
    if (this.timer === undefined || !this.isOpen) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.host.opened(this.admitted!);
  }

  private expectOpen(kind: Frame['kind']): Hello {
    if (!this.isOpen) throw new ProtocolError(`a ${kind} came from a peer that isn't admitted`);
    return this.admitted!;
  }

  private finish(end: ConnectionEnd): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.host.ended(end);
  }
}

/** What the system reports of a handshake of TLS that failed; Node gives the first the code of a connection that was cut. */
const TLS_FAILURE = /before secure TLS connection was established|^ERR_(SSL|TLS)_|^EPROTO$|CERT|SIGNATURE/;

function endOf(failure: unknown, isUnheard: boolean): ConnectionEnd {
  if (failure === undefined && !isUnheard) return { state: 'closed', detail: 'the peer closed the connection' };
  const code = errorCode(failure);
  const text = errorText(failure);
  if (isUnheard && (TLS_FAILURE.test(code ?? '') || TLS_FAILURE.test(text)))
    return {
      state: 'closed',
      detail: `the TLS handshake failed (${text}): the peer may have no TLS, or certificates of another authority (\`peers.tls\`)`,
      unheard: true,
    };
  if (isUnheard && (failure === undefined || code === 'ECONNRESET' || code === 'EPIPE'))
    return {
      state: 'closed',
      detail:
        'the peer closed the connection before it said anything: it may ask for TLS and a certificate of its authority (`peers.tls`)',
      unheard: true,
    };
  return {
    state: code === 'ECONNREFUSED' ? 'refused' : 'closed',
    detail: text,
    // What the system reports has a code; what else there is came of reading a frame.
    unreadable: code === undefined,
  };
}
