import type { OpenAPIObject } from '@nestjs/swagger';

type Paths = OpenAPIObject['paths'];
type Operation = NonNullable<Paths[string]['get']>;

const KEY = {
  name: 'key',
  in: 'path' as const,
  required: true,
  description: 'Any path that doesn’t begin with _, slashes included',
  schema: { type: 'string' as const },
};
const header = (name: string, description: string) => ({
  name,
  in: 'header' as const,
  required: false,
  description,
  schema: { type: 'string' as const },
});
const IF_MATCH = header('If-Match', 'The ETag that the key must have, or * for any');
const IF_NONE_MATCH = header('If-None-Match', 'The ETag that it must not have, or * for a key that isn’t there');
const ANY = { 'application/json': { schema: {} } };
const FAILURES = {
  302: { description: 'The leader is at Location; 307 where the request has a body' },
  409: { description: 'The key isn’t as If-Match or If-None-Match ask' },
  503: { description: 'No leader; try again after Retry-After' },
};
const operation = (summary: string, rest: Partial<Operation>): Operation => ({
  tags: ['keys'],
  summary,
  ...rest,
  responses: { ...rest.responses, ...FAILURES },
});

/** The routes of the keys are one that takes every path, which says nothing by itself. */
export const KEY_ROUTES: Paths = {
  '/{key}': {
    get: operation('Read a key', {
      parameters: [
        KEY,
        {
          name: 'consistency',
          in: 'query',
          required: false,
          schema: { type: 'string', enum: ['linearizable', 'lease', 'stale'] },
        },
        IF_NONE_MATCH,
      ],
      responses: { 200: { description: 'The value', content: ANY }, 404: { description: 'The key isn’t there' } },
    }),
    put: operation('Write a key', {
      parameters: [KEY, IF_MATCH, IF_NONE_MATCH, header('Idempotency-Key', 'Makes a retry of this write safe')],
      requestBody: { required: true, content: ANY },
      responses: { 200: { description: 'The value', content: ANY } },
    }),
    delete: operation('Remove a key', {
      parameters: [KEY, IF_MATCH, header('Idempotency-Key', 'Makes a retry of this removal safe')],
      responses: { 200: { description: 'Whether it was there', content: ANY } },
    }),
  },
};
