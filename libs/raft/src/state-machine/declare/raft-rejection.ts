/** Across copies of the package (two versions in one tree), the brand tells, not `instanceof`. */
const BRAND: unique symbol = Symbol.for('nestjs-raft.rejection') as never;

/**
 * A command's or a query's refusal: the caller gets a `RaftError` of code `RAFT_REJECTED` with this reason and these details,
 * on whichever node it called. What the command changed before it threw stays changed, on every node alike: check first,
 * then change.
 *
 * @example
 * ```ts
 * if (balance < amount) throw new RaftRejection('INSUFFICIENT_FUNDS', { balance });
 * ```
 * @publicApi
 */
export class RaftRejection extends Error {
  readonly reason: string;
  readonly details: unknown;
  readonly [BRAND] = true;

  /**
   * @param reason a short constant that callers compare with
   * @param details plain data for the caller
   */
  constructor(reason: string, details?: unknown) {
    super(`refused: ${reason}`);
    this.name = 'RaftRejection';
    this.reason = reason;
    this.details = details;
  }
}

/** @returns whether `value` is a {@link RaftRejection}, of whichever copy of this package @publicApi */
export function isRaftRejection(value: unknown): value is RaftRejection {
  return typeof value === 'object' && value !== null && BRAND in value;
}
