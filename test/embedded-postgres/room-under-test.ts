import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, link, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { transformFile } from '@swc/core';
import { Client } from 'pg';
import { packageNameFor } from '../../apps/kv/src/embedded-postgres/process/binaries';
import type {
  EmbeddedPostgres,
  EmbeddedPostgresOptions,
} from '../../apps/kv/src/embedded-postgres/embedded-postgres.interface';
import { killEmbeddedPostgres } from '../../apps/kv/src/embedded-postgres/kill-embedded-postgres';
import { startEmbeddedPostgres } from '../../apps/kv/src/embedded-postgres/start-embedded-postgres';
import { copyNewDatabase } from '../support/postgres-template';

/** What an owner in a process of its own says when its server answers. */
export interface Announcement {
  readonly pid: number;
  readonly adopted: boolean;
  readonly url: string;
}

export interface Owner {
  readonly process: ChildProcess;
  readonly announcement: Promise<Announcement>;
}

const SOURCES = join(__dirname, '..', '..', 'apps', 'kv', 'src', 'embedded-postgres');

const OWNER_SCRIPT = `
const { startEmbeddedPostgres } = require('./room');
process.on('SIGTERM', () => undefined);
startEmbeddedPostgres({ dataDir: process.argv[2] }).then(
  ({ pid, adopted, url, stop }) => {
    console.log(JSON.stringify({ pid, adopted, url }));
    process.on('SIGTERM', () => stop().then(() => process.exit(0)));
    setInterval(() => undefined, 1000);
  },
  (error) => { console.error(error.code + ' ' + error.message); process.exit(1); },
);
`;

/** Folder of an installed package. Its package.json need not be among what it exports. */
function packageFolder(name: string, from: string): string {
  let folder = dirname(require.resolve(name, { paths: [from] }));
  while (!folder.endsWith(join('node_modules', name))) folder = dirname(folder);
  return folder;
}

/** A copy whose files are the same ones where the file system allows that: tests take some away, and write into none. */
async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await linkTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else await link(source, target).catch(() => copyFile(source, target));
  }
}

async function copyPackage(name: string, from: string, to: string): Promise<void> {
  const folder = packageFolder(name, from);
  await linkTree(folder, join(to, name));
  const { dependencies = {} } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  for (const dependency of Object.keys(dependencies)) await copyPackage(dependency, folder, to);
}

/**
 * The folders and servers of a spec. Everything started is ended and removed by `cleanUp`, or when the process exits, however
 * the tests end.
 */
export class RoomUnderTest {
  private readonly folders: string[] = [];
  private readonly dataDirs = new Set<string>();
  private readonly owners: ChildProcess[] = [];
  private readonly servers: EmbeddedPostgres[] = [];
  private readonly onExit = (): void => this.endAll();

  constructor() {
    process.once('exit', this.onExit);
  }

  /** A new folder, of mode 0700. */
  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'embedded-postgres-'));
    this.folders.push(folder);
    return folder;
  }

  async newDataDir(): Promise<string> {
    return join(await this.folder(), 'postgres');
  }

  /** One in which a database lies that was never started: where its making isn't what is tested. */
  async newDatabase(): Promise<string> {
    const dataDir = await this.newDataDir();
    await copyNewDatabase(dataDir);
    return dataDir;
  }

  async start(dataDir: string, options: Omit<EmbeddedPostgresOptions, 'dataDir'> = {}): Promise<EmbeddedPostgres> {
    this.dataDirs.add(dataDir);
    const server = await startEmbeddedPostgres({ ...options, dataDir });
    this.servers.push(server);
    return server;
  }

  /** This room, compiled into a folder, as a process of its own can run it; `whole` with all packages that it needs. */
  async compile(into: string, whole = false): Promise<string> {
    const room = join(into, 'room');
    await mkdir(room);
    for (const file of await readdir(SOURCES, { recursive: true })) {
      if (!file.endsWith('.ts') || file.endsWith('.spec.ts')) continue;
      const { code } = await transformFile(join(SOURCES, file), {
        swcrc: false,
        configFile: false,
        module: { type: 'commonjs' },
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      });
      const compiled = join(room, file.replace(/\.ts$/, '.js'));
      await mkdir(dirname(compiled), { recursive: true });
      await writeFile(compiled, code);
    }
    const script = join(into, 'owner.js');
    await writeFile(script, OWNER_SCRIPT);
    if (whole) {
      const packages = ['pg', packageNameFor(process.platform, process.arch) ?? ''];
      for (const name of packages) await copyPackage(name, SOURCES, join(into, 'node_modules'));
    }
    return script;
  }

  /** A process that starts a server and lives on as its owner, in a process group of its own. */
  startOwner(
    script: string,
    dataDir: string,
    { uid, env = process.env }: { uid?: number; env?: NodeJS.ProcessEnv } = {},
  ): Owner {
    this.dataDirs.add(dataDir);
    const owner = spawn(process.execPath, [script, dataDir], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env, NODE_PATH: join(dirname(packageFolder('pg', SOURCES))) },
      cwd: '/',
      uid,
      gid: uid,
    });
    this.owners.push(owner);
    let said = '';
    const announcement = new Promise<Announcement>((resolve, reject) => {
      owner.stdout.setEncoding('utf8').once('data', (line: string) => resolve(JSON.parse(line) as Announcement));
      owner.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      owner.once('error', reject);
      owner.once('close', (code, signal) => reject(new Error(`the owner ended (${code ?? signal}): ${said}`)));
    });
    announcement.catch(() => undefined);
    return { process: owner, announcement };
  }

  async cleanUp(): Promise<void> {
    this.endAll();
    // Killed servers too: each holds on to its owner lock, and would ask for it again after the spec has ended.
    await Promise.allSettled(this.servers.splice(0).map((server) => server.stop()));
    for (const owner of this.owners.splice(0))
      if (owner.exitCode === null && owner.signalCode === null) await once(owner, 'exit');
    for (const folder of this.folders.splice(0)) await rm(folder, { recursive: true, force: true, maxRetries: 20 });
    this.dataDirs.clear();
  }

  /** To be called once at the end: other specs of the same process have their own. */
  dispose(): void {
    process.off('exit', this.onExit);
  }

  private endAll(): void {
    for (const owner of this.owners) owner.kill('SIGKILL');
    const known = [...this.dataDirs];
    for (const dataDir of known)
      try {
        killEmbeddedPostgres(dataDir);
      } catch {
        // never made
      }
    if (process.exitCode !== undefined)
      this.folders.forEach((folder) => rmSync(folder, { recursive: true, force: true }));
  }
}

export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
