import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PeerTlsOptions } from 'nestjs-raft';
import { Authority, type CertificateOptions } from '../support/certificates';
import { atTheEnd, logged, startNode, stopAll, until } from './transport-under-test';

const ours = new Authority('ours');
const theirs = new Authority('theirs');

afterEach(stopAll);

const withNames = (options: CertificateOptions, more: PeerTlsOptions = {}): PeerTlsOptions => ({
  ...ours.issue(options),
  ca: ours.cert,
  ...more,
});

describe('the certificate of a peer', () => {
  it.each<[string, CertificateOptions]>([
    ['the host of its address', { ips: ['127.0.0.1'] }],
    ['its node name', { dns: ['n1'] }],
    ['its node name, by a wildcard for one label', { dns: ['*.nodes.test'] }],
  ])('may name %s', async (_what, options) => {
    const name = options.dns?.[0]?.startsWith('*') === true ? 'n1.nodes.test' : 'n1';
    const n1 = await startNode(name, { tls: withNames(options) });
    const n2 = await startNode('n2', { tls: withNames({ dns: ['n2'] }) });
    n1.transport.connect(n2.address);
    n2.transport.connect(n1.address);
    await until(() => n1.stateOf(n2.address) === 'connected' && n2.stateOf(n1.address) === 'connected', 'connected');
  });

  it.each<[string, string, CertificateOptions]>([
    ['another node', 'n1', { dns: ['n3'], ips: ['192.0.2.7'] }],
    ['it as its common name alone', 'n1', { commonName: 'n1' }],
    ['two labels by one wildcard', 'a.b.nodes.test', { dns: ['*.nodes.test'] }],
    ['what is below a name that the peer gave itself', '.nodes.test', { dns: ['x.nodes.test'] }],
  ])(
    'must not name %s: refused where it dials, and where it is dialled, before it hears who is there',
    async (_what, name, options) => {
      const n1 = await startNode(name, { tls: withNames(options) });
      const n2 = await startNode('n2', { tls: withNames({ dns: ['n2'] }) });
      Object.assign(n2, { nameAt: () => 'n1' });
      n1.transport.connect(n2.address);
      await until(() => n1.stateOf(n2.address) === 'refused', 'the listener refuses');
      expect(n1.changes.at(-1)!.detail).toContain('your certificate names');
      expect(n1.changes.at(-1)!.detail).not.toContain('n2');
      n2.transport.connect(n1.address);
      await until(() => n2.stateOf(n1.address) === 'refused', 'the dialler refuses');
      expect([...n1.asked, ...n2.asked]).toEqual([]);
    },
  );

  it('may name anybody with `requireNodeName: false`, which is warned of', async () => {
    const lax = { requireNodeName: false };
    const n1 = await startNode('n1', { tls: withNames({ dns: ['n9'] }, lax) });
    const n2 = await startNode('n2', { tls: withNames({ dns: ['n9'] }, lax) });
    n1.transport.connect(n2.address);
    await until(() => n1.stateOf(n2.address) === 'connected', 'connected');
    expect(logged()).toContain('`peers.tls.requireNodeName` is false');
  });

  it.each<[string, () => PeerTlsOptions]>([
    ['has expired', () => withNames({ dns: ['n1'], validTo: new Date('2021-01-01T00:00:00Z') })],
    ['is of another authority', () => ({ ...theirs.issue({ dns: ['n1'] }), ca: ours.cert })],
  ])('is refused where it %s, in both directions', async (_what, tls) => {
    const n1 = await startNode('n1', { tls: tls() });
    const n2 = await startNode('n2', { tls: withNames({ dns: ['n2'] }) });
    n1.transport.connect(n2.address);
    n2.transport.connect(n1.address);
    await until(() => n2.stateOf(n1.address) === 'closed', 'the dialler finds out');
    await until(() => logged().includes('TLS handshake'), 'the listener says so');
    expect([...n1.asked, ...n2.asked]).toEqual([]);
  });
});

