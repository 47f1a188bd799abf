import type { Hello, PeerMessage } from '../contract';
import { ProtocolError, type Frame, type HelloFrame } from '../codec';
import { certificateRefusal, clientCertificateRefusal, protocolRefusal } from './admission';
import { errorCode, errorText } from './error-text';
import type { RaftTcpSocket } from './raft-tcp-socket';
import { isProof, makeChallenge, makeProof, sessionBytes, type ConnectionEndRole } from './secret-proof';
import { noSecretHere, noSecretThere, refusedRole, wrongSecret } from './refusals';
import type { ClientAdmission } from './tcp-transport-options';

/** How a connection ended, in the terms of `PeerConnectionState`. */
export interface ConnectionEnd {
  readonly state: 'closed' | 'refused';
  readonly detail: string;
  /** Who turned whom away, where it came to that. */
  readonly refusedBy?: 'peer' | 'us';
  /** The peer sent what isn't the protocol, or what is damaged, or what this side failed over. */
  readonly unreadable?: boolean;
}

/** What a connection needs to know, and whom it tells. */
export interface ConnectionHost {
  /** Of this side and its peers; on a client's side, of clients. */
  readonly secret: string | undefined;
  /** How clients prove that they may come; undefined where none may. */
  readonly clients?: ClientAdmission | undefined;
  readonly helloTimeoutMs: number;
  readonly requireNodeName: boolean;
  hello(): Hello;
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
 * One connection, from either end: introduces itself, proves and checks the secret where there is one, asks whether the peer is
 * to be admitted, and only then lets messages through.
 *
 * Both ends do the same: hello → (proof, where a secret is configured) → admitted, or refuse. Who comes as a client proves another
 * secret, stays a client, and is let through with calls alone.
 */
export class PeerConnection {
  readonly socket: RaftTcpSocket;
  /** Set by the side that pings. */
  onPong: (() => void) | undefined;
  private readonly role: ConnectionEndRole;
  private readonly host: ConnectionHost;
  private readonly challenge: Uint8Array;
  private timer: NodeJS.Timeout | undefined;
  /** What this side said of itself when it was challenged: the proof is about that. */
  private introducedAs: Hello | undefined;
  /** The first that came, which the peer's proof is about. */
  private peerIntroduction: HelloFrame | undefined;
  /** The last that came. */
  private peerHello: Hello | undefined;
  private proved = false;
  private admittedPeer: Hello | undefined;
  private admittedByPeer = false;
  private over = false;

  constructor(socket: RaftTcpSocket, role: ConnectionEndRole, host: ConnectionHost) {
    this.socket = socket;
    this.role = role;
    this.host = host;
    const asksForProof = host.secret !== undefined || host.clients?.secret !== undefined;
    this.challenge = asksForProof ? makeChallenge() : new Uint8Array();
    let failure: unknown;
    socket.on('message', (frame: Frame) => this.receive(frame));
    socket.on('error', (error: unknown) => {
      failure ??= error;
    });
    socket.on('close', () => this.finish(endOf(failure)));
  }

  get isOpen(): boolean {
    return !this.over && this.admittedByPeer && this.admittedPeer !== undefined;
  }

  /** The name that the peer gave itself, admitted or not. */
  get peerName(): string | undefined {
    return this.peerHello?.nodeName;
  }

  /** The socket is connected: introduces this side, and gives the other so long to do the same. */
  introduce(): void {
    this.timer = setTimeout(
      () => this.close(`the hello wasn't answered within ${this.host.helloTimeoutMs} ms`),
      this.host.helloTimeoutMs,
    );
    this.sendHello();
  }

  /** Introduces this side anew, where it did so before. */
  announce(): void {
    if (this.introducedAs !== undefined && !this.over) this.sendHello();
  }

  ping(): void {
    this.socket.sendHandshake({ kind: 'ping' });
  }

  /** Ends it from here; the host hears why. */
  close(detail: string): void {
    this.finish({ state: 'closed', detail });
    this.socket.destroy();
  }

  /** Ends it, and tells nobody; what was handed over before goes out. */
  drop(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.socket.hangUp();
  }

  private sendHello(): void {
    const hello = this.host.hello();
    this.introducedAs ??= hello;
    this.socket.sendHandshake({
      kind: 'hello',
      hello,
      challenge: this.challenge,
    });
  }

  private receive(frame: Frame): void {
    if (this.over) return;
    switch (frame.kind) {
      case 'hello':
        return this.receiveHello(frame);
      case 'proof':
        return this.receiveProof(frame.proof);
      case 'admitted':
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
        this.expectAdmitted(frame.kind);
        return this.socket.sendHandshake({ kind: 'pong' });
      case 'pong':
        this.expectAdmitted(frame.kind);
        return this.onPong?.();
      default:
        this.receiveMessage(frame);
    }
  }

