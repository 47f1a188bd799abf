import { formatAddress, parseAddress } from './address';

describe('an address', () => {
  it.each([
    ['n1:7001', { host: 'n1', port: 7001 }],
    ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
    ['[::1]:7001', { host: '::1', port: 7001 }],
  ])('is %s', (text, parsed) => {
    expect(parseAddress(text)).toEqual(parsed);
    expect(formatAddress(parsed)).toBe(text);
  });

  it.each(['', 'n1', ':7001', 'n1:', 'n1:65536', 'n1:7001/x', 'http://n1:7001', '::1:7001', 'a b:1'])(
    'is not %p',
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );
});
