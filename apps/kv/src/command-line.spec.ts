import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CommandLineError } from './command-line.error';
import { type NodeSettings, parseCommandLine } from './command-line';

const parse = (...args: string[]): NodeSettings => {
  const settings = parseCommandLine(args);
  if (settings === 'help') throw new Error('help');
  return settings;
};
/** With nodes on other machines, and nobody who proves anything. */
const elsewhere = (...args: string[]): NodeSettings => parse('--insecure-peers', ...args);
const complaint = (...args: string[]): string => {
  try {
    parseCommandLine(args);
  } catch (error) {
    if (error instanceof CommandLineError) return error.message;
    throw error;
  }
  return 'none';
};

describe('the command line', () => {
  it('makes a node of its own where nothing is said', () => {
    expect(parse()).toEqual({
      id: '127.0.0.1:9023',
      listen: { host: '0.0.0.0', port: 9023 },
      peerListen: { host: '127.0.0.1', port: 19_023 },
      peerProof: {},
      founders: [{ id: '127.0.0.1:9023', http: { host: '127.0.0.1', port: 9023 }, peerPort: 19_023 }],
      heartbeatIntervalMs: 100,
      electionTimeoutMs: 1000,
      storage: 'embedded',
      databaseUrl: undefined,
      dataDir: resolve('.raft/127.0.0.1_9023'),
      forceBootstrap: false,
      onEmptyStore: 'refuse',
      onFollower: 'redirect',
      redirectStatus: undefined,
      join: undefined,
      joinAs: 'voter',
      adminToken: undefined,
      adminOpen: false,
      snapshotAfterEntries: undefined,
      snapshotAfterBytes: undefined,
      leaseReads: undefined,
      debug: false,
    });
  });

  it('joins through a member, by its HTTP address, with the peer port that follows or is said', () => {
    expect(elsewhere('--join-url', '10.0.0.1:9023')).toMatchObject({ join: '10.0.0.1:19023', joinAs: 'voter' });
    expect(
      elsewhere('--join-url', '10.0.0.1:9023/7001', '--join-as', 'learner', '--advertise-url', '10.0.0.4:9024/7004'),
    ).toMatchObject({
      join: '10.0.0.1:7001',
      joinAs: 'learner',
      peerListen: { port: 7004 },
      founders: [{ http: { host: '10.0.0.4', port: 9024 }, peerPort: 7004 }],
    });
    expect(() => parse('--join-url', '10.0.0.1:9023', '--initial-advertise-peers', 'a:1')).toThrow('founds no cluster');
  });

  it('takes how long a lease lasts, and when snapshots are taken', () => {
    expect(parse('--lease-reads', '0.9', '--snapshot-bytes', '1000', '--snapshot-entries', '10')).toMatchObject({
      leaseReads: 0.9,
      snapshotAfterBytes: 1000,
      snapshotAfterEntries: 10,
    });
    expect(() => parse('--lease-reads', '1')).toThrow('0.5 to 0.95');
    expect(() => parse('--snapshot-bytes', '1.5')).toThrow("isn't a whole number above 0");
  });

  describe('what peers prove', () => {
    let folder: string;
    let file: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'kv-peers-'));
      file = join(folder, 'a-file');
      writeFileSync(file, 'the secret of the nodes');
    });
    afterAll(() => rmSync(folder, { recursive: true }));
    afterEach(() => {
      for (const name of Object.keys(process.env)) if (name.startsWith('KV_')) delete process.env[name];
    });

    it('is what flags say, or variables, the flag first', () => {
      expect(parse('--peer-secret-file', file).peerProof).toEqual({ secretFile: file });
      expect(parse('--peer-cert', file, '--peer-key', file, '--peer-ca', file).peerProof).toEqual({
        tls: { certFile: file, keyFile: file, caFile: file },
      });
      expect(parse('--insecure-peers').peerProof).toEqual({ insecure: true });
      process.env['KV_PEER_SECRET_FILE'] = file;
      expect(parse().peerProof).toEqual({ secretFile: file });
      process.env['KV_PEER_SECRET_FILE'] = '/nowhere';
      expect(parse('--peer-secret-file', file).peerProof).toEqual({ secretFile: file });
      Object.assign(process.env, { KV_PEER_SECRET_FILE: '', KV_PEER_CERT: file, KV_PEER_KEY: file, KV_PEER_CA: file });
      expect(parse().peerProof).toEqual({ tls: { certFile: file, keyFile: file, caFile: file } });
      Object.assign(process.env, { KV_PEER_CERT: '', KV_PEER_KEY: '', KV_PEER_CA: '', KV_INSECURE_PEERS: 'true' });
      expect(parse().peerProof).toEqual({ insecure: true });
    });

    it('is refused where it contradicts itself, lacks a half or cannot be read', () => {
      expect(complaint('--peer-secret-file', '/nowhere')).toMatch(
        /^--peer-secret-file: \/nowhere can't be read \(ENOENT\)$/,
      );
      expect(complaint('--peer-cert', file, '--peer-key', file)).toMatch(/go together: give all three/);
      expect(complaint('--insecure-peers', '--peer-secret-file', file)).toMatch(/^--insecure-peers lets everybody in/);
      process.env['KV_PEER_CA'] = '/nowhere';
      expect(complaint()).toMatch(/^KV_PEER_CA: \/nowhere can't be read/);
      process.env['KV_PEER_CA'] = '';
      process.env['KV_INSECURE_PEERS'] = 'yes';
      expect(complaint()).toMatch(/^KV_INSECURE_PEERS: "yes" is neither true nor false$/);
    });

    it.each([
      ['--initial-advertise-peers', ['--initial-advertise-peers', 'n1=127.0.0.1:9023,n2=b.example:9023', '--id', 'n1']],
      ['--listen-url', ['--listen-url', '10.0.0.5:9023']],
      ['--advertise-url', ['--advertise-url', 'a.example:9023']],
      ['--join-url', ['--join-url', 'http://b.example:9023']],
    ])('decides whether %s may name another machine', (flag, args) => {
      expect(complaint(...args)).toMatch(
        new RegExp(`^${flag}: \\S+ isn't certainly this machine, and peers prove nothing.*--peer-secret-file`),
      );
      expect(complaint(...args, '--peer-secret-file', file)).toBe('none');
      expect(complaint(...args, '--insecure-peers')).toBe('none');
    });

    it('decides where to listen for peers: on all interfaces only where they prove something', () => {
      const at = (...args: string[]): string => parse(...args).peerListen.host;
      expect(at('--listen-url', '0.0.0.0:9023')).toBe('127.0.0.1');
      expect(at('--listen-url', '[::]:9023')).toBe('127.0.0.1');
      expect(at('--listen-url', '0.0.0.0:9023', '--advertise-url', 'localhost:9023')).toBe('127.0.0.1');
      expect(at('--listen-url', '[::]:9023', '--advertise-url', '[::1]:9023')).toBe('[::1]');
      expect(at('--listen-url', '10.0.0.5:9023', '--advertise-url', '127.0.0.2:9023')).toBe('127.0.0.2');
      expect(at('--listen-url', '[::1]:9023')).toBe('[::1]');
      expect(at('--peer-secret-file', file)).toBe('0.0.0.0');
      expect(at('--insecure-peers')).toBe('0.0.0.0');
    });
  });

  it('asks for help before it looks at anything else', () => {
    expect(parseCommandLine(['--help', '--storage', 'tape'])).toBe('help');
  });

  it('takes the flags that are said', () => {
    expect(
      parse(
        ...['--listen-url', '[::1]:3000', '--id', 'a', '--heartbeat-interval', '50', '--election-timeout', '400'],
        ...[
          '--storage',
          'memory',
          '--force-bootstrap',
          '--on-empty-store',
          'rejoin',
          '--on-follower',
          'reject',
          '--redirect-status',
          '308',
          '--debug',
        ],
      ),
    ).toMatchObject({
      id: 'a',
      listen: { host: '[::1]', port: 3000 },
      heartbeatIntervalMs: 50,
      electionTimeoutMs: 400,
      storage: 'memory',
      forceBootstrap: true,
      onEmptyStore: 'rejoin',
      onFollower: 'reject',
      redirectStatus: 308,
      debug: true,
    });
  });

  describe('the founders', () => {
    const list = 'n1=a.example:9023,n2=b.example:9023/7001,c.example:9024';

    it('have an id, an address and a port for peers each, said or derived', () => {
      expect(elsewhere('--initial-advertise-peers', list, '--id', 'n1').founders).toEqual([
        { id: 'n1', http: { host: 'a.example', port: 9023 }, peerPort: 19_023 },
        { id: 'n2', http: { host: 'b.example', port: 9023 }, peerPort: 7001 },
        { id: 'c.example:9024', http: { host: 'c.example', port: 9024 }, peerPort: 19_024 },
      ]);
    });

    it('include this node: by id, else by its advertised address, else by its listening address', () => {
      const self = (...args: string[]) => elsewhere('--initial-advertise-peers', list, ...args);
      expect(self('--id', 'n2')).toMatchObject({ id: 'n2', peerListen: { host: '0.0.0.0', port: 7001 } });
      expect(self('--advertise-url', 'b.example:9023').id).toBe('n2');
      expect(self('--listen-url', 'a.example:9023').id).toBe('n1');
      expect(self('--listen-url', '0.0.0.0:9024').id).toBe('c.example:9024');
    });

    it.each([
      ['an unknown id', ['--id', 'n9'], /^--id: n9 is none of the founders \(n1, n2, c\.example:9024\)$/],
      ['an unknown address', ['--advertise-url', 'd.example:9023'], /^--advertise-url: d\.example:9023 is none of/],
      [
        'an address that could be two',
        ['--listen-url', '0.0.0.0:9023'],
        /^--listen-url: 0\.0\.0\.0:9023 could be each of n1, n2/,
      ],
    ])('refuse %s', (_what, args, sentence) => {
      expect(complaint('--initial-advertise-peers', list, ...args)).toMatch(sentence);
    });

    it.each([
      ['n1=a:1,n1=b:1', /the id n1 is there twice/],
      ['n1=a:1,n2=a:1', /the address a:1 is there twice/],
      ['a', /"a" isn't HOST:PORT/],
      ['n 1=a:1', /"n 1" can't be an id/],
      ['=a:1', /"" can't be an id/],
      ['n1=a:1/x', /"n1=a:1\/x" isn't \[ID=\]HOST:PORT\[\/PEERPORT\]/],
      ['n1=a:1/0', /there is no peer port 0/],
      ['n1=a:60000', /port 70000, which doesn't exist/],
      ['', /"" isn't/],
    ])('are refused as %j', (text, sentence) => {
      expect(complaint('--initial-advertise-peers', text, '--id', 'n1')).toMatch(sentence);
    });
  });

  describe('the storage', () => {
    const url = 'postgres://user:password@db:5432/raft';

    it('is Postgres where there is an address of one', () => {
      expect(parse('--database-url', url)).toMatchObject({ storage: 'postgres', databaseUrl: url });
    });

    it.each([
      [['--storage', 'postgres'], /^--storage postgres needs --database-url/],
      [
        ['--storage', 'memory', '--database-url', url],
        /^--database-url goes with --storage postgres, not with memory$/,
      ],
      [['--database-url', 'mysql://db/raft'], /^--database-url: this is no URL such as/],
      [['--database-url', 'postgres://'], /^--database-url: this is no URL such as/],
    ])('is refused as %j', (args, sentence) => {
      expect(complaint(...args)).toMatch(sentence);
    });

    it('is never complained about with the password in the sentence', () => {
      expect(complaint('--storage', 'memory', '--database-url', url)).not.toContain('password@');
    });

    it('lies in a folder named after the id, without characters that folders dislike', () => {
      expect(parse('--id', 'n1').dataDir).toBe(resolve('.raft/n1'));
      expect(parse('--data-dir', 'x/y').dataDir).toBe(resolve('x/y'));
    });
  });

  it.each([
    [['--heartbeat-interval', '1e3'], /^--heartbeat-interval: "1e3" isn't a whole number of milliseconds/],
    [['--heartbeat-interval', '9'], /^--heartbeat-interval: "9" isn't .* from 10 to 60000$/],
    [['--election-timeout', ''], /^--election-timeout: ""/],
    [['--election-timeout', '499'], /^--election-timeout: 499 ms is less than five times/],
    [['--listen-url', '9023'], /^--listen-url: "9023" isn't HOST:PORT/],
    [['--listen-url', 'a:0'], /^--listen-url: "a:0"/],
    [['--listen-url', 'localhost'], /^--listen-url: "localhost"/],
    [['--listen-url', '127.0.0.1:99999'], /^--listen-url: .*99999/],
    [['--listen-url', '127.0.0.1:60000'], /^--listen-url.*70000/],
    [['--initial-advertise-peers', 'n1=127.0.0.1:9999'], /^--listen-url.*9023/],
    [['--heartbeat-interval', '500', '--election-timeout', '600'], /^--election-timeout.*600.*500/],
    [['--storage', 'Memory'], /^--storage: "Memory" is none of embedded, postgres, memory$/],
    [['--on-follower', 'skip'], /^--on-follower: "skip" is none of/],
    [['--redirect-status', '303'], /^--redirect-status: "303" is none of/],
    [['--unknown'], /--unknown/],
    [['surplus'], /surplus/],
    [['--id'], /--id/],
  ])('refuses %j with a sentence', (args, sentence) => {
    expect(complaint(...args)).toMatch(sentence);
  });
});
