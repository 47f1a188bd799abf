import type { ReplicatedTable } from './replicated-table';
import type { DataSource, QueryRunner } from 'typeorm';
import { RaftError } from '../../errors/raft-error';
import { checkDefaults, type ColumnDefault, type FilledColumns } from './column-defaults';
import { inOrderOfReferences, type Reference } from './reference-order';
import { schemaMark } from './schema-hash';
import { OUR_TRIGGERS } from './table-triggers';
import { quoted } from './sql-names';
import type { TablesSettings } from './tables-options';

/** What the database says of the replicated tables. */
export interface TablesCatalog {
  /** A table stands behind those that it refers to. */
  readonly tables: readonly ReplicatedTable[];
  /** Qualified and quoted, sorted. */
  readonly sequences: readonly string[];
  /** Constraints that are checked at the end of a transaction, if nothing else is said. */
  readonly deferred: readonly string[];
  /** Volatile defaults of columns, which the subscriber fills: qualified table name → column names. */
  readonly filled: ReadonlyMap<string, ReadonlySet<string>>;
  /** Changes when a table does. */
  readonly shape: string;
  /** See {@link schemaMark}. */
  readonly mark: string;
}

interface TableRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly persistence: string;
}

interface ColumnRow {
  readonly oid: number;
  readonly name: string;
  readonly type: string;
  readonly generated: boolean;
  readonly default: string | null;
  readonly sequence: string | null;
}

/**
 * Looks at the tables of the entities, and refuses what can't be the same on every node.
 *
 * @param filled by table as the entities name it
 * @throws RaftError `RAFT_CONFIGURATION`, with a sentence for each fault
 */
export async function readCatalog(
  dataSource: DataSource,
  queryRunner: QueryRunner,
  settings: TablesSettings,
  filled: FilledColumns,
): Promise<TablesCatalog> {
  const paths = dataSource.entityMetadatas
    .filter(({ tableType }) => tableType === 'regular' || tableType === 'junction')
    .map(({ tablePath }) => tablePath.split('.').map(quoted).join('.'));
  const found = (await queryRunner.query(TABLES, [paths])) as readonly (TableRow & { readonly path: string })[];
  const faults = paths
    .filter((path) => !found.some((row) => row.path === path))
    .map((path) => `There is no table ${path}: run the application's migrations before the node starts.`);
  if (faults.length > 0) throw refusal(faults);
  const oids = found.map(({ oid }) => oid);
  // Before the rest, so that what is changed meanwhile is noticed.
  const [marked] = (await queryRunner.query(`SELECT ${schemaMark(oids)} AS mark`)) as readonly {
    readonly mark: string;
  }[];
  const columns = (await queryRunner.query(COLUMNS, [oids])) as readonly ColumnRow[];
  const references = (await queryRunner.query(REFERENCES, [oids])) as readonly (Reference & {
    readonly target: string;
  })[];
  const tables = new Map(found.map((row) => [row.oid, tableOf(row, columns)]));
  faults.push(...found.flatMap(kindFaults), ...(await triggerFaults(queryRunner, oids, settings)));
  faults.push(...(await ruleFaults(queryRunner, oids)));
  faults.push(
    ...references
      .filter(({ to }) => !tables.has(to))
      .map(
        ({ from, name, target }) =>
          `${tables.get(from)!.path} refers to ${target} (${name}), which isn't replicated: add its entity, or drop the constraint.`,
      ),
  );
  faults.push(...(await referringFaults(queryRunner, oids)));
  const defaults = columns.flatMap((column): ColumnDefault[] =>
    column.default === null
      ? []
      : [{ table: tables.get(column.oid)!.path, column: column.name, expression: column.default }],
  );
  const filledHere = new Map(
    found.map(({ oid, path }) => [tables.get(oid)!.path, filled.get(path) ?? new Set<string>()]),
  );
  const checked = await checkDefaults(queryRunner, defaults, filledHere);
  faults.push(...checked.faults);
  const sequences = (await queryRunner.query(SEQUENCES, [sequencesOf(columns, defaults)])) as readonly SequenceRow[];
  faults.push(...sequences.flatMap(sequenceFaults));
  if (faults.length > 0) throw refusal(faults);
  const deferred = (await queryRunner.query(DEFERRED, [oids])) as readonly { readonly name: string }[];
  return {
    tables: inOrderOfReferences([...tables.values()], references),
    sequences: sequences.map(({ name }) => name),
    deferred: deferred.map(({ name }) => name),
    filled: checked.filled,
    mark: marked!.mark,
    shape: columns.map(({ oid, name, type }) => `${tables.get(oid)!.name}.${name} ${type}`).join('\n'),
  };
}

function tableOf({ oid, schema, name }: TableRow, columns: readonly ColumnRow[]): ReplicatedTable {
  const own = columns.filter((column) => column.oid === oid && !column.generated);
  return { oid, name, path: `${quoted(schema)}.${quoted(name)}`, columns: own.map((column) => quoted(column.name)) };
}

