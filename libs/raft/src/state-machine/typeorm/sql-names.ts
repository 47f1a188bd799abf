export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** What this library keeps in a schema of its own. */
export interface OwnNames {
  readonly schema: string;
  readonly state: string;
  readonly outcome: string;
  readonly mistake: string;
  /** @returns the qualified name of one of our functions */
  readonly of: (name: string) => string;
}

export function ownNames(schema: string): OwnNames {
  const of = (name: string): string => `${quoted(schema)}.${quoted(name)}`;
  return {
    schema,
    state: of('raft_tables_state'),
    outcome: of('raft_tables_outcome'),
    mistake: of('raft_tables_mistake'),
    of,
  };
}

/** The session's setting without which the tables can't be written: `apply`, `restore` or, by hand, `maintenance`. */
export const WRITER = 'nestjs_raft.writer';
/** What the statements of a transaction have changed of the content's hash. */
export const HASH_CHANGE = 'nestjs_raft.hash_change';
/** The cluster's time and the seed of the command that runs, where it asked for them in SQL. */
export const NOW = 'nestjs_raft.now';
export const SEED = 'nestjs_raft.seed';
export const DRAWS = 'nestjs_raft.draws';

/** The hash is a sum modulo this. */
export const HASH_MODULUS = '18446744073709551616';
