/** What an error of a command's database means (the rule is in `docs/consensus.md`). */
export type ErrorMeaning =
  /** The same on every node: data or a constraint forbids it. It is an answer. */
  | 'answer'
  /** The statement is wrong for this schema: an answer where the schema is the same everywhere. */
  | 'mistake'
  /** Of this node, or of this moment: never an answer, since replicas would differ. */
  | 'retry';

/** Data exceptions, broken constraints, and `RAISE EXCEPTION` without a code. */
const ANSWERS = /^(22|23)...$|^P0001$/;

/** Syntax, names and types that don't fit the schema, and what this server doesn't support. */
const MISTAKES = /^(42|0A)...$/;

/** Codes that `pg` and Node give to a lost connection. */
const CONNECTION_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

const CONNECTION_TEXT =
  /connection terminated|client has encountered a connection error|not queryable|client was closed|connection ended|timeout expired|timeout exceeded when trying to connect|query runner already released|driver not connected/i;

/** @returns the SQLSTATE that the server reported, or undefined */
export function sqlStateOf(error: unknown): string | undefined {
  const code = codeOf(error);
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !CONNECTION_CODES.has(code) ? code : undefined;
}

/** @returns undefined for what didn't come from the database at all */
export function meaningOf(error: unknown): ErrorMeaning | undefined {
  const state = sqlStateOf(error);
  if (state !== undefined) return ANSWERS.test(state) ? 'answer' : MISTAKES.test(state) ? 'mistake' : 'retry';
  return isConnectionError(error) ? 'retry' : undefined;
}

export function isConnectionError(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined && CONNECTION_CODES.has(code)) return true;
  const state = sqlStateOf(error);
  // 08: connection exceptions. 57P01 to 57P03: the server is being stopped or was.
  if (state !== undefined) return /^08|^57P0[123]$/.test(state);
  return error instanceof Error && CONNECTION_TEXT.test(error.message);
}

/** TypeORM wraps what the driver threw. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, driverError } = error as { readonly code?: unknown; readonly driverError?: unknown };
  if (typeof code === 'string') return code;
  return driverError === undefined || driverError === error ? undefined : codeOf(driverError);
}

/** What of a database's error is the same on every node: not the texts, which follow the server's language and version. */
export interface AnsweredError {
  readonly sqlState: string;
  readonly table: string | undefined;
  readonly column: string | undefined;
  readonly constraint: string | undefined;
}

export function answeredError(error: unknown): AnsweredError {
  const source = ((error as { readonly driverError?: unknown }).driverError ?? error) as Record<string, unknown>;
  const text = (name: string): string | undefined => (typeof source[name] === 'string' ? source[name] : undefined);
  return {
    sqlState: sqlStateOf(error) ?? '',
    table: text('table'),
    column: text('column'),
    constraint: text('constraint'),
  };
}
