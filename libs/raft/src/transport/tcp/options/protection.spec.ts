import { clientProtectionOf, protectionOf } from './protection';
import { tcpTransport } from '../tcp-transport';
import { tcpClientTransport } from '../tcp-client-transport';

const SECRET = 'sixteen or more characters';

describe('what keeps strangers out', () => {
  it.each([
    ['none', {}],
    ['none', { insecure: false }],
    ['insecure', { insecure: true }],
    ['secret', { secret: SECRET }],
    ['secret', { secretFile: '/a/file' }],
    ['tls', { tls: { key: 'k', cert: 'c', ca: 'a' } }],
    ['tls', { tls: { caFile: 'a' } }],
    ['tls+secret', { tls: { ca: 'a' }, secret: [SECRET] }],
    // Encrypted, and open to everybody.
    ['none', { tls: { key: 'k', cert: 'c' } }],
    ['none', { tls: { ca: 'a', rejectUnauthorized: false } }],
    ['none', { tls: { ca: 'a', requestCert: false } }],
    ['secret', { tls: { key: 'k', cert: 'c' }, secret: SECRET }],
  ] as const)('is %s with %j', (protection, options) => {
    expect(protectionOf(options)).toBe(protection);
  });

  it('is for a client what tells nodes from others', () => {
    expect(clientProtectionOf({})).toBe('none');
    expect(clientProtectionOf({ insecure: true })).toBe('insecure');
    expect(clientProtectionOf({ secret: SECRET })).toBe('secret');
    // Without `ca`, by the authorities that the system knows.
    expect(clientProtectionOf({ tls: {} })).toBe('tls');
    expect(clientProtectionOf({ tls: { rejectUnauthorized: false } })).toBe('none');
    expect(clientProtectionOf({ tls: {}, secret: SECRET })).toBe('tls+secret');
  });

  it('is said by the transport, for the node to judge by', () => {
    expect(tcpTransport({ listen: '127.0.0.1:0' }).protection).toBe('none');
    expect(tcpTransport({ listen: '127.0.0.1:0', secret: SECRET }).protection).toBe('secret');
    expect(tcpClientTransport({ secret: SECRET }).protection).toBe('secret');
  });

  it('is not there where everybody is let in explicitly, beside a secret', () => {
    expect(() => tcpTransport({ listen: '127.0.0.1:0', secret: SECRET, insecure: true })).toThrow(
      /`peers.insecure` is true beside a secret or TLS/,
    );
    expect(() => tcpTransport({ listen: '127.0.0.1:0', insecure: 'yes' as never })).toThrow(
      /`peers.insecure` is yes; write true or false/,
    );
  });
});
