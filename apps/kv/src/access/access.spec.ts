import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adminSettingsOf } from './admin-flags';
import { hasToken } from './admin-token';
import { isLocalCaller, isLoopback } from './local-caller';
import { originForm } from './request-target';

describe('the target of a request', () => {
  it.each([
    ['/a/b?c=d', '/a/b?c=d'],
    ['http://host/a/b?c=d', '/a/b?c=d'],
    ['HTTPS://user@host:1/%2Fa', '/%2Fa'],
    ['http://host', '/'],
    ['http://host?c=d', '/?c=d'],
    ['http://host//evil.example/a', '//evil.example/a'],
    ['http://[::1]:9023/a', '/a'],
    ['*', '*'],
  ])('%s is %s', (target, path) => {
    expect(originForm(target)).toBe(path);
  });
});

describe('a caller on this machine', () => {
  const caller = (remoteAddress: string, headers: Record<string, string> = {}): boolean =>
    isLocalCaller({ socket: { remoteAddress }, headers } as unknown as Parameters<typeof isLocalCaller>[0]);

  it('is known by the address of its socket', () => {
    for (const address of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1', '::FFFF:127.0.0.1'])
      expect([address, isLoopback(address)]).toEqual([address, true]);
    for (const address of ['10.0.0.1', '128.0.0.1', '::ffff:10.0.0.1', '::2', '127.evil', 'localhost', ''])
      expect([address, isLoopback(address)]).toEqual([address, false]);
  });

  it('is made by no header', () => {
    for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'host', 'x-client-ip'])
      expect(caller('192.0.2.7', { [name]: '127.0.0.1' })).toBe(false);
  });

  it('is none where a proxy on this machine asks for somebody else', () => {
    for (const name of ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'])
      expect(caller('127.0.0.1', { host: '127.0.0.1:9023', [name]: '127.0.0.1' })).toBe(false);
  });

  it('is none where it asks for a name that a foreign DNS may have given this address', () => {
    for (const host of ['127.0.0.1:9023', '[::1]:9023', 'localhost:9023', 'kv.localhost', '10.0.0.4'])
      expect([host, caller('127.0.0.1', { host })]).toEqual([host, true]);
    for (const host of ['evil.example:9023', '127.0.0.1.evil.example', 'localhost.evil.example', ''])
      expect([host, caller('127.0.0.1', { host })]).toEqual([host, false]);
  });
});

describe('the admin token', () => {
  it('is sent as bearer token, as a whole', () => {
    for (const header of ['Bearer secret', 'bearer  secret']) expect(hasToken(header, 'secret')).toBe(true);
    for (const header of [
      undefined,
      '',
      'secret',
      'Bearer',
      'Bearer ',
      'Bearer secre',
      'Bearer secrets',
      'Basic secret',
    ])
      expect([header, hasToken(header, 'secret')]).toEqual([header, false]);
  });

  const folder = mkdtempSync(join(tmpdir(), 'kv-token-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const fileOf = (text: string): string => {
    const file = join(folder, `token-${text.length}`);
    writeFileSync(file, text);
    return file;
  };

  it('comes from a flag, a file, or a variable of either, the flags first', () => {
    const file = fileOf('from-the-file\n');
    expect(adminSettingsOf({}, {})).toEqual({ adminToken: undefined, adminOpen: false });
    expect(adminSettingsOf({ 'admin-token': 'a' }, { KV_ADMIN_TOKEN: 'b' }).adminToken).toBe('a');
    expect(adminSettingsOf({ 'admin-token-file': file }, { KV_ADMIN_TOKEN: 'b' }).adminToken).toBe('from-the-file');
    expect(adminSettingsOf({}, { KV_ADMIN_TOKEN_FILE: file }).adminToken).toBe('from-the-file');
    expect(adminSettingsOf({}, { KV_ADMIN_TOKEN: '', KV_ADMIN_OPEN: 'true' })).toEqual({
      adminToken: undefined,
      adminOpen: true,
    });
  });

  it.each([
    ['empty', { 'admin-token': '' }, {}, /^--admin-token: the token is empty/],
    [
      'of a file that is empty',
      { 'admin-token-file': fileOf(' \n') },
      {},
      /^--admin-token-file .*: the token is empty/,
    ],
    [
      'of a file that is not there',
      { 'admin-token-file': join(folder, 'none') },
      {},
      /^--admin-token-file: .*none can't be read \(ENOENT\)$/,
    ],
    ['with a space in it', {}, { KV_ADMIN_TOKEN: 'a b' }, /^KV_ADMIN_TOKEN: a token has visible ASCII characters/],
    ['said twice', { 'admin-token': 'a', 'admin-token-file': 'b' }, {}, /exclude each other/],
    ['set on a node that is open', { 'admin-token': 'a', 'admin-open': true }, {}, /^--admin-open lets in everybody/],
    ['set on a node that a variable opens', { 'admin-token': 'a' }, { KV_ADMIN_OPEN: 'true' }, /^--admin-open/],
  ] as const)('is refused where it is %s', (_what, flags, environment, sentence) => {
    expect(() => adminSettingsOf(flags, environment)).toThrow(sentence);
  });

  it('is not opened by half a word', () => {
    expect(() => adminSettingsOf({}, { KV_ADMIN_OPEN: 'yes' })).toThrow('"yes" is neither true nor false');
    expect(adminSettingsOf({ 'admin-open': true }, {}).adminOpen).toBe(true);
  });
});
