import { formTypeOf, otherSiteOf } from './same-origin';

const HOST = 'node.example:9023';
const from = (method: string, headers: Record<string, string>, allowed: string[] = []): string | undefined =>
  otherSiteOf({ method, headers: { host: HOST, ...headers } }, allowed);

describe('A request that another site’s page had a browser send', () => {
  it.each([
    ['a program', 'POST', {}],
    ['a page of this origin', 'POST', { 'sec-fetch-site': 'same-origin', origin: 'http://node.example:9023' }],
    ['the reader, by the address bar', 'GET', { 'sec-fetch-site': 'none' }],
    ['a page of this origin, in an old browser', 'POST', { origin: 'http://node.example:9023' }],
    ['a page of this origin, behind a proxy with TLS', 'POST', { origin: 'https://NODE.example:9023' }],
    ['a form of this origin, in an older one', 'POST', { referer: 'http://node.example:9023/_raft/ui' }],
    ['a link that is followed', 'GET', navigation('cross-site')],
    ['a link that is followed, over plain HTTP', 'GET', { referer: 'http://wiki.example/page' }],
  ])('is not one of %s', (_what, method, headers) => {
    expect(from(method, headers)).toBeUndefined();
  });

  it.each([
    ['a script', 'POST', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 'https://evil.example'],
    ['a script on another port', 'PUT', { 'sec-fetch-site': 'same-site', origin: 'http://a.b' }, 'http://a.b'],
    ['a script that reads', 'GET', { 'sec-fetch-site': 'cross-site' }, 'another site (cross-site)'],
    ['a stream of events', 'GET', { origin: 'https://evil.example' }, 'https://evil.example'],
    ['a form that navigates', 'POST', navigation('cross-site'), 'another site (cross-site)'],
    ['a frame', 'GET', { ...navigation('cross-site'), 'sec-fetch-dest': 'iframe' }, 'another site (cross-site)'],
    ['a sandboxed frame', 'DELETE', { origin: 'null' }, 'null'],
    ['an old browser’s form', 'POST', { referer: 'https://evil.example/page?q' }, 'https://evil.example'],
    ['a page that hides its address', 'POST', { referer: 'about:blank' }, 'null'],
    ['a page on another port', 'POST', { origin: 'http://node.example:3000' }, 'http://node.example:3000'],
    ['a host whose name goes on', 'POST', { origin: 'http://node.example:9023.evil' }, 'http://node.example:9023.evil'],
  ])('is known of %s', (_what, method, headers, site) => {
    expect(from(method, headers)).toBe(site);
  });

  it('may come from an origin that is allowed, and from no other', () => {
    const allowed = ['https://ops.example'];
    const crossSite = { 'sec-fetch-site': 'cross-site' };
    expect(from('POST', { ...crossSite, origin: 'https://ops.example' }, allowed)).toBeUndefined();
    expect(from('POST', { ...crossSite, origin: 'https://ops.example.evil' }, allowed)).toBeDefined();
  });

  it('ignores the ports that schemes have by default', () => {
    const headers = { host: 'node.example', origin: 'https://node.example:443' };
    expect(otherSiteOf({ method: 'POST', headers }, [])).toBeUndefined();
  });
});

describe('A body that a form may have sent', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };

  it('is one with a form’s type and any sign of a browser', () => {
    for (const sign of ['origin', 'referer', 'cookie', 'sec-fetch-site'])
      expect(formTypeOf({ method: 'POST', headers: { ...form, [sign]: 'x' } })).toBe(
        'application/x-www-form-urlencoded',
      );
    expect(formTypeOf({ method: 'POST', headers: { 'content-type': 'Text/Plain', cookie: 'a=b' } })).toBe('text/plain');
  });

  it('isn’t what `curl -d` sends, nor JSON', () => {
    expect(formTypeOf({ method: 'POST', headers: form })).toBeUndefined();
    expect(
      formTypeOf({ method: 'POST', headers: { 'content-type': 'application/json', cookie: 'a=b' } }),
    ).toBeUndefined();
  });
});

function navigation(site: string): Record<string, string> {
  return { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
}
