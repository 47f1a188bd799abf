import { createRequire } from 'node:module';
import type { Type } from '@nestjs/common';

/** What the routes need of `@nestjs/swagger`. Its own types must not appear: it may be absent. */
interface SwaggerDecorators {
  ApiTags(...tags: string[]): ClassDecorator;
  ApiBearerAuth(): ClassDecorator;
  ApiOperation(operation: { readonly summary: string; readonly description?: string }): MethodDecorator;
  ApiBody(body: { readonly required: boolean; readonly schema: object }): MethodDecorator;
  ApiQuery(query: { readonly name: string; readonly required: boolean; readonly schema: object }): MethodDecorator;
  ApiParam(parameter: { readonly name: string; readonly description: string }): MethodDecorator;
  ApiResponse(response: {
    readonly status: number;
    readonly description: string;
    readonly schema?: object;
  }): MethodDecorator;
  ApiProduces(...types: string[]): MethodDecorator;
}

interface RouteDocumentation {
  readonly summary: string;
  readonly answer: string;
  readonly answerSchema?: object;
  readonly body?: object;
  readonly query?: Readonly<Record<string, object>>;
  readonly param?: string;
  readonly pathParam?: { readonly name: string; readonly description: string };
  readonly produces?: string;
}

const TEXT = { type: 'string' };
const FLAG = { type: 'boolean' };
const COUNT = { type: 'integer', minimum: 0 };
const CHANGE = { expectedIndex: COUNT, force: FLAG, timeoutMs: COUNT };
const object = (properties: Readonly<Record<string, object>>, ...required: string[]): object => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
});
const MEMBERSHIP = object({
  index: COUNT,
  changing: FLAG,
  change: object({
    stage: { type: 'string', enum: ['uncommitted', 'catchingUp', 'joint'] },
    entry: object({ index: COUNT, term: COUNT }),
    voters: { type: 'array', items: TEXT },
    added: { type: 'array', items: TEXT },
    deadline: TEXT,
    ends: TEXT,
    waitsFor: { type: 'array', items: object({ id: COUNT, name: TEXT, why: TEXT }) },
  }),
  members: {
    type: 'array',
    items: object({
      id: COUNT,
      name: TEXT,
      peer: TEXT,
      http: TEXT,
      role: { type: 'string', enum: ['voter', 'learner', 'outgoing'] },
    }),
  },
});
const A_MEMBER = 'The member’s name';
const CHANGED = { answer: 'The membership in the end', answerSchema: MEMBERSHIP };

const ADMIN: Readonly<Record<string, RouteDocumentation>> = {
  status: { summary: 'Where this node stands', answer: 'The node’s state', answerSchema: { type: 'object' } },
  members: { summary: 'The members', answer: 'The membership as this node knows it', answerSchema: MEMBERSHIP },
  add: {
    summary: 'Add a member: it gets its vote once it has caught up',
    body: object({ name: TEXT, peer: TEXT, http: TEXT, voter: FLAG, ...CHANGE }, 'name', 'peer'),
    ...CHANGED,
  },
  update: {
    summary: 'Say where a member is reached from now on',
    body: object({ peer: TEXT, http: TEXT, ...CHANGE }),
    param: A_MEMBER,
    ...CHANGED,
  },
  remove: { summary: 'Remove a member', query: CHANGE, param: A_MEMBER, ...CHANGED },
  cancel: {
    summary: 'Cancel the change that is under way, while that is safe',
    query: { timeoutMs: COUNT },
    answer: 'The membership afterwards',
    answerSchema: MEMBERSHIP,
  },
  promote: { summary: 'Give a learner its vote, once it has caught up', param: A_MEMBER, ...CHANGED },
  transfer: {
    summary: 'Hand the leadership over',
    body: object({ to: TEXT }),
    answer: 'Who leads now',
    answerSchema: object({ leader: TEXT }),
  },
  snapshot: {
    summary: 'Take a snapshot of this node’s state now',
    answer: 'Which entry it covers, and its size',
    answerSchema: object({ index: COUNT, term: COUNT, chunks: COUNT, sizeBytes: COUNT }),
  },
  repair: {
    summary: 'Bring this node back from quarantine as its own replacement',
    answer: 'Where its old store is kept',
    answerSchema: object({ keptAs: TEXT, label: TEXT }),
  },
  sessions: {
    summary: 'The sessions that clients have open',
    answer: 'The sessions, the one that ends first first',
    answerSchema: object({ sessions: { type: 'array', items: { type: 'object' } } }),
  },
  closeSession: {
    summary: 'End a client session',
    answer: 'It is ended',
    answerSchema: object({ closed: TEXT }),
    pathParam: { name: 'id', description: 'The session’s id' },
  },
  events: { summary: 'What happens, as server-sent events', answer: 'A stream', produces: 'text/event-stream' },
  ui: { summary: 'The dashboard', answer: 'A page', produces: 'text/html' },
};

const SHORT_FORMS: Readonly<Record<string, RouteDocumentation>> = {
  transferLeadership: {
    summary: 'Hand the leadership over',
    answer: 'It is handed over',
    answerSchema: object({ transferring: FLAG }),
  },
  removeNode: { summary: 'Remove the node at an HTTP address', query: { hostname: TEXT, port: TEXT }, ...CHANGED },
  deleteNode: { summary: 'Remove the node at an HTTP address', query: { hostname: TEXT, port: TEXT }, ...CHANGED },
};

export function documentAdmin(controller: Type<object>): void {
  documentRoutes(controller, ADMIN);
}

export function documentShortForms(controller: Type<object>): void {
  documentRoutes(controller, SHORT_FORMS);
}

/** Says to `@nestjs/swagger`, where it is installed, what each route takes and answers. */
function documentRoutes(controller: Type<object>, routes: Readonly<Record<string, RouteDocumentation>>): void {
  const swagger = installedSwagger();
  if (swagger === undefined) return;
  swagger.ApiTags('raft')(controller);
  swagger.ApiBearerAuth()(controller);
  const prototype = controller.prototype as object;
  for (const [method, route] of Object.entries(routes)) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, method)!;
    for (const decorate of decoratorsOf(swagger, route)) decorate(prototype, method, descriptor);
  }
}

function decoratorsOf(swagger: SwaggerDecorators, route: RouteDocumentation): readonly MethodDecorator[] {
  const {
    summary,
    answer,
    answerSchema,
    body,
    query = {},
    param,
    pathParam = param === undefined ? undefined : { name: 'name', description: param },
    produces,
  } = route;
  return [
    swagger.ApiOperation({ summary }),
    swagger.ApiResponse({ status: 200, description: answer, ...(answerSchema && { schema: answerSchema }) }),
    swagger.ApiResponse({ status: 400, description: 'A field is missing or wrong; the message says which' }),
    swagger.ApiResponse({ status: 503, description: 'No leader, or this node can’t serve it; code says why' }),
    ...(body === undefined ? [] : [swagger.ApiBody({ required: true, schema: body })]),
    ...Object.entries(query).map(([name, schema]) => swagger.ApiQuery({ name, required: false, schema })),
    ...(pathParam === undefined ? [] : [swagger.ApiParam(pathParam)]),
    ...(produces === undefined ? [] : [swagger.ApiProduces(produces)]),
  ];
}

/** Only its absence is taken for absence: an installation that is broken says so. */
function installedSwagger(): SwaggerDecorators | undefined {
  const require = createRequire(__filename);
  try {
    require.resolve('@nestjs/swagger');
  } catch {
    return undefined;
  }
  return require('@nestjs/swagger') as SwaggerDecorators;
}
