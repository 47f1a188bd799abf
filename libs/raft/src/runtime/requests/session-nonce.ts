const OF_A_NODE = 0x8000_0000;

/** The nonce of a session that a program opens: 31 bits of chance. */
export function clientNonce(chance: number): number {
  return chance & 0x7fff_ffff;
}

/** That of one by which a node, or a client, sends its callers' commands on: nobody asked for it, and nobody closes it. */
export function nodeNonce(chance: number): number {
  return (chance | OF_A_NODE) >>> 0;
}

/** Whether a session is one of the latter: its id ends with its nonce. */
export function isOfNode(sessionId: string): boolean {
  return Number.parseInt(sessionId.slice(sessionId.indexOf('.') + 1), 16) >= OF_A_NODE;
}
