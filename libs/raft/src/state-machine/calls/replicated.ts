import type { CommandContext, QueryContext } from '../declare/command-context';
import type { SessionCalls } from '../entries/session-calls';

/** A result and the log index that it belongs to. */
interface At<R> {
  readonly value: R;
  /** Of a command its own index; of a query the index up to which the state was applied. */
  readonly index: number;
}

type IsAny<T> = 0 extends 1 & T ? true : false;

/** What a method's first parameter says that it is; a plain method, or one whose first parameter is `any`, is neither. */
type RoleOf<M> = M extends (...args: infer P) => unknown
  ? P extends readonly [infer First, ...unknown[]]
    ? IsAny<First> extends true
      ? never
      : First extends CommandContext
        ? 'command'
        : First extends QueryContext
          ? 'query'
          : never
    : never
  : never;

type Call<M, Answer extends 'value' | 'ordered'> = M extends (context: never, ...args: infer A) => infer R
  ? (...args: A) => Promise<Answer extends 'ordered' ? At<Awaited<R>> : Awaited<R>>
  : never;

type Calls<T, Role extends 'command' | 'query', Answer extends 'value' | 'ordered'> = {
  readonly [
    K in keyof T as RoleOf<T[K]> extends infer Found
      ? [Found] extends [never]
        ? never
        : Found extends Role
          ? K
          : never
      : never
  ]: Call<T[K], Answer>;
};

interface QueryOptionMethods<T, Answer extends 'value' | 'ordered'> {
  /** Answers come as `{ value, index }`. */
  $ordered(): ReplicatedQueries<T, 'ordered'>;

  /** @param timeoutMs how long a call waits for its answer, elections included. Default: the module's `requestTimeoutMs` */
  $timeout(timeoutMs: number): ReplicatedQueries<T, Answer>;
}

/** The queries of a state machine, of a consistency that was chosen. @publicApi */
export type ReplicatedQueries<T, Answer extends 'value' | 'ordered' = 'value'> = Calls<T, 'query', Answer> &
  QueryOptionMethods<T, Answer>;

interface OptionMethods<T, Answer extends 'value' | 'ordered'> {
  /** Results come as `{ value, index }`. */
  $ordered(): Replicated<T, 'ordered'>;

  /** @param timeoutMs how long a call waits for its answer, elections included. Default: the module's `requestTimeoutMs` */
  $timeout(timeoutMs: number): Replicated<T, Answer>;

  /**
   * Commands in a client session, which are applied once however often they are sent. They may fail with `RAFT_SESSION_EXPIRED`.
   *
   * @param session of `RaftService.openSession()`: each call is another command. Or a ticket of its `reserve()`: the calls are
   *   attempts at one command, and all that succeed have the answer of the first
   */
  $session(session: SessionCalls): Replicated<T, Answer>;

  /**
   * Commands that are applied once for this key, which counts for ten minutes and in the whole group: calls with the same key are
   * attempts at one command. With another command, or other arguments, they fail with `RAFT_CONFLICT`.
   *
   * @param key 1 to 255 bytes of UTF-8
   */
  $idempotencyKey(key: string): Replicated<T, Answer>;

  /**
   * Commands on behalf of somebody else, such as a user or an address: what they take of places that the group keeps (idempotency
   * keys, locks) is bounded for each caller by the options `limits.max…PerCaller`, else `RAFT_BUSY` says when one may be free.
   *
   * @param caller 1 to 255 bytes of UTF-8, the same for all calls of one caller
   */
  $caller(caller: string): Replicated<T, Answer>;

  /**
   * Queries of this node's own state, without asking the leader: they may be behind, and never are ahead of what is committed.
   *
   * @param bound `maxLagMs`: how old the state may be, in milliseconds; where it is older, or of unknown age, a query fails with
   *   `RAFT_LAGGING`. Default: any age
   */
  $stale(bound?: { readonly maxLagMs?: number }): ReplicatedQueries<T, Answer>;

  /**
   * Queries of this node's own state, once it has applied the entry `index`: a caller that passes the index of its own write
   * (`$ordered()`) reads it back on any node. Where it takes longer than the time-out, a query fails with `RAFT_LAGGING`.
   */
  $after(index: number): ReplicatedQueries<T, Answer>;

  /** Queries confirmed by the leader's lease, which saves a round; linearizable while clocks drift by less than was configured. Where lease reads are off, they are linearizable reads. */
  $lease(): ReplicatedQueries<T, Answer>;
}

/**
 * A state machine as its callers see it: exactly its decorated methods, without their context, as promises, and the `$`
 * options. Commands are the methods whose first parameter is a {@link CommandContext}, queries those with a
 * {@link QueryContext}. What is returned by an option is an object like this one and may be kept.
 *
 * A generic method loses its type parameter here, and of an overloaded one the last signature is seen.
 *
 * Every method fails with a `RaftError`: `RAFT_REJECTED` where the command refused (its reason and details in it) or failed
 * (reason `COMMAND_FAILED` or `QUERY_FAILED`: a bug of the machine, in the nodes' logs), and the codes of the way there.
 * Arguments that aren't plain data fail with an `UnsupportedValueError` before anything is sent.
 *
 * @example
 * ```ts
 * constructor(@InjectStateMachine(Counters) private readonly counters: Replicated<Counters>) {}
 *
 * await this.counters.increment('visits');
 * await this.counters.$stale().current('visits');
 * const { value, index } = await this.counters.$ordered().increment('visits', 2);
 * ```
 * @publicApi
 */
export type Replicated<T, Answer extends 'value' | 'ordered' = 'value'> = Calls<T, 'command' | 'query', Answer> &
  OptionMethods<T, Answer>;
