import type { Hello, Boot } from '../../transport/contract';

/** The lives that a node says it has lived: the present one, and those before it that it still knows, newest first. */
export interface BootChain extends Boot {
  readonly earlier: readonly Boot[];
}

/**
 * What somebody remembers of a node, held against what the node says of itself. `same`: this very life. `later`: lives of
 * which it wasn't heard came in between, or none. `unknown`: so many that the node's memory doesn't reach back. `earlier`: the
 * node doesn't know of the life that is remembered, though it knows its time: either its store was put back to an earlier
 * state, or this is a process of old that has been replaced since.
 */
export type Continuation = 'same' | 'later' | 'unknown' | 'earlier';

/** A start that never said who it is, because it was killed before, is remembered by nobody: gaps are no sign of anything. */
export function continuationOf(remembered: Boot, told: BootChain): Continuation {
  if (remembered.number > told.number) return 'earlier';
  if (remembered.number === told.number) return remembered.nonce === told.nonce ? 'same' : 'earlier';
  const known = told.earlier.find(({ number }) => number === remembered.number);
  if (known !== undefined) return known.nonce === remembered.nonce ? 'later' : 'earlier';
  const oldest = told.earlier.at(-1)?.number ?? told.number;
  // Of a chain that was cut to its length, the part before is forgotten; a whole chain has no part before.
  return remembered.number < oldest && told.earlier.length >= REMEMBERED_BOOTS ? 'unknown' : 'earlier';
}

/** How many of its lives a node tells of. */
export const REMEMBERED_BOOTS = 32;

export function bootChainOf(hello: Hello): BootChain {
  return { number: hello.epoch, nonce: hello.bootNonce, earlier: hello.earlierBoots };
}

/**
 * @param chain the lives that the store's notes tell of, newest first
 * @param previous the nonce of the start before this one, as the store has it, whether that start wrote notes or not
 */
export function nextBoot(chain: readonly Boot[], number: number, nonce: string, previous: string | null): BootChain {
  const before = { number: number - 1, nonce: previous ?? '' };
  const isMissing = previous !== null && chain[0]?.number !== before.number;
  return { number, nonce, earlier: (isMissing ? [before, ...chain] : chain).slice(0, REMEMBERED_BOOTS) };
}
