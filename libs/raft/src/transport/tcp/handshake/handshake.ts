import { ProtocolError, type GreetingFrame, type HandshakeFrame, type HelloFrame, type ProofFrame } from '../../codec';
import type { ConnectionRole } from '../../codec';
import { CLIENT_PROTOCOL_VERSIONS, PROTOCOL_VERSIONS, type Hello } from '../../contract';
import { protocolRefusal } from './admission';
import { noSecretHere, noSecretThere, refusedRole, wrongSecret } from './refusals';
import {
  CHALLENGE_BYTES,
  type ConnectionEndRole,
  type HandshakeTranscript,
  isSameToken,
  makeChallenge,
  makeProof,
  sealOf,
} from './secret-proof';

export interface HandshakePorts {
  /** What this side comes as, where it dialled. */
  readonly comesAs: ConnectionRole;
  /** @returns the secrets of this kind of connection: the first proves, all are accepted; empty where there is none */
  secrets(role: ConnectionRole): readonly string[];
  readonly servesClients: boolean;
  /** Bytes of the TLS session, once it stands. */
  session(): Uint8Array;
  hello(): Hello;
  /** Whether the dialled peer may hear who this is, by its certificate. @returns the sentence to refuse it with */
  refusalOfDialled(): string | undefined;
  /** Whether this is what its certificate says it is. @returns the sentence to refuse it with */
  refusalOf(hello: Hello): string | undefined;
  send(frame: HandshakeFrame): void;
  /** Ends the connection, and tells the other side why. */
  refuse(sentence: string): void;
  /** The other side proved that it may speak, and said who it is: for the first time, or again. */
  introduced(hello: Hello): void;
}

/**
 * How two ends of a connection come to know each other. Nothing about the cluster is said before the other side has proved
 * itself:
 *
 * greeting → ← greeting, proof → ← proof (where there is a secret), hello → ← hello.
 *
 * The dialler proves first, so that a stranger who dials learns nothing. A stranger who is dialled gets a proof that holds for
 * this one connection. Without a secret the hellos follow the greetings; with TLS, certificates were checked before.
 */
export class Handshake {
  private own: GreetingFrame | undefined;
  private theirs: GreetingFrame | undefined;
  private known: HandshakeTranscript | undefined;
  /** The one that both sides know. */
  private secret: string | undefined;
  private proved = false;
  private isIntroduced = false;

  constructor(
    private readonly end: ConnectionEndRole,
    private readonly ports: HandshakePorts,
  ) {}

  /** What the dialler comes as, as far as this is known. */
  get role(): ConnectionRole | undefined {
    return this.end === 'dialled' ? this.ports.comesAs : this.theirs?.role;
  }

  /** Whether the other side has shown that it may hear who this is. */
  get isProved(): boolean {
    return this.proved;
  }

  /** The connection is there: the dialler speaks first. */
  begin(): void {
    if (this.end === 'dialled') this.greet(this.ports.comesAs);
  }

  /** Says hello again, where it was said before. */
  announce(): void {
    if (this.isIntroduced) this.introduce();
  }

  /** @throws ProtocolError for a frame that isn't due */
  receive(frame: GreetingFrame | ProofFrame | HelloFrame): void {
    switch (frame.kind) {
      case 'greeting':
        return this.receiveGreeting(frame);
      case 'proof':
        return this.receiveProof(frame.proof);
      case 'hello':
        return this.receiveHello(frame);
    }
  }

  private greet(role: ConnectionRole): void {
    const own: GreetingFrame = {
      kind: 'greeting',
      protocol: role === 'client' ? CLIENT_PROTOCOL_VERSIONS : PROTOCOL_VERSIONS,
      role,
      challenge: makeChallenge(),
      asksForProof: this.ports.secrets(role).length > 0,
    };
    this.own = own;
    this.ports.send(own);
  }

