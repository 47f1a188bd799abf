import { RecordingNode } from '../../testing/transport-conformance/recording-node';
import { tcpTransport, type PeerTlsOptions, type TcpTransportOptions } from './index';

// Made for these tests alone, for n1, n2, localhost and 127.0.0.1, and valid for a hundred years.
const CA = `-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIUfSoAf1Ng0JSDRW9xLvsP4JuSa4gwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHdGVzdCBjYTAgFw0yNjExMjIyMjUzNDhaGA8yMTI2MTAyOTIy
NTM0OFowEjEQMA4GA1UEAwwHdGVzdCBjYTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABKOfMagBSZXV8cHHy9uCGsw1EI/hQExobk7lIqDfZlhPXII69GlSawemnozn
POMBgk+RCntxZcgAg472Q8ORzOejUzBRMB0GA1UdDgQWBBSHNeU/gmu/k+sboCVT
KNEUjoj+2jAfBgNVHSMEGDAWgBSHNeU/gmu/k+sboCVTKNEUjoj+2jAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIDhwwWdwWe+GbSuioIHIcbXZlzzi
AGKx2MiWEMFjihXaAiAtjXj3hQrEqPYmFxPBBnl0Y1JgzT467UlFOcy9u/lTjg==
-----END CERTIFICATE-----`;
const N1 = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBhDCCASugAwIBAgIURRL5FTSI67sZruxCdA5NwDS+OuowCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHdGVzdCBjYTAgFw0yNjExMjIyMjUzNDhaGA8yMTI2MTAyOTIy
NTM0OFowDTELMAkGA1UEAwwCbjEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQW
ndHG4DjJM+epUeU5NEAKCttcbZPYKKZRsph/csk8Yzj/j2aq8OrQ/4/6aPlgYLgP
c6PiK0bHUwKsiKn4NjYlo2IwYDAeBgNVHREEFzAVggJuMYIJbG9jYWxob3N0hwR/
AAABMB0GA1UdDgQWBBTmM2BgZrvudZy50cp/NXQGSkGQDjAfBgNVHSMEGDAWgBSH
NeU/gmu/k+sboCVTKNEUjoj+2jAKBggqhkjOPQQDAgNHADBEAiAtAUjYzMi7RRix
C92M9ItIFDmsJTTT69XaV1u+Qfw9SQIgHE5XMRHqpOwYlbXT3TxyiTN6WreQmQcG
d/uOV5P1GMM=
-----END CERTIFICATE-----`,
  key: `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIDrc3KmyJx4QyaY6udtVwqER1H6q2DuBg5LdNf+CmbQzoAoGCCqGSM49
AwEHoUQDQgAEFp3RxuA4yTPnqVHlOTRACgrbXG2T2CimUbKYf3LJPGM4/49mqvDq
0P+P+mj5YGC4D3Oj4itGx1MCrIip+DY2JQ==
-----END EC PRIVATE KEY-----`,
};
const N2 = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIURRL5FTSI67sZruxCdA5NwDS+OuswCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHdGVzdCBjYTAgFw0yNjExMjIyMjUzNDhaGA8yMTI2MTAyOTIy
NTM0OFowDTELMAkGA1UEAwwCbjIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQQ
m45vGY1JeDp2aCo4r3ESRMqhy43lfA991n5Pz3Bh/Kho21mxzP9OgrnWty0LltEy
JgKXldcrVCYHVqoc1XVHo2IwYDAeBgNVHREEFzAVggJuMoIJbG9jYWxob3N0hwR/
AAABMB0GA1UdDgQWBBTnKKX9K8n4FO9zu5r0FktCFvALCTAfBgNVHSMEGDAWgBSH
NeU/gmu/k+sboCVTKNEUjoj+2jAKBggqhkjOPQQDAgNIADBFAiEA2crTdwjmGIYm
9JSPxs7JKfE+3gPrU5SjZcKyOpx2+1YCIDT0BhUSk3IZnRDjd7SLZ5GdmbTJ3tfc
KLkitZWBOAtG
-----END CERTIFICATE-----`,
  key: `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIBSFz0BSwbgOA8my+bY6VwZTTl31lJJ1Y41S+lOtAYf+oAoGCCqGSM49
AwEHoUQDQgAEEJuObxmNSXg6dmgqOK9xEkTKocuN5XwPfdZ+T89wYfyoaNtZscz/
ToK51rctC5bRMiYCl5XXK1QmB1aqHNV1Rw==
-----END EC PRIVATE KEY-----`,
};
/** Says that it is n1, and no authority that the others know says so. */
const SELF_SIGNED = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBcTCCARegAwIBAgIUQzqhZpjT2fX8lLRnvWhItM8naSYwCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCbjEwIBcNMjYxMTIyMjI1MzQ4WhgPMjEyNjEwMjkyMjUzNDha
MA0xCzAJBgNVBAMMAm4xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEuXciPfUP
Z4YqR+hDH3pJxpCrOsqWcXxuwwkzkXOsFXEV+++gybkjXfQCZvQpQtMB8Bjwhg+T
cFWZlieGWkvLZ6NTMFEwHQYDVR0OBBYEFDtC8Do2hV2zRpOLg32mqkYBhpZlMB8G
A1UdIwQYMBaAFDtC8Do2hV2zRpOLg32mqkYBhpZlMA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDSAAwRQIhALq/Q5pM6Nea1lopBqGj6JC+cxnM+jb0wS8WryH1
0i1sAiAbB13yYvbwH89dIXY5IBmIIuGJ/kgoMFOBmLpqoNTMIg==
-----END CERTIFICATE-----`,
  key: `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIJNUeMzjY18BcqfhZKKrHWTfu1fzef7d09K/Kglr4jpLoAoGCCqGSM49
