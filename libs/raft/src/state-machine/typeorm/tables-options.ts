import type { DataSourceOptions } from 'typeorm';
import { RaftError } from '../../errors/raft-error';

/** A class with `@Entity()`. */
export type EntityClass = abstract new (...args: never[]) => object;

interface CommonTablesOptions {
  /** The entities that are replicated; tables of many-to-many relations among them belong to them. */
  readonly entities: readonly EntityClass[];
  /** Schema of what this library keeps beside the tables: the applied index, functions. Created if absent. Default `raft_tables`. */
  readonly schema?: string;
  /** Connections for queries. Default 8. */
  readonly poolSize?: number;
  /** Names of triggers on the tables that may stay: those whose effects are the same on every node. Default: none. */
  readonly allowTriggers?: readonly string[];
  /** How long a command is retried after errors of this node's database, in milliseconds, before the node stops. Default 10,000. */
  readonly retryForMs?: number;
  /** How many commands are applied in one transaction at most, 1 to 64: each costs less with others, and waits for all of them. Default 64. */
  readonly commandsPerTransaction?: number;
}

/**
 * Which tables, and how to reach them: by the name of a data source of the Nest application (default `default`), by address, or
 * by connection options.
 *
 * @publicApi
 */
export type TypeOrmTablesOptions = CommonTablesOptions &
  (
    | { readonly url: string; readonly dataSource?: undefined; readonly dataSourceOptions?: undefined }
    | { readonly dataSourceOptions: DataSourceOptions; readonly url?: undefined; readonly dataSource?: undefined }
    | { readonly dataSource?: string; readonly url?: undefined; readonly dataSourceOptions?: undefined }
  );

/** With every default filled in. */
export interface TablesSettings {
  readonly entities: readonly EntityClass[];
  readonly schema: string;
  readonly poolSize: number;
  readonly allowTriggers: ReadonlySet<string>;
  readonly retryForMs: number;
  readonly commandsPerTransaction: number;
  /** The name of the application's data source whose database has the tables; undefined where the address is given. */
  readonly dataSource: string | undefined;
  /** @param named gives the options of a data source of the application */
  connection(named: (name: string) => object): DataSourceOptions;
}

const DEFAULT_SCHEMA = 'raft_tables';
const DEFAULT_POOL_SIZE = 8;
const DEFAULT_RETRY_MS = 10_000;
const MOST_COMMANDS = 64;
/** Beside the queries: the session that applies, one that is captured from, one for what is left. */
const OWN_CONNECTIONS = 3;

/** @throws RaftError `RAFT_CONFIGURATION`, in a sentence that names the option */
export function tablesSettings(options: TypeOrmTablesOptions): TablesSettings {
  const { entities, schema = DEFAULT_SCHEMA, poolSize = DEFAULT_POOL_SIZE, retryForMs = DEFAULT_RETRY_MS } = options;
  const { commandsPerTransaction = MOST_COMMANDS } = options;
  if (!Array.isArray(entities) || entities.length === 0)
    throw wrong('entities', entities, 'name the entity classes that are to be replicated');
  if (!/^[A-Za-z_][A-Za-z0-9_$]{0,62}$/.test(schema) || schema.startsWith('pg_'))
    throw wrong(
      'schema',
      schema,
      "write a letter or underscore, then letters, digits, '_' or '$'; not beginning with 'pg_'",
    );
  if (!Number.isSafeInteger(poolSize) || poolSize < 1)
    throw wrong('poolSize', poolSize, 'write a whole number above 0');
  if (!Number.isFinite(retryForMs) || retryForMs < 0) throw wrong('retryForMs', retryForMs, 'write milliseconds');
  if (
    !Number.isSafeInteger(commandsPerTransaction) ||
    commandsPerTransaction < 1 ||
    commandsPerTransaction > MOST_COMMANDS
  )
    throw wrong('commandsPerTransaction', commandsPerTransaction, `write a whole number from 1 to ${MOST_COMMANDS}`);
  return {
    entities,
    schema,
    poolSize,
    allowTriggers: new Set(options.allowTriggers),
    retryForMs,
    commandsPerTransaction,
    dataSource: nameOf(options),
    connection: (named) => connectionOf(options, named),
  };
}

function nameOf({ dataSource = 'default', url, dataSourceOptions }: TypeOrmTablesOptions): string | undefined {
  return url === undefined && dataSourceOptions === undefined ? dataSource : undefined;
}

function connectionOf(options: TypeOrmTablesOptions, named: (name: string) => object): DataSourceOptions {
  if (options.dataSourceOptions !== undefined) return options.dataSourceOptions;
  if (options.url !== undefined) return connectionTo(options.url);
  return named(options.dataSource ?? 'default') as DataSourceOptions;
}

/**
 * Options for an address. TypeORM takes a host out of it, and not the folder of a Unix socket, which stands in its query:
 * `postgresql:///database?host=/folder&user=name`.
 */
function connectionTo(url: string): DataSourceOptions {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const host = parsed?.searchParams.get('host') ?? '';
  if (parsed === undefined || !host.startsWith('/')) return { type: 'postgres', url };
  const said = (name: string, otherwise: string): string =>
    parsed.searchParams.get(name) ?? decodeURIComponent(otherwise);
  return {
    type: 'postgres',
    host,
    port: Number(said('port', '5432')),
    username: said('user', parsed.username),
    password: said('password', parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)),
  };
}

/** @returns options of a data source of our own: the connection and the names of `base`, the replicated entities, and nothing that changes tables */
export function ownOptions(base: DataSourceOptions, settings: TablesSettings): DataSourceOptions {
  if (base.type !== 'postgres')
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `typeOrmTables(): the data source is of type '${base.type}'. Replicated tables need 'postgres'.`,
    );
  const extra = (base.extra ?? {}) as Record<string, unknown>;
  return {
    ...base,
    entities: [...settings.entities],
    migrations: [],
    subscribers: [],
    synchronize: false,
    dropSchema: false,
    migrationsRun: false,
    installExtensions: false,
    cache: false,
    extra: {
      ...extra,
      max: settings.poolSize + OWN_CONNECTIONS,
      keepAlive: true,
      // In binary mode pg hands out damaged bytea values; a pipeline fulfils a COMMIT that rolled back.
      binary: false,
      pipeline: false,
    },
    poolSize: settings.poolSize + OWN_CONNECTIONS,
  };
}

function wrong(option: string, value: unknown, remedy: string): RaftError {
  return new RaftError(
    'RAFT_CONFIGURATION',
    `typeOrmTables(): the option ${option} is ${JSON.stringify(value)}: ${remedy}.`,
  );
}
