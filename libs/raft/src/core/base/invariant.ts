/**
 * Something happened that a correct Raft can't do, or a store lost what it had acknowledged. The node that meets it stops:
 * going on would spread the damage.
 *
 * @publicApi
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * Holds always, not only in tests.
 *
 * @param describe what is wrong, with the numbers that show it; called only on failure
 * @throws InvariantError
 */
export function invariant(holds: boolean, describe: () => string): asserts holds {
  if (!holds) throw new InvariantError(describe());
}

/**
 * This store holds less than it had promised: it was put back to an earlier state, or its disk lied. What is missing is the
 * cluster's, not this node's to judge, so the node stops for good instead of taking part with what is left.
 *
 * @publicApi
 */
export class RolledBackStoreError extends Error {
  override readonly name = 'RolledBackStoreError';
}

/** A switch that misses a case doesn't compile. */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected ${JSON.stringify(value)}`);
}
