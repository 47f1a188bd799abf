import type { QueryRunner } from 'typeorm';
import { DRAWS, HASH_CHANGE, NOW, type OwnNames, quoted, SEED, WRITER } from './sql-names';

/** Raised by the guard: a write outside of a command. */
export const WRITE_REFUSED = 'RF001';
/** Raised by what would give the time or chance, where the session wasn't told which every node has. */
export const TIME_UNTOLD = 'RF002';

/**
 * Makes the schema, the tables and the functions that this library keeps beside the replicated tables, where they are missing.
 * One instance does it at a time.
 */
export async function makeOwnSchema(queryRunner: QueryRunner, names: OwnNames): Promise<void> {
  await queryRunner.startTransaction();
  try {
    await queryRunner.query('SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))', [
      `nestjs-raft tables ${names.schema}`,
    ]);
    // Asked first: CREATE SCHEMA IF NOT EXISTS needs the right to create it also where it exists.
    const [found] = (await queryRunner.query('SELECT count(*)::int AS count FROM pg_namespace WHERE nspname = $1', [
      names.schema,
    ])) as readonly { readonly count: number }[];
    if (found?.count === 0) await queryRunner.query(`CREATE SCHEMA ${quoted(names.schema)}`);
    for (const statement of [...tables(names), ...triggerFunctions(names), ...varyingFunctions(names)])
      await queryRunner.query(statement);
    await queryRunner.commitTransaction();
  } catch (error) {
    await queryRunner.rollbackTransaction().catch(() => undefined);
    throw error;
  }
}

function tables({ state, outcome, mistake }: OwnNames): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${state} (
      machine text PRIMARY KEY, cluster_id text NOT NULL, applied_index bigint NOT NULL, applied_term bigint NOT NULL,
      sequences jsonb NOT NULL, hash numeric NOT NULL, shape text NOT NULL,
      maintained bigint NOT NULL DEFAULT 0, forgotten_index bigint NOT NULL DEFAULT 0)`,
    `CREATE TABLE IF NOT EXISTS ${outcome} (
      machine text NOT NULL, index bigint NOT NULL, outcome bytea NOT NULL, PRIMARY KEY (machine, index))`,
    `CREATE TABLE IF NOT EXISTS ${mistake} (
      machine text NOT NULL, index bigint NOT NULL, sql_state text NOT NULL, PRIMARY KEY (machine, index))`,
  ];
}

const setting = (name: string): string => `nullif(current_setting('${name}', true), '')`;
const plpgsql = (signature: string, returns: string, body: string): string =>
  `CREATE OR REPLACE FUNCTION ${signature} RETURNS ${returns} LANGUAGE plpgsql AS $body$\nBEGIN\n${body}\nEND\n$body$`;

/** Those of the triggers. */
function triggerFunctions({ of, state }: OwnNames): readonly string[] {
  const hashChange = (relation: string, sign: '+' | '-'): string =>
    `PERFORM set_config('${HASH_CHANGE}', (coalesce(${setting(HASH_CHANGE)}, '0')::numeric ${sign} ${contentSum('TG_TABLE_NAME', relation)})::text, true);`;
  // What is changed by hand is counted by the node, which looks for this mark; and how often, so that it is compared with nodes
  // on which the same was done.
  const hashTrigger = (name: string, body: string): string =>
    plpgsql(
      `${of(name)}()`,
      'trigger',
      `IF current_setting('${WRITER}', true) = 'maintenance' THEN UPDATE ${state} SET shape = '', maintained = maintained + 1;
       ELSE ${body} END IF;
       RETURN NULL;`,
    );
  return [
    plpgsql(
      `${of('guard')}()`,
      'trigger',
      `IF coalesce(current_setting('${WRITER}', true), '') NOT IN ('apply', 'restore', 'maintenance') THEN
         RAISE EXCEPTION USING ERRCODE = '${WRITE_REFUSED}', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
           MESSAGE = format('%s is a replicated table: %s outside of a command would make this node differ from the others', TG_RELID::regclass, TG_OP),
           HINT = 'Write it in a method with @RaftCommand(). For a migration that runs on every node alike: SET ${WRITER} = ''maintenance''.';
       END IF;
       IF TG_OP = 'TRUNCATE' AND current_setting('${WRITER}') = 'apply' THEN
         RAISE EXCEPTION USING ERRCODE = '${WRITE_REFUSED}',
           MESSAGE = format('%s is a replicated table: TRUNCATE in a command would pass over its hash', TG_RELID::regclass),
           HINT = 'Use DELETE.';
       END IF;
       RETURN NULL;`,
    ),
    hashTrigger('hash_insert', hashChange('new_rows', '+')),
    hashTrigger('hash_delete', hashChange('old_rows', '-')),
    hashTrigger('hash_update', `${hashChange('new_rows', '+')}\n${hashChange('old_rows', '-')}`),
  ];
}

/** What varies, as commands see it: they run with this schema first in their search path. */
function varyingFunctions({ of }: OwnNames): readonly string[] {
  return [
    ...['now', 'transaction_timestamp', 'statement_timestamp', 'clock_timestamp'].map((name) =>
      plpgsql(
        `${of(name)}()`,
        'timestamptz',
        `${untold(setting(NOW), `${name}()`)} RETURN ${setting(NOW)}::timestamptz;`,
      ),
    ),
    plpgsql(
      `${of('drawn')}()`,
      'text',
      `${untold(setting(SEED), 'random(), or a function that makes a UUID,')}
       PERFORM set_config('${DRAWS}', (coalesce(${setting(DRAWS)}, '0')::bigint + 1)::text, true);
       RETURN md5(current_setting('${SEED}') || ' ' || current_setting('${DRAWS}'));`,
    ),
    ...['gen_random_uuid', 'uuid_generate_v4', 'uuidv4'].map((name) =>
      plpgsql(
        `${of(name)}()`,
        'uuid',
        `RETURN overlay(overlay(${of('drawn')}() placing '4' from 13) placing '8' from 17)::uuid;`,
      ),
    ),
    plpgsql(
      `${of('random')}()`,
      'double precision',
      `RETURN ('x' || substr(${of('drawn')}(), 1, 8))::bit(32)::bigint::double precision / 4294967296;`,
    ),
  ];
}

/** A function, or a view, whose text isn't the command's may ask: there the server's own answer would differ from node to node. */
function untold(setting: string, what: string): string {
  return `IF ${setting} IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = '${TIME_UNTOLD}', MESSAGE = '${what} was asked for where the text of the command''s statement does not show it',
      HINT = 'Pass context.date(), context.random() or context.uuid() to the statement as a parameter.';
  END IF;`;
}

/**
 * A sum over rows doesn't depend on their order, and changes with each row by what the row alone says.
 *
 * @param table an expression for the table's name, without its schema, which may be another on each node
 */
export function contentSum(table: string, relation: string): string {
  return `(SELECT coalesce(sum(hashtextextended(${table} || ' ' || nestjs_raft_row::text, 0)::numeric), 0) FROM ${relation} AS nestjs_raft_row)`;
}
