import type { Hello } from '../contract';

/** What the dialler of a connection comes as. */
export type ConnectionRole = 'peer' | 'client';

/** The first frame on each connection, from the dialler, and then from who accepted it. It says nothing about the cluster. */
export interface GreetingFrame {
  readonly kind: 'greeting';
  readonly protocol: { readonly min: number; readonly max: number };
  readonly role: ConnectionRole;
  /** Random bytes of this connection, which the other side's proof is about. */
  readonly challenge: Uint8Array;
  /** Whether the sender has a secret, and wants a proof that the other side knows it. */
  readonly asksForProof: boolean;
}

/** Shows that the sender knows the secret. The dialler proves first, so that a stranger who dials learns nothing. */
export interface ProofFrame {
  readonly kind: 'proof';
  readonly proof: Uint8Array;
}

/** Who is there. */
export interface HelloFrame {
  readonly kind: 'hello';
  readonly hello: Hello;
  /** Binds the hello to this connection; empty where there is no secret. */
  readonly seal: Uint8Array;
}

/** The receiver's hello was admitted: from here on, messages may come. */
export interface AdmittedFrame {
  readonly kind: 'admitted';
}

/** The receiver is turned away, and why. The connection ends after it. */
export interface RefuseFrame {
  readonly kind: 'refuse';
  readonly sentence: string;
}

/** Asks a peer that may be gone without a word (a pulled cable sends no FIN) whether it still answers. */
export interface PingFrame {
  readonly kind: 'ping';
}

export interface PongFrame {
  readonly kind: 'pong';
}

/** What a transport says for itself; never handed to the node. */
export type HandshakeFrame =
  GreetingFrame | ProofFrame | HelloFrame | AdmittedFrame | RefuseFrame | PingFrame | PongFrame;
