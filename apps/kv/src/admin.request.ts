import { BadRequestException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { MemberTarget } from 'nestjs-raft';
import { CommandLineError } from './command-line.error';
import { formatHostPort, parseHostPort, peerPortOf } from './host-port';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The fields of an administrator's request: from the query, and from a body of JSON or of a form, whatever its Content-Type
 * says.
 *
 * @throws BadRequestException where the body is neither
 */
export function fieldsOf(request: FastifyRequest): Fields {
  const query = request.query as Fields;
  const { body } = request;
  if (!Buffer.isBuffer(body) || body.length === 0) return query;
  const text = body.toString('utf8').trim();
  if (!text.startsWith('{')) return { ...query, ...Object.fromEntries(new URLSearchParams(text)) };
  try {
    return { ...query, ...(JSON.parse(text) as Fields) };
  } catch {
    throw new BadRequestException('The body is neither JSON nor a form');
  }
}

/**
 * `{ id, http: "HOST:PORT" }`, and where they differ from what follows from that, `peer: "HOST:PORT"` and `voter: false`.
 *
 * @throws BadRequestException
 */
export function memberOf(fields: Fields): MemberTarget {
  const http = textOf(fields, 'http') ?? hostPortOf(fields);
  if (http === undefined) throw new BadRequestException('Say where the member is: http, as HOST:PORT');
  try {
    const address = parseHostPort('http', http.replace(/^https?:\/\//, ''));
    const peer = textOf(fields, 'peer') ?? `${address.host}:${peerPortOf('http', address)}`;
    parseHostPort('peer', peer);
    return {
      name: textOf(fields, 'id') ?? formatHostPort(address),
      peer,
      http: http.startsWith('https://') ? http : `http://${formatHostPort(address)}`,
      voter: flagOf(fields, 'voter') ?? true,
    };
  } catch (error) {
    if (error instanceof CommandLineError) throw new BadRequestException(error.message);
    throw error;
  }
}

/** @throws BadRequestException where the field is there and is no text */
export function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new BadRequestException(`${name} must be a text`);
}

/** @throws BadRequestException where the field is there and is neither true nor false */
export function flagOf(fields: Fields, name: string): boolean | undefined {
  const value = fields[name];
  if (value === undefined || value === '') return undefined;
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new BadRequestException(`${name} must be true or false`);
}

/** `hostname` and `port`, as the short form of a removal names a node. */
export function hostPortOf(fields: Fields): string | undefined {
  const hostname = textOf(fields, 'hostname');
  const port = textOf(fields, 'port');
  return hostname === undefined || port === undefined ? undefined : `${hostname}:${port}`;
}
