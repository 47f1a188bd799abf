import { createHash } from 'node:crypto';
import type { Database } from './database';

/**
 * Reads a hash of all that decides what a statement of a command means to this database: relations, columns with their order,
 * types, defaults and constraints, unique indexes, triggers, functions and types of the schemas that commands see, extensions,
 * and the server's major version. Names of schemas aren't in it, as they may differ from node to node.
 *
 * Where it is the same on two nodes, a statement that one of them can't parse or plan is refused by the other, too.
 *
 * @param oids of the replicated tables
 * @param ownSchema that this library keeps its own objects in
 * @returns 16 hexadecimal digits
 */
export async function readSchemaHash(database: Database, oids: readonly number[], ownSchema: string): Promise<string> {
  const rows = (await database.query(LINES, [oids, ownSchema])) as readonly { readonly line: string }[];
  const text = rows
    .map(({ line }) => line)
    .sort()
    .join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, SCHEMA_HASH_DIGITS);
}

/**
 * An expression that costs next to nothing, and differs once columns, defaults, constraints or indexes of the replicated tables are changed.
 * Within a transaction that has used the tables it says what its statements saw: their locks keep later changes out.
 */
export function schemaMark(oids: readonly number[]): string {
  const of = (catalog: string, relation: string, key: string): string =>
    `(SELECT coalesce(sum(hashtextextended(concat_ws(' ', xmin, ${relation}, ${key}), 0)::numeric), 0)::text FROM ${catalog} WHERE ${relation} = ANY (ARRAY[${oids.join(', ')}]::oid[]))`;
  return `concat_ws(' ', ${of('pg_attribute', 'attrelid', 'attnum')}, ${of('pg_attrdef', 'adrelid', 'adnum')}, ${of('pg_constraint', 'conrelid', 'oid')}, ${of('pg_index', 'indrelid', 'indexrelid')})`;
}

const SCHEMA_HASH_DIGITS = 16;

/** What belongs to an extension is told by the extension's version. */
const NOT_OF_EXTENSION = (catalog: string, oid: string): string =>
  `NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;

const LINES = `
  WITH seen AS (
    SELECT oid FROM pg_namespace WHERE nspname <> $2 AND nspname = ANY (current_schemas(false))
    UNION SELECT relnamespace FROM pg_class WHERE oid = ANY ($1::oid[])
  ), relation AS (
    SELECT c.oid, c.relname, c.relkind FROM pg_class c
    WHERE c.relnamespace IN (SELECT oid FROM seen) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
      AND ${NOT_OF_EXTENSION('pg_class', 'c.oid')}
  )
  SELECT concat_ws(' ', 'server', current_setting('server_version_num')::int / 10000) AS line
  UNION ALL SELECT concat_ws(' ', 'extension', extname, extversion) FROM pg_extension
  UNION ALL SELECT concat_ws(' ', 'relation', relname, relkind) FROM relation
  UNION ALL SELECT concat_ws(' ', 'column', r.relname, rank() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), a.attname,
      format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid))
    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind <> 'S'
  UNION ALL SELECT concat_ws(' ', 'constraint', r.relname, n.conname, pg_get_constraintdef(n.oid))
    FROM relation r JOIN pg_constraint n ON n.conrelid = r.oid
  UNION ALL SELECT concat_ws(' ', 'unique', r.relname, i.indkey::text, pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid))
    FROM relation r JOIN pg_index i ON i.indrelid = r.oid WHERE i.indisunique
  UNION ALL SELECT concat_ws(' ', 'trigger', r.relname, t.tgname, p.proname)
    FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgname NOT LIKE 'nestjs_raft_%'
  UNION ALL SELECT concat_ws(' ', 'function', p.proname, pg_get_function_arguments(p.oid), p.prorettype::regtype, p.provolatile, md5(p.prosrc))
    FROM pg_proc p WHERE p.pronamespace IN (SELECT oid FROM seen) AND ${NOT_OF_EXTENSION('pg_proc', 'p.oid')}
  UNION ALL SELECT concat_ws(' ', 'type', t.typname, t.typtype, t.typbasetype::regtype,
      (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
    FROM pg_type t WHERE t.typnamespace IN (SELECT oid FROM seen) AND t.typtype IN ('e', 'd', 'r')
      AND ${NOT_OF_EXTENSION('pg_type', 't.oid')}`;
