import { failed } from '../sessions/command-failure';
import type { RunOutcome } from '../entries/run-outcome';

/**
 * A statement of a command is wrong for the schema of this node's database: a column, table or function that isn't there, wrong
 * syntax. Whether that is an answer depends on the schemas of the other nodes. Nothing of the batch is there.
 */
export class SqlMistakeError extends Error {
  override readonly name = 'SqlMistakeError';

  constructor(
    /** The command. */
    readonly index: number,
    readonly sqlState: string,
    override readonly cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause));
  }

  /** A statement that was prepared before the schema was changed fails so in its session alone. */
  get isOfSession(): boolean {
    return this.sqlState === '0A000' || this.sqlState === '42P05';
  }

  /** Rights belong to the role that this node connects as: another node's may have them. */
  get isOfNode(): boolean {
    return this.sqlState === '42501';
  }
}

/** The tables were changed since their schema was read: what the commands did was rolled back, and is judged by the new one. */
export class SchemaChangedError extends Error {
  override readonly name = 'SchemaChangedError';
}

/** The server's text isn't in it: that follows its language and version. */
export function outcomeOfMistake(method: string, sqlState: string): RunOutcome {
  return failed(
    `${method} sent a statement that the database can't run (SQLSTATE ${sqlState}). Nothing of the command was applied. ` +
      'That is a bug of the state machine, or a migration that no node has run; the nodes’ logs have the statement’s error.',
  );
}
