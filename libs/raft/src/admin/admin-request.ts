import { BadRequestException } from '@nestjs/common';
import type { ChangeOptions, MemberTarget } from '../runtime/status/membership-view';

/** What the routes need of a request, of Express or of Fastify, with its body parsed or as its bytes. */
export interface AdminRequest {
  readonly method: string;
  readonly query: unknown;
  readonly body?: unknown;
}

export type Fields = Readonly<Record<string, unknown>>;

const HOST_PORT = /^(?:\[[0-9a-f:.]+\]|[^\s:/[\]]+):(\d{1,5})$/i;
const ORIGIN = /^https?:\/\/[^\s/]+$/;

/**
 * The fields of a request: from its query, and from its body, be it JSON or a form, whatever its Content-Type says.
 *
 * @throws BadRequestException where the body is neither
 */
export function fieldsOf({ query, body }: Pick<AdminRequest, 'query' | 'body'>): Fields {
  const fromQuery = isFields(query) ? query : {};
  if (body === undefined || body === null) return fromQuery;
  if (body instanceof Uint8Array) return { ...fromQuery, ...parsed(Buffer.from(body).toString('utf8').trim()) };
  if (typeof body === 'string') return { ...fromQuery, ...parsed(body.trim()) };
  if (isFields(body)) return { ...fromQuery, ...body };
  throw new BadRequestException('The body must be an object of fields, such as {"name":"n4","peer":"n4:7001"}.');
}

function parsed(text: string): Fields {
  if (text === '') return {};
  if (!text.startsWith('{') && !text.startsWith('[')) return Object.fromEntries(new URLSearchParams(text));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BadRequestException("The body begins as JSON and isn't JSON: send an object of fields, or a form.");
  }
  if (!isFields(value)) throw new BadRequestException('The body must be an object of fields, and it is a list.');
  return value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * `{ name, peer, http?, voter? }`; `id` is taken for `name`, and `hostname` with `port` for `http`.
 *
 * @throws BadRequestException
 */
export function memberOf(fields: Fields, peerOf: ((http: string) => string) | undefined): MemberTarget {
  const http = httpOf(fields);
  const address = http?.replace(/^https?:\/\//, '');
  const peer = addressOf(fields, 'peer') ?? (address === undefined ? undefined : derived(address, peerOf));
  const name = textOf(fields, 'name') ?? textOf(fields, 'id') ?? (peerOf && address);
  if (name === undefined) throw new BadRequestException("Say the new member's name: name, such as n4.");
  if (peer === undefined)
    throw new BadRequestException(`Say where the peers of ${name} reach it: peer, as host:port, such as n4:7001.`);
  return { name, peer, ...(http !== undefined && { http }), voter: flagOf(fields, 'voter') ?? true };
}

/** `{ peer?, http? }`, at least one of them. @throws BadRequestException */
export function newAddressOf(fields: Fields): { readonly peer?: string; readonly http?: string } {
  const [peer, http] = [addressOf(fields, 'peer'), httpOf(fields)];
  if (peer === undefined && http === undefined)
    throw new BadRequestException('Say what changes: peer as host:port, http as an origin such as http://n4:3000.');
  return { ...(peer !== undefined && { peer }), ...(http !== undefined && { http }) };
}

/** `{ expectedIndex?, force?, timeoutMs? }`. @throws BadRequestException */
export function changeOptionsOf(fields: Fields): ChangeOptions {
  const [expectedIndex, timeoutMs] = [countOf(fields, 'expectedIndex'), countOf(fields, 'timeoutMs')];
  const force = flagOf(fields, 'force');
  return {
    ...(expectedIndex !== undefined && { expectedIndex }),
    ...(force !== undefined && { force }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
}

/** `hostname` and `port`, by which the short form of a removal names a node. */
export function hostPortOf(fields: Fields): string | undefined {
  const [hostname, port] = [textOf(fields, 'hostname'), textOf(fields, 'port')];
  return hostname === undefined || port === undefined ? undefined : `${hostname}:${port}`;
}

/** @throws BadRequestException where the field is there and is no text */
export function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new BadRequestException(`${name} is ${JSON.stringify(value)}: write a text.`);
}

function derived(address: string, peerOf: ((http: string) => string) | undefined): string | undefined {
  if (peerOf === undefined) return undefined;
  try {
    return peerOf(address);
  } catch (error) {
    throw new BadRequestException(error instanceof Error ? error.message : String(error));
  }
}

function httpOf(fields: Fields): string | undefined {
  const given = textOf(fields, 'http') ?? hostPortOf(fields);
  if (given === undefined) return undefined;
  const origin = /^https?:\/\//.test(given) ? given : `http://${given}`;
  if (!ORIGIN.test(origin))
    throw new BadRequestException(`http is ${JSON.stringify(given)}: write an origin, such as http://n4:3000.`);
  return origin;
}

function addressOf(fields: Fields, name: string): string | undefined {
  const value = textOf(fields, name);
  if (value === undefined) return undefined;
  const port = Number(HOST_PORT.exec(value)?.[1]);
  if (!(port >= 1 && port <= 65_535))
    throw new BadRequestException(`${name} is ${JSON.stringify(value)}: write host:port, such as n4:7001.`);
  return value;
}

function flagOf(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  if (value === undefined || value === '') return undefined;
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new BadRequestException(`${name} is ${JSON.stringify(value)}: write true or false.`);
}

function countOf(fields: Fields, name: string): number | undefined {
  const text = textOf(fields, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw new BadRequestException(`${name} is ${JSON.stringify(text)}: write a whole number from 0 on.`);
  return Number(text);
}
