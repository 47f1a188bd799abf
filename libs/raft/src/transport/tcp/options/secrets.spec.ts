import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SecretSource, secretsOf } from './secrets';
import { withTlsFiles } from './tls-files';

const FIRST = 'the first secret of the nodes';
const SECOND = 'the second secret of the nodes';

let folder: string;
let warnings: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'raft-secrets-'));
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (source: SecretSource): readonly string[] =>
  secretsOf(source, 'peers.secret', 'the same on all nodes', (sentence) => warnings.push(sentence));

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('secrets', () => {
  it('are none, one, or several, of which the first proves', () => {
    expect(read({})).toEqual([]);
    expect(read({ secret: FIRST })).toEqual([FIRST]);
    expect(read({ secret: [FIRST, SECOND] })).toEqual([FIRST, SECOND]);
  });

  it('come from a file, one a line, without the white space around them', () => {
    expect(read({ secretFile: file('secrets', `\n  ${FIRST}\r\n\n${SECOND}\n`) })).toEqual([FIRST, SECOND]);
    expect(warnings).toEqual([]);
  });

  it('are used and warned of where every user of the machine may read the file', () => {
    const path = file('open', FIRST, 0o644);
    expect(read({ secretFile: path })).toEqual([FIRST]);
    expect(warnings).toEqual([expect.stringMatching(/can be read by every user .*mode 644.*chmod 600/)]);
    expect(read({ secretFile: file('group', FIRST, 0o640) })).toEqual([FIRST]);
    expect(warnings).toHaveLength(1);
  });

  it.each([
    [{ secret: '' }, /`peers.secret` has 0 characters, which can be guessed; give it 16 or more, the same on all/],
    [{ secret: [FIRST, 'short'] }, /`peers.secret\[1\]` has 5 characters/],
    [{ secret: [] }, /`peers.secret` is an empty list/],
    [{ secret: 5 as never }, /`peers.secret` is no text/],
    [{ secret: FIRST, secretFile: 'x' }, /`peers.secret` and `peers.secretFile` are both given/],
    [{ secretFile: '/nowhere/secret' }, /`peers.secretFile` \(\/nowhere\/secret\) can't be read: ENOENT/],
  ])('are refused as %j, without being told', (source, sentence) => {
    expect(() => read(source)).toThrow(sentence);
    expect(() => read(source)).toThrow(expect.objectContaining({ code: 'RAFT_CONFIGURATION' }) as Error);
  });

  it('are refused in a file that is empty, or with a line that is too short', () => {
    const short = file('short', `${FIRST}\nhunter2\n`);
    expect(() => read({ secretFile: file('empty', ' \n\n') })).toThrow(/is empty: write a secret into it/);
    expect(() => read({ secretFile: short })).toThrow(/^line 2 of `peers.secretFile` \(.*short\) has 7 characters/);
    expect(() => read({ secretFile: short })).not.toThrow(/hunter2/);
  });
});

describe('keys and certificates in files', () => {
  it('stand for what they hold', () => {
    const [keyFile, certFile, caFile] = ['key', 'cert', 'ca'].map((name) => file(name, `the ${name}`));
    const { key, cert, ca } = withTlsFiles({ keyFile, certFile, caFile }, 'peers.tls') as never;
    expect([key, cert, ca].map(String)).toEqual(['the key', 'the cert', 'the ca']);
    expect(withTlsFiles({ caFile: caFile! }, 'tls')).toMatchObject({ ca: Buffer.from('the ca') });
  });

  it('are refused with the half that is missing, twice, or not there', () => {
    const keyFile = file('key', 'the key');
    expect(() => withTlsFiles({ keyFile }, 'peers.tls')).toThrow(/has a key and no certificate/);
    expect(() => withTlsFiles({ certFile: keyFile }, 'peers.tls')).toThrow(/has a certificate and no key/);
    expect(() => withTlsFiles({ keyFile, key: 'k' }, 'peers.tls')).toThrow(
      /`peers.tls.key` and `peers.tls.keyFile` are both given/,
    );
    expect(() => withTlsFiles({ caFile: '/nowhere' }, 'peers.tls')).toThrow(
      /`peers.tls.caFile` \(\/nowhere\) can't be read/,
    );
  });
});
