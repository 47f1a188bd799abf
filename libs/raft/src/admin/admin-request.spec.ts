import { changeOptionsOf, fieldsOf, hostPortOf, memberOf, newAddressOf } from './admin-request';

describe('The fields of an administrator’s request', () => {
  it.each([
    ['an object', { a: 1 }],
    ['the bytes of JSON', Buffer.from('{"a":1}')],
    ['JSON as text', ' {"a":1} '],
  ])('come from %s, beside the query', (_what, body) => {
    expect(fieldsOf({ query: { q: '2' }, body })).toEqual({ q: '2', a: 1 });
  });

  it('come from a form, whatever its Content-Type says', () => {
    expect(fieldsOf({ query: {}, body: Buffer.from('hostname=h&port=1') })).toEqual({ hostname: 'h', port: '1' });
    expect(hostPortOf({ hostname: 'h', port: 1 })).toBe('h:1');
    expect(hostPortOf({ hostname: 'h' })).toBeUndefined();
  });

  it.each([
    ['{"a":', 'The body begins as JSON'],
    ['[1]', 'it is a list'],
  ])('are refused where the body is %j', (body, message) => {
    expect(() => fieldsOf({ query: {}, body })).toThrow(message);
    expect(() => fieldsOf({ query: {}, body: Buffer.from(body) })).toThrow(message);
  });

  it('name a member in full, or by its HTTP address alone where the peers’ follows from it', () => {
    expect(memberOf({ name: 'n4', peer: 'n4:7001', http: 'https://n4', voter: 'false' }, undefined)).toEqual({
      name: 'n4',
      peer: 'n4:7001',
      http: 'https://n4',
      voter: false,
    });
    const peerOf = (http: string): string => `${http.split(':')[0]}:7001`;
    expect(memberOf({ http: 'n4:3000' }, peerOf)).toEqual({
      name: 'n4:3000',
      peer: 'n4:7001',
      http: 'http://n4:3000',
      voter: true,
    });
    expect(memberOf({ id: 'n4', hostname: 'n4', port: 3000 }, peerOf)).toMatchObject({ name: 'n4', peer: 'n4:7001' });
    const refusing = (): string => {
      throw new Error('that port is too high');
    };
    expect(() => memberOf({ http: 'n4:60000' }, refusing)).toThrow('that port is too high');
  });

  it('say what of an address changes, and how a change is made', () => {
    expect(newAddressOf({ peer: '[::1]:7001' })).toEqual({ peer: '[::1]:7001' });
    expect(() => newAddressOf({})).toThrow('Say what changes');
    expect(changeOptionsOf({ force: 'true', expectedIndex: '7', timeoutMs: 500 })).toEqual({
      force: true,
      expectedIndex: 7,
      timeoutMs: 500,
    });
    expect(changeOptionsOf({})).toEqual({});
  });
});
