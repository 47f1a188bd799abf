import type { Replicated } from '../../../state-machine/calls/replicated';
import { checkedCount } from '../shared/checked';
import type { PrimitiveParts } from '../../common/primitive';
import { type RaftReadOptions, readsOf } from '../shared/read-options';
import { refusing, type Refusals } from '../shared/refusals';
import type { CounterMachine } from './counter.machine';

const CONFLICT: Refusals = {
  CONFLICT: [
    'RAFT_CONFLICT',
    (details) =>
      `The counter has another value than expected: ${(details as { readonly value: number }).value}. Nothing was changed. Read it, and decide again.`,
  ],
};

/**
 * A replicated counter, a whole number from -(2^53 - 1) to 2^53 - 1. Inject it with `@InjectRaftCounter('name')`.
 *
 * Every method fails with a `RaftError`. After `RAFT_INDETERMINATE` or `RAFT_TIMEOUT` it isn't known whether it was counted, and counting
 * again may count twice: where that matters, use {@link compareAndSet}. Beyond its bounds a counter refuses with
 * `RAFT_REJECTED`, reason `OVERFLOW`.
 *
 * @example
 * ```ts
 * const visits = await this.visits.increment();
 * ```
 * @publicApi
 */
export class RaftCounter {
  private readonly caller: Replicated<CounterMachine>;

  constructor(
    /** The counter's name. */
    readonly name: string,
    parts: PrimitiveParts,
  ) {
    this.caller = parts.caller as Replicated<CounterMachine>;
  }

  /** @returns the value; 0 of a counter that was never counted */
  async get(options?: RaftReadOptions): Promise<number> {
    return readsOf(this.caller, options).get(this.name);
  }

  /** @param by a whole number; default 1. @returns the new value */
  async increment(by = 1): Promise<number> {
    return this.caller.add(this.name, this.checked('The step', by));
  }

  /** @param by a whole number; default 1. @returns the new value */
  async decrement(by = 1): Promise<number> {
    return this.caller.add(this.name, -this.checked('The step', by));
  }

  /** @returns the value before */
  async set(value: number): Promise<number> {
    return this.caller.set(this.name, this.checked('The value', value));
  }

  /**
   * Sets it, where it has the expected value still.
   *
   * @throws RaftError `RAFT_CONFLICT`; `details.value` is the value that it has
   */
  async compareAndSet(expected: number, value: number): Promise<void> {
    const from = this.checked('The expected value', expected);
    await refusing(CONFLICT, this.caller.set(this.name, this.checked('The value', value), from));
  }

  private checked(what: string, value: number): number {
    return checkedCount(`${what} of the counter '${this.name}'`, value, Number.MIN_SAFE_INTEGER);
  }
}
