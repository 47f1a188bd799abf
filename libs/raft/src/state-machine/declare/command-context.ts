import type { CommandSession } from '../entries/command-envelope';

declare const COMMAND: unique symbol;
declare const QUERY: unique symbol;
declare const ASYNCHRONOUS: unique symbol;

/**
 * The first parameter of every command: what the command may depend on beside its arguments and the machine's own state. All
 * of it is the same on every node, which the wall clock, `Math.random()` and injected services are not.
 *
 * @publicApi
 */
export abstract class CommandContext {
  declare protected readonly [COMMAND]: never;

  /** The command's place in the log. It only grows, so that it serves as a version or a fencing token. */
  abstract readonly index: number;

  /** The term of the leader that took the command. */
  abstract readonly term: number;

  /** The cluster's time in milliseconds since 1970: the leader's, and never behind that of the command before. */
  abstract readonly now: number;

  /** Which of a client's commands this is, where it was called in a session. */
  abstract readonly session: CommandSession | undefined;

  /** {@link now} as a Date. */
  abstract date(): Date;

  /** @returns a number in [0, 1), the same on every node; it can be foretold, so it makes no secrets */
  abstract random(): number;

  /**
   * Tells those who watch this machine on the node that runs the command, once it is applied: `RaftService.changes(Class)`. It
   * is no part of the state, of a result or of a snapshot, and nobody need be listening.
   *
   * @param change plain data; it is frozen
   * @throws UnsupportedValueError it isn't plain data
   */
  abstract emit(change: unknown): void;
}

/**
 * The first parameter of a command whose state isn't in the process: such a command may be async, and waits for its state alone.
 *
 * @publicApi
 */
export abstract class AsyncCommandContext extends CommandContext {
  declare protected readonly [ASYNCHRONOUS]: never;
}

/**
 * The first parameter of every query.
 *
 * @publicApi
 */
export abstract class QueryContext {
  declare protected readonly [QUERY]: never;

  /** The last command that the state holds. */
  abstract readonly index: number;

  /** The term of that command. */
  abstract readonly term: number;

  /** The cluster's time in milliseconds since 1970, as of the last entry that carried one; 0 before the first. */
  abstract readonly now: number;
}