  /** A client only calls, and is only answered: no vote, no append and no founder's word passes between it and a node. */
  private receiveMessage(message: PeerMessage): void {
    const sender = this.expectAdmitted(message.kind);
    if (this.isClients && message.kind !== (this.role === 'accepted' ? 'request' : 'response'))
      throw new ProtocolError(
        `a ${message.kind} came over a client's connection, which carries calls and answers alone`,
      );
    this.host.message(message, sender);
  }

  private receiveHello(frame: HelloFrame): void {
    this.peerHello = frame.hello;
    if (this.peerIntroduction === undefined) {
      this.peerIntroduction = frame;
      const refusal = protocolRefusal(frame.hello) ?? this.roleRefusal(frame.hello) ?? this.secretRefusal(frame);
      if (refusal !== undefined) return this.refuse(refusal);
      this.proved = this.secret === undefined;
      this.prove(frame.challenge);
    }
    // What was proved, was proved as a client, or as a node.
    else if (frame.hello.role !== this.peerIntroduction.hello.role) return this.refuse(refusedRole('changed'));
    if (this.proved) this.decide(frame.hello);
  }

  /** Whether one of the two ends is a client. */
  private get isClients(): boolean {
    return this.introducedAs?.role === 'client' || this.peerIntroduction?.hello.role === 'client';
  }

  private get secret(): string | undefined {
    return this.peerIntroduction?.hello.role === 'client' ? this.host.clients?.secret : this.host.secret;
  }

  private roleRefusal({ role }: Hello): string | undefined {
    if (role !== 'client') return undefined;
    if (this.role === 'dialled') return refusedRole('dialled');
    return this.host.clients === undefined ? refusedRole('noClients') : undefined;
  }

  private secretRefusal({ challenge }: HelloFrame): string | undefined {
    if (this.secret !== undefined) return challenge.length === 0 ? noSecretThere(this.isClients) : undefined;
    // A peer that gets no challenge refuses by itself; this side's may be for clients, or for peers.
    return challenge.length > 0 && this.challenge.length > 0 ? noSecretHere(this.isClients) : undefined;
  }

  private prove(challenge: Uint8Array): void {
    const { secret } = this;
    if (secret === undefined || this.introducedAs === undefined) return;
    const proof = makeProof(secret, {
      prover: this.role,
      isClients: this.isClients,
      challenge,
      ownChallenge: this.challenge,
      hello: this.introducedAs,
      session: sessionBytes(this.socket.netSocket),
    });
    this.socket.sendHandshake({ kind: 'proof', proof });
  }

  private receiveProof(proof: Uint8Array): void {
    const { secret } = this;
    if (secret === undefined) return;
    if (this.peerIntroduction === undefined || this.peerHello === undefined)
      throw new ProtocolError('a proof came before the hello');
    const { hello, challenge } = this.peerIntroduction;
    const genuine = isProof(proof, secret, {
      prover: this.role === 'dialled' ? 'accepted' : 'dialled',
      isClients: this.isClients,
      challenge: this.challenge,
      ownChallenge: challenge,
      hello,
      session: sessionBytes(this.socket.netSocket),
    });
    if (!genuine) return this.refuse(wrongSecret(this.isClients));
    this.proved = true;
    this.decide(this.peerHello);
  }

  private decide(hello: Hello): void {
    const refusal = this.certificateRefusalOf(hello) ?? this.host.admit(hello);
    if (refusal !== undefined) return this.refuse(refusal);
    const first = this.admittedPeer === undefined;
    this.admittedPeer = hello;
    if (!first) return;
    this.socket.trustFrames();
    this.socket.sendHandshake({ kind: 'admitted' });
    this.openIfAgreed();
  }

  private certificateRefusalOf(hello: Hello): string | undefined {
    const { netSocket } = this.socket;
    return hello.role === 'client'
      ? clientCertificateRefusal(netSocket, this.host.clients ?? {})
      : certificateRefusal(netSocket, hello, this.host);
  }

  private openIfAgreed(): void {
    if (this.timer === undefined || !this.isOpen) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.host.opened(this.admittedPeer!);
  }

  private refuse(sentence: string): void {
    this.finish({ state: 'refused', detail: sentence, refusedBy: 'us' });
    this.socket.endWith({ kind: 'refuse', sentence }, REFUSAL_GRACE_MS);
  }

  private expectAdmitted(kind: Frame['kind']): Hello {
    if (this.admittedPeer === undefined) throw new ProtocolError(`a ${kind} came from a peer that isn't admitted`);
    return this.admittedPeer;
  }

  private finish(end: ConnectionEnd): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timer);
    this.host.ended(end);
  }
}

function endOf(failure: unknown): ConnectionEnd {
  if (failure === undefined) return { state: 'closed', detail: 'the peer closed the connection' };
  const code = errorCode(failure);
  return {
    state: code === 'ECONNREFUSED' ? 'refused' : 'closed',
    detail: errorText(failure),
    // What the system reports has a code; what else there is came of reading a frame.
    unreadable: code === undefined,
  };
}
