import type { SessionSequences } from './session-sequences';

/** A client session that this node has opened for the commands that it sends on. */
export interface OpenSession {
  readonly id: string;
  readonly sequences: SessionSequences;
  usedAtMs: number;
}

/** A command's place in a session of this node. */
export interface RelayPlace {
  readonly session: OpenSession;
  readonly sequence: number;
  /** The command as its caller gave it. */
  readonly command: Uint8Array;
}