function kindFaults({ path, kind, persistence }: TableRow & { readonly path: string }): string[] {
  if (persistence === 'u') return [`${path} is unlogged: a crash empties it. ALTER TABLE ${path} SET LOGGED.`];
  if (persistence === 't') return [`${path} is a temporary table: it is gone with its session.`];
  return kind === 'r' ? [] : [`${path} is no plain table (relkind '${kind}'): replicate plain tables only.`];
}

async function referringFaults(queryRunner: QueryRunner, oids: readonly number[]): Promise<readonly string[]> {
  const referring = (await queryRunner.query(REFERRING, [oids])) as readonly {
    readonly table: string;
    readonly target: string;
    readonly name: string;
  }[];
  return referring.map(
    ({ table, target, name }) =>
      `${table} isn't replicated and refers to ${target} (${name}), so that what a command may delete depends on this node's own rows: add its entity, or drop the constraint.`,
  );
}

async function triggerFaults(
  queryRunner: QueryRunner,
  oids: readonly number[],
  { allowTriggers }: TablesSettings,
): Promise<string[]> {
  const triggers = (await queryRunner.query(TRIGGERS, [oids])) as readonly {
    readonly name: string;
    readonly table: string;
  }[];
  return triggers
    .filter(({ name }) => !OUR_TRIGGERS.has(name) && !allowTriggers.has(name))
    .map(
      ({ name, table }) =>
        `${table} has the trigger ${name}, whose effects may differ from node to node: drop it and do its work in the commands, or, where it depends on the row alone, name it in allowTriggers.`,
    );
}

async function ruleFaults(queryRunner: QueryRunner, oids: readonly number[]): Promise<string[]> {
  const rules = (await queryRunner.query(RULES, [oids])) as readonly {
    readonly name: string;
    readonly table: string;
  }[];
  return rules.map(
    ({ name, table }) =>
      `${table} has the rule ${name}, which writes something else than the statement says: drop it and do its work in the commands.`,
  );
}

function sequencesOf(columns: readonly ColumnRow[], defaults: readonly ColumnDefault[]): readonly string[] {
  const owned = columns.flatMap(({ sequence }) => (sequence === null ? [] : [sequence]));
  const named = defaults.flatMap(({ expression }) =>
    [...expression.matchAll(/nextval\('([^']+)'::regclass\)/g)].map((match) => match[1]!),
  );
  return [...owned, ...named];
}

interface SequenceRow {
  readonly name: string;
  readonly cache: string;
}

function sequenceFaults({ name, cache }: SequenceRow): string[] {
  if (cache === '1') return [];
  return [`The sequence ${name} has CACHE ${cache}, so that a restart skips numbers: ALTER SEQUENCE ${name} CACHE 1.`];
}

function refusal(faults: readonly string[]): RaftError {
  return new RaftError('RAFT_CONFIGURATION', `These tables can't be replicated. ${faults.join(' ')}`);
}

const TABLES = `
  SELECT wanted.path, c.oid::int AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence
  FROM unnest($1::text[]) AS wanted (path)
  JOIN pg_class c ON c.oid = to_regclass(wanted.path)
  JOIN pg_namespace n ON n.oid = c.relnamespace`;

const COLUMNS = `
  SELECT a.attrelid::int AS oid, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
    a.attgenerated <> '' AS generated,
    CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS default,
    pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) AS sequence
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attrelid::regclass::text, a.attnum`;

const REFERENCES = `
  SELECT conrelid::int AS "from", confrelid::int AS "to", confrelid::regclass::text AS target, conname AS name, condeferrable AS deferrable
  FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY ($1::oid[]) ORDER BY conname`;

const REFERRING = `
  SELECT conrelid::regclass::text AS table, confrelid::regclass::text AS target, conname AS name
  FROM pg_constraint WHERE contype = 'f' AND confrelid = ANY ($1::oid[]) AND NOT conrelid = ANY ($1::oid[]) ORDER BY 1, 3`;

const DEFERRED = `
  SELECT format('%I.%I', n.nspname, c.conname) AS name
  FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
  WHERE c.conrelid = ANY ($1::oid[]) AND c.condeferrable AND c.condeferred ORDER BY 1`;

const TRIGGERS = `
  SELECT tgname AS name, tgrelid::regclass::text AS table FROM pg_trigger
  WHERE tgrelid = ANY ($1::oid[]) AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY 2, 1`;

/** A view has one, too, and is refused for another reason. */
const RULES = `
  SELECT rulename AS name, ev_class::regclass::text AS table FROM pg_rewrite
  WHERE ev_class = ANY ($1::oid[]) AND ev_type <> '1' ORDER BY 2, 1`;

const SEQUENCES = `
  SELECT DISTINCT format('%I.%I', n.nspname, c.relname) AS name, s.seqcache::text AS cache
  FROM unnest($1::text[]) AS wanted (name)
  JOIN pg_sequence s ON s.seqrelid = wanted.name::regclass
  JOIN pg_class c ON c.oid = s.seqrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY 1`;
