import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseCommandLine } from '../../apps/kv/src/command-line';
import { secretsOf } from '../../libs/raft/src/transport/tcp/options/secrets';

interface Service {
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly restart?: string;
  readonly network_mode?: string;
}

const FILE = resolve(__dirname, '..', '..', 'docker-compose.yml');
/** What reads YAML is part of what writes the API's document. */
const { load } = createRequire(require.resolve('@nestjs/swagger'))('js-yaml') as { load: (text: string) => unknown };

describe('docker-compose.yml, where no engine has to be there', () => {
  const text = readFileSync(FILE, 'utf8');
  const { services: written, volumes } = load(text) as {
    readonly services: Readonly<Record<string, Service & { readonly '<<'?: Service }>>;
    readonly volumes: Readonly<Record<string, unknown>>;
  };
  // Compose merges what an anchor holds; this reader of YAML may leave that to us.
  const services: Readonly<Record<string, Service>> = Object.fromEntries(
    Object.entries(written).map(([name, { '<<': shared, ...own }]) => [name, { ...shared, ...own }]),
  );
  const nodes = Object.entries(services).filter(([name]) => name.startsWith('node-'));

  it('gives each node the secret that was drawn for all, in a volume that it can not write', () => {
    expect(nodes.map(([name]) => name)).toEqual(['node-a', 'node-b', 'node-c']);
    expect(Object.keys(volumes)).toContain('secrets');
    for (const [, { command, volumes: mounts, depends_on: before }] of nodes) {
      expect(command).toContain('--peer-secret-file=/secrets/peers');
      expect(mounts).toEqual(['secrets:/secrets:ro']);
      expect(before).toMatchObject({ 'draw-secrets': { condition: 'service_completed_successfully' } });
    }
  });

  it('starts nodes that listen for their peers on the network between them', () => {
    const folder = mkdtempSync(join(tmpdir(), 'compose-file-'));
    draw(folder);
    for (const [name, { command }] of nodes) {
      const args = command!.map((each) => each.replace('/secrets/', `${folder}/`));
      expect(parseCommandLine(args)).toMatchObject({
        id: name,
        peerListen: { host: '0.0.0.0', port: 19_023 },
        peerProof: { secretFile: join(folder, 'peers') },
      });
    }
    rmSync(folder, { recursive: true });
  });

  it('has no secret in the file, and reads none from a variable or a file beside it', () => {
    expect(text).not.toMatch(/KV_PEER|peer-secret=|RAFT_PEERS_SECRET|env_file|\$\{[A-Z_]*SECRET/);
    for (const { command } of Object.values(services))
      for (const each of command ?? []) expect(each).not.toMatch(/^--peer-secret-file=(?!\/secrets\/)/);
  });

  it('draws secrets once, without a network, and for the nodes alone', () => {
    const { restart, network_mode: network } = services['draw-secrets']!;
    expect({ restart, network }).toEqual({ restart: 'no', network: 'none' });

    const [first, second] = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'compose-file-'))) as [string, string];
    draw(first);
    draw(second);
    const secret = (folder: string): string => {
      const warnings: string[] = [];
      const secretFile = join(folder, 'peers');
      const [only, ...others] = secretsOf({ secretFile }, 'peers.secret', '', (said) => warnings.push(said));
      expect({ others, warnings, mode: statSync(secretFile).mode & 0o777 }).toEqual({
        others: [],
        warnings: [],
        mode: 0o600,
      });
      return only!;
    };
    const drawn = secret(first);
    expect(Buffer.from(drawn, 'base64')).toHaveLength(32);
    expect(secret(second)).not.toBe(drawn);
    expect(readdirSync(first).filter((name) => name.endsWith('.new'))).toEqual([]);

    draw(first);
    expect(secret(first)).toBe(drawn);
    for (const folder of [first, second]) rmSync(folder, { recursive: true });
  });

  /** Runs the service's own script, with this folder for the volume. The user of the image isn't there. */
  function draw(folder: string): void {
    const { entrypoint, command } = services['draw-secrets']!;
    const script = command![0]!.replaceAll('$$', '$').replaceAll('/secrets/', `${folder}/`);
    const [shell, ...flags] = entrypoint!;
    const { status, stderr } = spawnSync(shell!, [...flags, `chown() { :; }\n${script}`], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  }
});
