import type { QueryRunner } from 'typeorm';

export interface ColumnDefault {
  /** Qualified and quoted. */
  readonly table: string;
  readonly column: string;
  /** As the database gives it back. */
  readonly expression: string;
}

/** Columns that are filled before an entity is inserted: qualified table name → column names. */
export type FilledColumns = ReadonlyMap<string, ReadonlySet<string>>;

const TIME =
  /\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(|\b(CURRENT_(TIMESTAMP|DATE|TIME)|LOCALTIME(STAMP)?)\b/i;
const WHO = /\b(CURRENT_USER|SESSION_USER|CURRENT_ROLE|CURRENT_CATALOG|inet_client_addr|pg_backend_pid)\b/i;
const WITHOUT_LITERALS = /'(?:[^']|'')*'/g;
const CALLS = /([A-Za-z_][A-Za-z0-9_]*)\s*\(/g;

/** The only function with a memory that every node has alike: its sequence is replicated. */
const REPLICATED = new Set(['nextval']);

/**
 * Finds defaults that the database would compute otherwise on another node or at another time. Those that TypeORM's own columns
 * have are filled in before the insert; a statement in plain SQL has to name them.
 */
export async function checkDefaults(
  queryRunner: QueryRunner,
  defaults: readonly ColumnDefault[],
  filled: FilledColumns,
): Promise<{ readonly faults: readonly string[]; readonly filled: ReadonlyMap<string, ReadonlySet<string>> }> {
  const volatile = await volatileFunctions(queryRunner, defaults);
  const faults: string[] = [];
  const varying = new Map<string, Set<string>>();
  for (const { table, column, expression } of defaults) {
    const bare = expression.replace(WITHOUT_LITERALS, '');
    const varies = TIME.test(bare) || WHO.test(bare) || callsIn(bare).some((name) => volatile.has(name));
    if (!varies) continue;
    if (filled.get(table)?.has(column) === true) {
      const columns = varying.get(table) ?? new Set<string>();
      varying.set(table, columns.add(column));
    } else
      faults.push(
        `${table}.${column} has the default ${expression}, which differs from node to node: drop it, and set the column in the commands (context.date(), context.random(), context.uuid()).`,
      );
  }
  return { faults, filled: varying };
}

async function volatileFunctions(
  queryRunner: QueryRunner,
  defaults: readonly ColumnDefault[],
): Promise<ReadonlySet<string>> {
  const names = new Set(defaults.flatMap(({ expression }) => callsIn(expression.replace(WITHOUT_LITERALS, ''))));
  for (const name of REPLICATED) names.delete(name);
  if (names.size === 0) return names;
  const rows = (await queryRunner.query(
    `SELECT DISTINCT proname AS name FROM pg_proc WHERE provolatile = 'v' AND proname = ANY ($1)`,
    [[...names]],
  )) as readonly { readonly name: string }[];
  return new Set(rows.map(({ name }) => name));
}

function callsIn(expression: string): string[] {
  return [...expression.matchAll(CALLS)].map((match) => match[1]!.toLowerCase());
}
