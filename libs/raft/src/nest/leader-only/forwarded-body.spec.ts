import type { IncomingMessage } from 'node:http';
import { forwardedBody } from './forwarded-body';

function request(headers: Record<string, string>, read = true): IncomingMessage {
  return { headers, readableDidRead: read } as unknown as IncomingMessage;
}

function text(headers: Record<string, string>, parsed: unknown, rawBody?: unknown): string | undefined {
  const body = forwardedBody(request({ 'content-length': '9', ...headers }), parsed, rawBody);
  return body.kind === 'bytes' ? body.bytes.toString() : undefined;
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const JSON_TYPE = { 'content-type': 'application/problem+json; charset=utf-8' };

describe('the body of a call that is sent on', () => {
  it('is none where none was announced, whatever a parser made of it', () => {
    expect(forwardedBody(request({}), {}, undefined)).toEqual({ kind: 'none' });
    expect(forwardedBody(request({ 'content-length': '0' }), {}, undefined)).toEqual({ kind: 'none' });
  });

  it('is the request itself where nobody has read it', () => {
    expect(forwardedBody(request({ 'transfer-encoding': 'chunked' }, false), undefined, undefined)).toEqual({
      kind: 'unread',
    });
  });

  it('is the bytes where they were kept, in place of what was parsed', () => {
    expect(text(JSON_TYPE, { a: 1 }, Buffer.from('{ "a":1 }'))).toBe('{ "a":1 }');
    expect(text({ 'content-type': 'application/octet-stream' }, Buffer.from('bytes'))).toBe('bytes');
  });

  it('is written anew from what was parsed', () => {
    expect(text(JSON_TYPE, 'a string')).toBe('"a string"');
    expect(text(JSON_TYPE, null)).toBe('null');
    expect(text(JSON_TYPE, false)).toBe('false');
    expect(text({ 'content-type': 'text/plain' }, 'a string')).toBe('a string');
    expect(text(FORM, { a: 'ü', list: ['x', 'y'], deep: { er: '&' }, empty: null })).toBe(
      'a=%C3%BC&list%5B0%5D=x&list%5B1%5D=y&deep%5Ber%5D=%26&empty=',
    );
  });

  it('loses its encoding with the bytes that had it', () => {
    const headers = { 'content-length': '9', 'content-encoding': 'gzip', ...JSON_TYPE };

    expect(forwardedBody(request(headers), { a: 1 }, undefined)).toMatchObject({ kind: 'bytes', rewritten: true });
    expect(forwardedBody(request(headers), { a: 1 }, Buffer.from('{"a":1}'))).toMatchObject({ rewritten: true });
    expect(forwardedBody(request({ 'content-length': '7' }), {}, Buffer.from('{"a":1}'))).toMatchObject({
      rewritten: false,
    });
  });
});