AwEHoUQDQgAEuXciPfUPZ4YqR+hDH3pJxpCrOsqWcXxuwwkzkXOsFXEV+++gybkj
XfQCZvQpQtMB8Bjwhg+TcFWZlieGWkvLZw==
-----END EC PRIVATE KEY-----`,
};

const SECRET = 'sixteen or more characters';

let lines: string[] = [];
const stops: (() => unknown)[] = [];
const logger = {
  debug: () => {},
  log: () => {},
  warn: (line: string) => lines.push(line),
  error: (line: string) => lines.push(line),
};

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
  lines = [];
});

async function startNode(name: string, options: Partial<TcpTransportOptions>): Promise<RecordingNode> {
  const transport = tcpTransport({ listen: '127.0.0.1:0', logger, ...options });
  const node = new RecordingNode(name, transport);
  await node.start();
  stops.push(() => transport.stop());
  return node;
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 8000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within 8 s: ${what}; log: ${lines.join(' | ')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function lastDetail(node: RecordingNode): string {
  return node.changes.at(-1)!.detail;
}

const identity = (own: PeerTlsOptions, more: PeerTlsOptions = {}): PeerTlsOptions => ({ ...own, ca: CA, ...more });

describe('peers over TLS', () => {
  it('talk where each shows a certificate of the authority, with and without a secret', async () => {
    for (const secret of [undefined, SECRET]) {
      const n1 = await startNode('n1', { tls: identity(N1), secret });
      const n2 = await startNode('n2', { tls: identity(N2), secret });
      n1.transport.connect(n2.address);
      await until(() => n1.stateOf(n2.address) === 'connected', 'connected');
      n1.transport.send(n2.address, {
        kind: 'request',
        groupId: 'g',
        id: 1,
        method: 'm',
        timeoutMs: 1,
        body: new Uint8Array(500_000),
      });
      await until(() => n2.requestIds().length === 1, 'the request arrives');
    }
  });

  it('turn away one whose certificate is not of the authority', async () => {
    const n2 = await startNode('n2', { tls: identity(N2) });
    const stranger = await startNode('n1', { tls: identity(SELF_SIGNED) });
    stranger.transport.connect(n2.address);
    n2.transport.connect(stranger.address);
    await until(() => n2.stateOf(stranger.address) === 'closed', 'the dialler finds out');
    await until(() => lines.some((line) => line.includes('TLS handshake')), 'the listener says so');
    expect(stranger.changes.map(({ state }) => state)).not.toContain('connected');
    expect(n2.asked).toEqual([]);
  });

  it('turn away one that speaks without TLS, and end nothing else', async () => {
    const n2 = await startNode('n2', { tls: identity(N2) });
    const plain = await startNode('n1', {});
    plain.transport.connect(n2.address);
    const turnedAway: string[] = [];
    Object.assign(plain, { turnedAway: (_address: string, sentence: string) => turnedAway.push(sentence) });
    await until(() => plain.stateOf(n2.address) === 'closed', 'it is closed');
    expect(lastDetail(plain)).toMatch(/before it said anything: it may ask for TLS and a certificate.*`peers\.tls`/);
    await until(() => turnedAway.length >= 2, 'it is told each time');
    expect(turnedAway[0]).toBe(lastDetail(plain));
    expect(n2.asked).toEqual([]);
  });

  it('say on both sides what is wrong where one dials with TLS and the other has none', async () => {
    const n2 = await startNode('n2', { tls: identity(N2) });
    const plain = await startNode('n1', {});
    n2.transport.connect(plain.address);
    await until(() => n2.stateOf(plain.address) === 'closed', 'it is closed');
    expect(lastDetail(n2)).toMatch(/^the TLS handshake failed .*the peer may have no TLS/);
    await until(
      () => lines.some((line) => line.includes('the peer speaks TLS (`peers.tls`), and this side has none')),
      'said',
    );
  });
});

describe('a shared secret', () => {
  it('refuses a peer with another one on both sides, with a sentence that does not tell it', async () => {
    const n1 = await startNode('n1', { secret: SECRET });
    const n2 = await startNode('n2', { secret: 'some other secret of enough length' });
    n1.transport.connect(n2.address);
    await until(() => n1.stateOf(n2.address) === 'refused', 'it is refused');
    expect(lastDetail(n1)).toContain("your secret (`peers.secret`) isn't this node's");
    expect(lines.join()).not.toContain(SECRET);
    expect([...n1.asked, ...n2.asked]).toEqual([]);
  });

  it('refuses a peer that has none, and tells it what to configure', async () => {
    const n1 = await startNode('n1', {});
    const n2 = await startNode('n2', { secret: SECRET });
    n1.transport.connect(n2.address);
    await until(() => n1.stateOf(n2.address) === 'refused', 'it is refused');
    expect(lastDetail(n1)).toContain('this node asks its peers for a secret (`peers.secret`), and you have none');
    expect(n2.asked).toEqual([]);
  });
});
