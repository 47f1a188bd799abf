import { isLocalAddress, isLocalHost } from './local-host';

describe('a host that is certainly this machine', () => {
  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '127.1.2.3',
    'localhost',
    'LocalHost',
    '::1',
    '[::1]',
    '0:0:0:0:0:0:0:1',
    '0000:0000:0000:0000:0000:0000:0000:0001',
    '0::1',
    '::0:1',
    '::ffff:127.0.0.1',
    '[::FFFF:127.9.9.9]',
    '::ffff:7f00:1',
  ])('is %s', (host) => {
    expect(isLocalHost(host)).toBe(true);
  });

  it.each([
    '',
    '0.0.0.0',
    '::',
    '[::]',
    '10.0.0.1',
    '128.0.0.1',
    '127.0.0.256',
    '127.0.0',
    '127.0.0.1.example.com',
    '0127.0.0.1',
    '127.0.0.01',
    '2130706433',
    'localhost.',
    'localhost.localdomain',
    'my-localhost',
    'n1',
    '::2',
    '1::',
    '1::1',
    '::1:0',
    '::1::1',
    ':1',
    '1:0:0:0:0:0:0:1',
    '0:0:0:0:0:0:1',
    '::1%eth0',
    'fe80::1',
    '::ffff:10.0.0.1',
    '::ffff:7e00:1',
    '127.0.0.1:7001',
  ])('is not %j', (host) => {
    expect(isLocalHost(host)).toBe(false);
  });

  it('is told from an address with a port', () => {
    expect(['127.0.0.1:7001', '[::1]:7001', 'localhost:1', 'LOCALHOST:65535'].map(isLocalAddress)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['0.0.0.0:7001', 'n1:7001', '[::]:7001', '127.0.0.1', '::1', 'localhost:', ''].map(isLocalAddress)).toEqual([
      false,
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});
