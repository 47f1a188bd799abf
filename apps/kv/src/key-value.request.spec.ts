import { BadRequestException, NotFoundException, PayloadTooLargeException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { consistencyOf, jsonOf, keyOf, MAX_KEY_BYTES, MAX_VALUE_BYTES } from './key-value.request';

const request = (parts: { url?: string; body?: unknown; query?: unknown }): FastifyRequest =>
  ({ method: 'PUT', url: '/key', query: {}, ...parts }) as unknown as FastifyRequest;

describe('the key of a request', () => {
  it.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a?consistency=stale', '/a'],
    ['/a%20b?x=%20', '/a b'],
    ['/%C3%BC', '/ü'],
    ['/a%2Fb', '/a/b'],
    ['/a_b', '/a_b'],
    [`/${'k'.repeat(MAX_KEY_BYTES - 1)}`, `/${'k'.repeat(MAX_KEY_BYTES - 1)}`],
  ])('of %s is its decoded path', (url, key) => {
    expect(keyOf(request({ url }))).toBe(key);
  });

  it.each([
    ['over 1 KiB', `/${'k'.repeat(MAX_KEY_BYTES)}`, BadRequestException, /at most 1024 bytes; this one has 1025/],
    ['over 1 KiB as UTF-8', `/${'%C3%BC'.repeat(512)}`, BadRequestException, /has 1025/],
    ['badly encoded', '/%zz', BadRequestException, /isn't valid percent-encoded UTF-8/],
    ['no UTF-8', '/%FF', BadRequestException, /isn't valid percent-encoded UTF-8/],
    ["under the app's own paths", '/_raft/statuses', NotFoundException, /There is no PUT \/_raft\/statuses/],
    ["under the app's own paths, encoded", '/%5Fraft', NotFoundException, /There is no PUT \/_raft/],
  ])('is refused where it is %s', (_what, url, type, sentence) => {
    expect(() => keyOf(request({ url }))).toThrow(type);
    expect(() => keyOf(request({ url }))).toThrow(sentence);
  });
});

describe('the value of a request', () => {
  it.each([
    ['{"a": 1}', '{"a": 1}'],
    [' null\n', 'null'],
    ['"ü"', '"ü"'],
  ])('%j is kept as it came, but for white space around it', (body, json) => {
    expect(jsonOf(request({ body: Buffer.from(body) }))).toBe(json);
  });

  it.each([
    ['absent', undefined, BadRequestException, /it is empty/],
    ['empty', Buffer.alloc(0), BadRequestException, /it is empty/],
    ['white space', Buffer.from('  '), BadRequestException, /isn't JSON/],
    ['half of it', Buffer.from('{"a":'), BadRequestException, /isn't JSON/],
    ['two values', Buffer.from('1 2'), BadRequestException, /isn't JSON/],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), BadRequestException, /no valid UTF-8/],
    ['over 1 MiB', Buffer.alloc(MAX_VALUE_BYTES + 1, '1'), PayloadTooLargeException, /at most 1048576 bytes/],
  ])('is refused where it is %s', (_what, body, type, sentence) => {
    expect(() => jsonOf(request({ body }))).toThrow(type);
    expect(() => jsonOf(request({ body }))).toThrow(sentence);
  });
});

describe('the consistency of a read', () => {
  it.each([
    [{}, 'linearizable'],
    [{ consistency: 'linearizable' }, 'linearizable'],
    [{ consistency: 'lease' }, 'lease'],
    [{ consistency: 'stale' }, 'stale'],
  ])('of %j is %s', (query, consistency) => {
    expect(consistencyOf(request({ query }))).toBe(consistency);
  });

  it.each([[''], ['Stale'], [['stale', 'lease']]])('is refused as %j', (consistency) => {
    expect(() => consistencyOf(request({ query: { consistency } }))).toThrow(BadRequestException);
  });
});
