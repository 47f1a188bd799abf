import { isUtf8 } from 'node:buffer';
import { BadRequestException, NotFoundException, PayloadTooLargeException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ReadConsistency } from 'nestjs-raft';

export const MAX_KEY_BYTES = 1024;
export const MAX_VALUE_BYTES = 1024 * 1024;

/**
 * A key is the request's path, decoded, with its leading slash.
 *
 * @throws NotFoundException for a path under `/_`, which is the app's own
 * @throws BadRequestException where it can't be decoded or is too long
 */
export function keyOf(request: FastifyRequest): string {
  const { url } = request;
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  const key = path.includes('%') ? decode(path) : path;
  if (key.startsWith('/_'))
    throw new NotFoundException(
      `There is no ${request.method} ${key}; paths under /_ are the application's own, not keys`,
    );
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new BadRequestException(`A key has at most ${MAX_KEY_BYTES} bytes; this one has ${Buffer.byteLength(key)}`);
  return key;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new BadRequestException(`The path ${path} isn't valid percent-encoded UTF-8`);
  }
}

/**
 * The body as JSON text, whatever Content-Type says: `curl -d` sends that of a form.
 *
 * @throws BadRequestException where it isn't JSON
 */
export function jsonOf(request: FastifyRequest): string {
  const { body } = request;
  if (!Buffer.isBuffer(body) || body.length === 0)
    throw new BadRequestException('The body must be the value, as JSON; it is empty');
  if (body.length > MAX_VALUE_BYTES)
    throw new PayloadTooLargeException(`A value has at most ${MAX_VALUE_BYTES} bytes; this one has ${body.length}`);
  if (!isUtf8(body)) throw new BadRequestException("The body isn't JSON: it is no valid UTF-8");
  const json = body.toString('utf8').trim();
  try {
    JSON.parse(json);
  } catch (error) {
    throw new BadRequestException(`The body isn't JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return json;
}

/** @throws BadRequestException where it is none of the three */
export function consistencyOf(request: FastifyRequest): ReadConsistency {
  const { consistency } = request.query as { readonly consistency?: unknown };
  switch (consistency) {
    case undefined:
    case 'linearizable':
      return 'linearizable';
    case 'lease':
    case 'stale':
      return consistency;
    default:
      throw new BadRequestException(`consistency must be linearizable, lease or stale, not ${String(consistency)}`);
  }
}

/** A header that a request may have once. */
export function headerOf(request: FastifyRequest, name: 'if-match' | 'if-none-match'): string | undefined {
  return request.headers[name];
}

export const MAX_IDEMPOTENCY_KEY_BYTES = 255;

/**
 * The key by which a repeated request is told from another one.
 *
 * @returns undefined where there is none
 * @throws BadRequestException where it is empty or too long
 */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || key === '' || Buffer.byteLength(key) > MAX_IDEMPOTENCY_KEY_BYTES)
    throw new BadRequestException(`Idempotency-Key must have 1 to ${MAX_IDEMPOTENCY_KEY_BYTES} bytes`);
  return key;
}
