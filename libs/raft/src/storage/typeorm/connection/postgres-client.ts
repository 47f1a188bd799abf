import type { Readable } from 'node:stream';
import type { QueryRunner } from 'typeorm';

/**
 * What is used of `pg`'s client, so that this package needs neither `pg` nor its types where another storage is used.
 */
export interface PostgresClient {
  /** The process id that the server, or whatever answers in its place, gave at the start of the connection. */
  readonly processID: number | null;
  readonly connection: { readonly stream: { destroy(error?: Error): void } };
  query(query: StatementCall): Promise<{ readonly rows: unknown[][]; readonly rowCount: number | null }>;
  query<S extends Readable>(stream: S): S;
  on(event: 'error', listener: (error: Error) => void): void;
  end(): Promise<void>;
}

/** One statement with its parameters. A named one is parsed and planned once for each session. */
export interface StatementCall {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly (string | number | boolean | Buffer | null)[];
  readonly rowMode: 'array';
}

export async function clientOf(queryRunner: QueryRunner): Promise<PostgresClient> {
  return (await queryRunner.connect()) as PostgresClient;
}

/**
 * Cuts the connection where `work` on it takes too long, so that it fails: a connection whose other end is gone without a
 * word gives no error for minutes. Only for what may fail; a write that is cut off has an unknown outcome.
 */
export async function cutAfter<T>(client: PostgresClient, limitMs: number, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(
    () => client.connection.stream.destroy(new Error(`Postgres gave no answer within ${limitMs} ms`)),
    limitMs,
  );
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}

/** SQLSTATE of a failure that the server reported; undefined for a lost connection. */
export function sqlStateOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

export const UNIQUE_VIOLATION = '23505';

export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && !error.message) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
