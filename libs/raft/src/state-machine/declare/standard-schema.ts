/**
 * The part of a Standard Schema (version 1) that is used: zod, valibot, arktype and others have it, and none of them is needed
 * here.
 *
 * @publicApi
 */
export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>;
  };
}

type SchemaResult =
  { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What is wrong with an argument. */
export interface ArgumentIssue {
  /** Where, from the arguments on: `args[0].owner`. */
  readonly path: string;
  readonly message: string;
}

export function isStandardSchema(check: unknown): check is StandardSchema {
  // Some libraries' schemas are functions.
  const isObject = (typeof check === 'object' && check !== null) || typeof check === 'function';
  return isObject && typeof (check as Partial<StandardSchema>)['~standard']?.validate === 'function';
}

/** @param path of the argument @returns the schema's output, or what is wrong */
export async function checkBySchema(
  schema: StandardSchema,
  value: unknown,
  path: string,
): Promise<{ readonly value: unknown } | { readonly issues: readonly ArgumentIssue[] }> {
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return { value: result.value };
  return { issues: result.issues.map((issue) => ({ path: path + pathText(issue.path), message: issue.message })) };
}

function pathText(path: SchemaIssue['path'] = []): string {
  return path
    .map((part) => (typeof part === 'object' ? part.key : part))
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('');
}