  private receiveGreeting(greeting: GreetingFrame): void {
    if (this.theirs !== undefined) throw new ProtocolError('a second greeting came');
    this.theirs = greeting;
    const refusal = protocolRefusal(greeting) ?? this.roleRefusal(greeting) ?? this.secretRefusal(greeting);
    if (refusal !== undefined) return this.ports.refuse(refusal);
    if (greeting.challenge.length !== CHALLENGE_BYTES)
      throw new ProtocolError(`a challenge has ${greeting.challenge.length} bytes, not ${CHALLENGE_BYTES}`);
    if (this.end === 'accepted') this.greet(greeting.role);
    const [secret] = this.ports.secrets(greeting.role);
    if (secret === undefined) this.proved = true;
    if (this.end === 'accepted') return;
    if (secret === undefined) this.introduce();
    else this.ports.send({ kind: 'proof', proof: makeProof(secret, this.end, this.transcript()) });
  }

  private roleRefusal({ role }: GreetingFrame): string | undefined {
    if (this.end === 'dialled') return role === this.ports.comesAs ? undefined : refusedRole('dialled');
    return role === 'client' && !this.ports.servesClients ? refusedRole('noClients') : undefined;
  }

  private secretRefusal({ role, asksForProof }: GreetingFrame): string | undefined {
    const asksHere = this.ports.secrets(role).length > 0;
    if (asksHere === asksForProof) return undefined;
    return asksHere ? noSecretThere(role === 'client', this.end) : noSecretHere(role === 'client', this.end);
  }

  private receiveProof(proof: Uint8Array): void {
    const { theirs } = this;
    if (theirs === undefined || this.proved) throw new ProtocolError("a proof came that wasn't due");
    const prover = this.end === 'dialled' ? 'accepted' : 'dialled';
    const transcript = this.transcript();
    const secrets = this.ports.secrets(theirs.role);
    this.secret = secrets.find((secret) => isSameToken(proof, makeProof(secret, prover, transcript)));
    if (this.secret === undefined) return this.ports.refuse(wrongSecret(theirs.role === 'client', this.end));
    this.proved = true;
    if (this.end === 'dialled') return this.introduce();
    // By the secret that the dialler knows, too: so nodes may get a new one, one after the other.
    this.ports.send({ kind: 'proof', proof: makeProof(this.secret, this.end, transcript) });
  }

  private introduce(): void {
    const refusal = this.end === 'dialled' && !this.isIntroduced ? this.ports.refusalOfDialled() : undefined;
    if (refusal !== undefined) return this.ports.refuse(refusal);
    this.isIntroduced = true;
    const hello = this.ports.hello();
    const seal = this.secret === undefined ? new Uint8Array() : sealOf(this.secret, this.end, this.transcript(), hello);
    this.ports.send({ kind: 'hello', hello, seal });
  }

  private receiveHello({ hello, seal }: HelloFrame): void {
    const { theirs } = this;
    if (!this.proved || theirs === undefined) throw new ProtocolError('a hello came before the proof');
    const isClient = this.end === 'accepted' && theirs.role === 'client';
    if ((hello.role === 'client') !== isClient) return this.ports.refuse(refusedRole('changed'));
    if (this.secret !== undefined) {
      const sender = this.end === 'dialled' ? 'accepted' : 'dialled';
      if (!isSameToken(seal, sealOf(this.secret, sender, this.transcript(), hello)))
        throw new ProtocolError("a hello isn't sealed for this connection: it was changed on the way");
    }
    const refusal = this.ports.refusalOf(hello);
    if (refusal !== undefined) return this.ports.refuse(refusal);
    // The dialler has said who it is, and may hear it, too, admitted or not: a node finds out by it that its store is too old.
    if (!this.isIntroduced) this.introduce();
    this.ports.introduced(hello);
  }

  private transcript(): HandshakeTranscript {
    const { own, theirs } = this;
    if (own === undefined || theirs === undefined) throw new ProtocolError('a frame came before the greeting');
    const [dialler, acceptor] = this.end === 'dialled' ? [own, theirs] : [theirs, own];
    this.known ??= { dialler, acceptor, session: this.ports.session() };
    return this.known;
  }
}
