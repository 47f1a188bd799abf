import type { Hello } from '../contract';

/** Who is there, and, where a secret is configured, what the other side has to prove that it knows it over. */
export interface HelloFrame {
  readonly kind: 'hello';
  readonly hello: Hello;
  /** Random bytes of this connection; empty where the sender has no secret. */
  readonly challenge: Uint8Array;
}

/** The answer to the other side's challenge. */
export interface ProofFrame {
  readonly kind: 'proof';
  readonly proof: Uint8Array;
}

/** The receiver's hello was admitted: from here on, messages may come. */
export interface AdmittedFrame {
  readonly kind: 'admitted';
}

/** The receiver is turned away, and why. The connection ends behind it. */
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
export type HandshakeFrame = HelloFrame | ProofFrame | AdmittedFrame | RefuseFrame | PingFrame | PongFrame;
