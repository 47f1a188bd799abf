import { DefaultNamingStrategy } from 'typeorm';
import type { DataSourceOptions } from 'typeorm';
import { StoreUnavailableError } from '../../contract';
import { RAFT_ENTITIES } from '../entities';
import { RAFT_MIGRATIONS } from '../migrations';

interface CommonStorageOptions {
  /** Schema of the tables, created if absent. Default `raft`. Nodes that share a database need one each. */
  readonly schema?: string;
  /**
   * How long `open` waits for a lock that another session holds, such as that of a process that was killed a moment ago,
   * in milliseconds. Default 5000.
   */
  readonly lockWaitMs?: number;
}

/**
 * How to reach Postgres: by address, by the connection options of a TypeORM data source, or by the name of one that the Nest
 * application has (`TypeOrmModule.forRoot({ name })`). In each case the storage has a `DataSource` of its own: entities and
 * migrations of the application aren't touched, and its pool isn't used.
 *
 * @publicApi
 */
export type TypeOrmStorageOptions = CommonStorageOptions &
  (
    | {
        /** `postgresql://user:password@host:port/database`, or `postgresql:///database?host=/folder&user=name` for a Unix socket. */ readonly url:
          string | undefined;
      }
    | { readonly dataSourceOptions: DataSourceOptions }
    | {
        /** As in `TypeOrmModule.forRoot({ name })`; `default` for the one without a name. */ readonly dataSource: string;
      }
  );

/** Connections of the pool: the pinned one, a page of entries, a snapshot, the sweep. */
export const POOL_SIZE = 6;

const CONNECT_TIMEOUT_MS = 5_000;

/** How long the server is waited for, in milliseconds. All of it follows from `connectTimeoutMS`, whose default is 5000. */
export interface ServerPatience {
  /** For the first answer on a connection that may be dead without knowing it. */
  readonly firstAnswerMs: number;
  /** For all that makes a connection a session of ours. */
  readonly setUpMs: number;
  /** For a page of entries, or what stands in the tables: far longer than it takes on a slow disk. */
  readonly readMs: number;
}

export function patienceOf(options: DataSourceOptions): ServerPatience {
  const { connectTimeoutMS } = options as { readonly connectTimeoutMS?: number };
  const connectMs = connectTimeoutMS ?? CONNECT_TIMEOUT_MS;
  return { firstAnswerMs: connectMs, setUpMs: 2 * connectMs, readMs: 6 * connectMs };
}

export const DEFAULT_SCHEMA = 'raft';
export const DEFAULT_LOCK_WAIT_MS = 5_000;

/** @returns the name, if Postgres would take it as it stands */
export function checkedSchema(schema: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_$-]{0,62}$/.test(schema) || schema.startsWith('pg_'))
    throw new StoreUnavailableError(
      `The option 'schema' is ${JSON.stringify(schema)}. It names the Postgres schema of the tables: a letter or underscore, ` +
        "then at most 62 letters, digits, '_', '$' or '-', and not beginning with 'pg_'.",
    );
  return schema;
}

/**
 * Options for an address. TypeORM takes a host out of it, and not the folder of a Unix socket, which stands in its query:
 * `postgresql:///database?host=/folder&user=name`.
 */
export function connectionTo(url: string | undefined): DataSourceOptions {
  const parsed = url !== undefined && URL.canParse(url) ? new URL(url) : undefined;
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

/** @returns options of our own data source: the connection of `base`, our entities and migrations, and nothing else of it */
export function ownDataSourceOptions(base: DataSourceOptions, schema: string): DataSourceOptions {
  if (base.type !== 'postgres')
    throw new StoreUnavailableError(
      `The data source is of type '${base.type}'. typeOrmStorage() needs 'postgres': give it the url of a Postgres database.`,
    );
  const extra = (base.extra ?? {}) as Record<string, unknown>;
  return {
    ...base,
    schema,
    entities: [...RAFT_ENTITIES],
    migrations: [...RAFT_MIGRATIONS],
    migrationsTableName: 'raft_migrations',
    migrationsTransactionMode: 'all',
    subscribers: [],
    synchronize: false,
    dropSchema: false,
    migrationsRun: false,
    installExtensions: false,
    cache: false,
    entityPrefix: '',
    namingStrategy: new DefaultNamingStrategy(),
    poolSize: POOL_SIZE,
    connectTimeoutMS: base.connectTimeoutMS ?? CONNECT_TIMEOUT_MS,
    extra: {
      ...extra,
      max: POOL_SIZE,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      // In binary mode pg hands out damaged bytea values; a pipeline fulfils a COMMIT that rolled back.
      binary: false,
      pipeline: false,
    },
  };
}