describe('files of certificates and secrets', () => {
  function folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'raft-credentials-'));
    atTheEnd(() => rmSync(path, { recursive: true, force: true }));
    return path;
  }

  /** As Kubernetes mounts a secret: files behind a link that is swapped whole. */
  function publish(path: string, version: string, files: Readonly<Record<string, string>>): void {
    mkdirSync(join(path, version));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(path, version, name), text);
    symlinkSync(version, join(path, 'next'));
    renameSync(join(path, 'next'), join(path, 'now'));
  }

  it('are read again when they change: a new authority and new certificates, under load, without a lost connection', async () => {
    const paths = [folder(), folder()];
    const identity = (authority: Authority, name: string, ca: string) => ({ ...authority.issue({ dns: [name] }), ca });
    const give = (version: string, authority: Authority, ca: string): void =>
      paths.forEach((path, at) => publish(path, version, identity(authority, `n${at + 1}`, ca)));
    give('1', ours, ours.cert);
    const nodes = await Promise.all(
      paths.map((path, at) =>
        startNode(`n${at + 1}`, {
          credentialsCheckMs: 20,
          tls: { certFile: join(path, 'now/cert'), keyFile: join(path, 'now/key'), caFile: join(path, 'now/ca') },
        }),
      ),
    );
    const [n1, n2] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    n1.transport.connect(n2.address);
    await until(() => n1.stateOf(n2.address) === 'connected', 'connected');
    let id = 0;
    const load = setInterval(
      () =>
        n1.transport.send(n2.address, {
          kind: 'request',
          groupId: 'g',
          id: ++id,
          method: 'm',
          timeoutMs: 1,
          body: new Uint8Array(1000),
        }),
      2,
    );
    atTheEnd(() => clearInterval(load));
    const bothRead = async (times: number): Promise<void> =>
      until(() => logged().split('have changed').length - 1 >= times, `${times} changes are read`);
    give('2', ours, ours.cert + theirs.cert);
    await bothRead(2);
    give('3', theirs, ours.cert + theirs.cert);
    await bothRead(4);
    give('4', theirs, theirs.cert);
    await bothRead(6);
    expect(n1.changes.map(({ state }) => state)).toEqual(['connecting', 'connected']);
    clearInterval(load);
    await until(() => n2.requestIds().length === id, 'nothing was lost');

    // New connections are made with the new authority alone.
    n1.transport.disconnect(n2.address);
    n1.transport.connect(n2.address);
    await until(() => n1.changes.filter(({ state }) => state === 'connected').length === 2, 'connected anew');
    const old = await startNode('n3', { tls: withNames({ dns: ['n3'] }) });
    old.transport.connect(n2.address);
    await until(() => old.stateOf(n2.address) === 'closed', 'the old authority counts no more');
  });

  it('that can not be used leave the old in use, with one warning: half a pair, no certificate, one that has expired', async () => {
    const path = folder();
    const good = ours.issue({ ips: ['127.0.0.1'] });
    const expired = ours.issue({ ips: ['127.0.0.1'], validTo: new Date('2021-01-01T00:00:00Z') });
    publish(path, '1', { ...good, ca: ours.cert });
    const n1 = await startNode('n1', {
      credentialsCheckMs: 20,
      tls: { certFile: join(path, 'now/cert'), keyFile: join(path, 'now/key'), caFile: join(path, 'now/ca') },
    });
    const bad = { half: { ...good, cert: expired.cert }, none: { ...good, cert: 'nothing' }, expired };
    for (const [version, files] of Object.entries(bad)) {
      const before = logged().split("can't be used").length;
      publish(path, version, { ...files, ca: ours.cert });
      await until(() => logged().split("can't be used").length === before + 1, `${version} is warned of`);
      const seen = logged().length;
      publish(path, `good ${version}`, { ...good, ca: ours.cert });
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(logged().length).toBe(seen);
    }
    const n2 = await startNode('n2', { tls: withNames({ ips: ['127.0.0.1'] }) });
    n2.transport.connect(n1.address);
    await until(() => n2.stateOf(n1.address) === 'connected', 'the old pair is in use');
  });

  it('bring a new secret node by node, and take the old one away', async () => {
    const OLD = 'the secret of yesterday';
    const NEW = 'the secret of tomorrow';
    const paths = [join(folder(), 'secret'), join(folder(), 'secret')];
    const write = (at: number, ...secrets: string[]): void => {
      writeFileSync(`${paths[at]!}.next`, `${secrets.join('\n')}\n`, { mode: 0o600 });
      renameSync(`${paths[at]!}.next`, paths[at]!);
    };
    write(0, OLD);
    write(1, OLD);
    const n1 = await startNode('n1', { secretFile: paths[0]!, credentialsCheckMs: 20 });
    const n2 = await startNode('n2', { secretFile: paths[1]!, credentialsCheckMs: 20 });
    const connects = async (): Promise<void> => {
      for (const [from, to] of [
        [n1, n2],
        [n2, n1],
      ] as const) {
        const before = from.changes.length;
        from.transport.disconnect(to.address);
        from.transport.connect(to.address);
        await until(() => from.changes.slice(before).some(({ state }) => state === 'connected'), 'connected');
      }
    };
    await connects();
    let changes = 0;
    for (const [at, secrets] of [
      [0, [OLD, NEW]],
      [1, [OLD, NEW]],
      [0, [NEW, OLD]],
      [1, [NEW, OLD]],
      [0, [NEW]],
      [1, [NEW]],
    ] as const) {
      write(at, ...(secrets as readonly string[]));
      changes++;
      await until(() => logged().split('`peers.secretFile` has changed').length - 1 === changes, 'it is read');
      await connects();
    }
    const late = await startNode('n3', { secret: OLD });
    late.transport.connect(n1.address);
    await until(() => late.stateOf(n1.address) === 'refused', 'the old secret counts no more');
    expect(logged()).not.toContain(OLD);
  });
});
