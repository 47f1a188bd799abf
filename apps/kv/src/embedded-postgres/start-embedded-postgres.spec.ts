import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { childrenOf, isRunning } from './process/process-table';
import { killEmbeddedPostgres } from './kill-embedded-postgres';
import { ended, query, RoomUnderTest } from '../../../../test/embedded-postgres/room-under-test';

jest.setTimeout(300_000);

const postmasterFile = (dataDir: string): string => join(dataDir, 'postmaster.pid');

async function replaceLine(path: string, line: number, text: string): Promise<void> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  lines[line] = text;
  await writeFile(path, lines.join('\n'));
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** The process of a connection that was just closed may be gone by itself. */
function freeze(pid: number): void {
  try {
    process.kill(pid, 'SIGSTOP');
  } catch {
    expect(isRunning(pid)).toBe(false);
  }
}

describe('the embedded Postgres', () => {
  const room = new RoomUnderTest();
  afterEach(() => room.cleanUp());
  afterAll(() => room.dispose());

  it('makes a durable UTF-8 cluster with locale C that this user alone reaches, by its socket, and ends it', async () => {
    const dataDir = await room.newDataDir();
    const server = await room.start(dataDir);
    expect(server.adopted).toBe(false);
    const [row] = await query(
      server.url,
      `SELECT current_database() AS database, pg_encoding_to_char(encoding) AS encoding, datcollate AS collation,
         current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
         current_setting('full_page_writes') AS pages, current_setting('listen_addresses') AS addresses,
         current_setting('unix_socket_directories') AS sockets
       FROM pg_database WHERE datname = current_database()`,
    );
    expect(row).toEqual({
      database: 'raft',
      encoding: 'UTF8',
      collation: 'C',
      fsync: 'on',
      commit: 'on',
      pages: 'on',
      addresses: '',
      sockets: `"${dataDir}.socket"`,
    });
    expect(server).toMatchObject({ port: undefined, socketDir: `${dataDir}.socket` });
    expect((await stat(`${dataDir}.socket`)).mode & 0o777).toBe(0o700);
    expect((await stat(join(`${dataDir}.socket`, '.s.PGSQL.5432'))).mode & 0o777).toBe(0o700);
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(isRunning(server.pid)).toBe(false);
    expect(existsSync(postmasterFile(dataDir))).toBe(false);
    expect((await readdir(dirname(dataDir))).toSorted()).toEqual(['postgres', 'postgres.log', 'postgres.socket']);
  });

  it('keeps its contents, its address and a database of another name over a restart', async () => {
    const dataDir = await room.newDatabase();
    const first = await room.start(dataDir, { database: 'kv "quoted"' });
    await query(first.url, 'CREATE TABLE t AS SELECT 7 AS value');
    await first.stop();
    const second = await room.start(dataDir, { database: 'kv "quoted"' });
    expect(second).toMatchObject({ url: first.url, adopted: false });
    expect(await query(second.url, 'SELECT value FROM t')).toEqual([{ value: 7 }]);
    await second.stop();
  });

  it('is out of reach of the Ctrl-C that ends its owner, and is taken over by the next one', async () => {
    const dataDir = await room.newDatabase();
    const script = await room.compile(await room.folder());
    const owner = room.startOwner(script, dataDir);
    const { pid, url } = await owner.announcement;
    await query(url, 'CREATE TABLE t AS SELECT 1 AS value');
    process.kill(-(owner.process.pid ?? 0), 'SIGINT'); // the whole process group, as a terminal does
    await ended(owner.process);

    const next = await room.start(dataDir);
    expect(next).toMatchObject({ adopted: true, pid, url });
    expect(await query(next.url, 'SELECT value FROM t')).toEqual([{ value: 1 }]);
    await next.stop();
    expect(isRunning(pid)).toBe(false);
  });

  it('is taken over after SIGKILL of its owner, again and again', async () => {
    const dataDir = await room.newDatabase();
    const script = await room.compile(await room.folder());
    const pids = new Set<number>();
    for (let life = 0; life < 3; life++) {
      const owner = room.startOwner(script, dataDir);
      const { pid, adopted } = await owner.announcement;
      expect(adopted).toBe(life > 0);
      pids.add(pid);
      owner.process.kill('SIGKILL');
      await ended(owner.process);
    }
    expect(pids.size).toBe(1);
    const last = await room.start(dataDir);
    expect(last.adopted).toBe(true);
    await last.stop();
  });

  it('keeps every answered write when all its processes are killed at one instant', async () => {
    const dataDirs = await Promise.all([room.newDatabase(), room.newDatabase()]);
    const servers = await Promise.all(dataDirs.map((dataDir) => room.start(dataDir)));
    expect(servers[0]?.url).not.toBe(servers[1]?.url);
    for (const { url } of servers) await query(url, 'CREATE TABLE t (value int)');
    for (let value = 0; value < 20; value++)
      for (const { url } of servers) await query(url, `INSERT INTO t VALUES (${value})`);
    const family = servers.flatMap(({ pid }) => [pid, ...childrenOf(new Set([pid]))]);
    expect(family.length).toBeGreaterThan(8);
    expect(killEmbeddedPostgres(...dataDirs)).toEqual(expect.arrayContaining(servers.map(({ pid }) => pid)));
    await until(() => !family.some(isRunning));
    // Their owner is alive here, and would ask for its lock again as soon as a server answers on the old port.
    await Promise.all(servers.map((server) => server.stop()));
    for (const dataDir of dataDirs) {
      const again = await room.start(dataDir);
      expect(again.adopted).toBe(false);
      expect(await query(again.url, 'SELECT count(*)::int FROM t')).toEqual([{ count: 20 }]);
      await again.stop();
    }
  });

  it('does not believe a process id that another program got, and never signals that program', async () => {
    const dataDir = await room.newDatabase();
    const script = join(await room.folder(), 'sleep.js');
    await writeFile(script, 'console.log("{}"); setInterval(() => undefined, 1000)');
    const stranger = room.startOwner(script, await room.newDataDir());
    await stranger.announcement;

    const first = await room.start(dataDir);
    killEmbeddedPostgres(dataDir);
    await replaceLine(postmasterFile(dataDir), 0, String(stranger.process.pid));
    expect(killEmbeddedPostgres(dataDir)).toEqual([]);
    const second = await room.start(dataDir);
    expect(second.adopted).toBe(false);
    expect(second.pid).not.toBe(first.pid);
    await second.stop();
    await first.stop(); // its server is long gone
    expect(isRunning(stranger.process.pid ?? 0)).toBe(true);
  });

  it.each([
    ['empty', 0],
    ['full of zeros', 120],
  ])(
    'starts over a postmaster.pid that a power cut left %s, and not while a server works there',
    async (_what, zeros) => {
      const dataDir = await room.newDatabase();
      const first = await room.start(dataDir);
      await query(first.url, 'CREATE TABLE kept (n int)');
      const family = [first.pid, ...childrenOf(new Set([first.pid]))];
      const file = await readFile(postmasterFile(dataDir));
      await writeFile(postmasterFile(dataDir), Buffer.alloc(zeros));
      await expect(room.start(dataDir, { startTimeoutMs: 300 })).rejects.toMatchObject({
        code: 'START_TIMEOUT',
        message: expect.stringContaining('postmaster.pid'),
      });
      // As it was, so that the server doesn't end for the lack of it.
      await writeFile(postmasterFile(dataDir), file);

      killEmbeddedPostgres(dataDir);
      await until(() => !family.some(isRunning));
      await first.stop();
      await writeFile(postmasterFile(dataDir), Buffer.alloc(zeros));
      const second = await room.start(dataDir);
      expect(second.adopted).toBe(false);
      expect(await query(second.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 0 }]);
      await second.stop();
    },
  );

  it("does not take over another directory's server that a stale file names, not even of a copy with the same identity", async () => {
    const original = await room.newDatabase();
    const copy = await room.newDatabase();
    await cp(original, copy, { recursive: true });
    const server = await room.start(original);
    await cp(postmasterFile(original), postmasterFile(copy));

    const other = await room.start(copy);
    expect(other.adopted).toBe(false);
    expect(other.url).not.toBe(server.url);
    await other.stop();
    expect(await query(server.url, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }]);
    await server.stop();
  });

  it('waits for a server that is just stopping, and starts a new one', async () => {
    const dataDir = await room.newDatabase();
    const first = await room.start(dataDir);
    const [, second] = await Promise.all([first.stop(), room.start(dataDir)]);
    expect(second.adopted).toBe(false);
    expect(await query(second.url, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }]);
    await second.stop();
  });

  it('has one owner: a second start over the same new folder is refused and leaves the server alone', async () => {
    const dataDir = await room.newDataDir();
    const outcomes = await Promise.allSettled([room.start(dataDir), room.start(dataDir)]);
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    const started = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(started).toHaveLength(1);
    expect(refused).toHaveLength(1);
    expect(refused[0]?.reason).toMatchObject({
      code: 'DATA_DIR_IN_USE',
      message: expect.stringContaining(`${process.pid}`) as string,
    });
    const server = started[0]?.value;
    expect(await query(server?.url ?? '', 'SELECT 1 AS alive')).toEqual([{ alive: 1 }]);
    await server?.stop();
  });

  it('leaves no half cluster when its owner is killed within initdb', async () => {
    const dataDir = await room.newDataDir();
    const script = await room.compile(await room.folder());
    const owner = room.startOwner(script, dataDir);
    const unfinished = async (): Promise<string[]> =>
      (await readdir(dirname(dataDir))).filter((name) => name.includes('.init-'));
    await until(async () => (await unfinished()).length > 0);
    owner.process.kill('SIGKILL');
    await ended(owner.process);
    expect(existsSync(dataDir)).toBe(false);

    const lines: string[] = [];
    const server = await room.start(dataDir, { log: (line) => lines.push(line) });
    expect(lines[0]).toMatch(/^Removed .*\.init-/);
    expect(await unfinished()).toEqual([]);
    await server.stop();
  });

  it('finds another port where its own was taken, and says so where it was told one', async () => {
    const dataDir = await room.newDatabase();
    const first = await room.start(dataDir, { tcp: true });
    await first.stop();
    const squatter = createServer().listen(first.port, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    try {
      const second = await room.start(dataDir, { tcp: true });
      expect(second.port).not.toBe(first.port);
      await second.stop();
      const { port } = squatter.address() as AddressInfo;
      await expect(room.start(dataDir, { tcp: true, port })).rejects.toMatchObject({ code: 'PORT_BUSY' });
      expect(killEmbeddedPostgres(dataDir)).toEqual([]);
    } finally {
      squatter.close();
    }
  });

  it('ends what it started when the time to start has passed', async () => {
    const dataDir = await room.newDatabase();
    const failed = room.start(dataDir, { startTimeoutMs: 0 });
    await expect(failed).rejects.toMatchObject({ code: 'START_TIMEOUT' });
    const again = await room.start(dataDir);
    expect(again.adopted).toBe(false);
    await again.stop();
  });

  it('says what Postgres said when it does not start', async () => {
    const dataDir = await room.newDatabase();
    await writeFile(join(dataDir, 'postgresql.conf'), "shared_buffers = 'much'\n", { flag: 'a' });
    await expect(room.start(dataDir)).rejects.toMatchObject({
      code: 'START_FAILED',
      message: expect.stringContaining('shared_buffers') as string,
    });
  });

  it('ends a server that hangs in its fast shutdown, and loses nothing', async () => {
    const dataDir = await room.newDatabase();
    const server = await room.start(dataDir, { stopTimeoutMs: 200 });
    await query(server.url, 'CREATE TABLE t AS SELECT 3 AS value');
    for (const pid of childrenOf(new Set([server.pid]))) freeze(pid);
    await server.stop();
    expect(isRunning(server.pid)).toBe(false);
    const again = await room.start(dataDir);
    expect(await query(again.url, 'SELECT value FROM t')).toEqual([{ value: 3 }]);
    await again.stop();
  });

  it('refuses a folder with other files, and a cluster of another version, and changes neither', async () => {
    const strange = await room.newDataDir();
    await mkdir(strange);
    await writeFile(join(strange, 'letter.txt'), 'dear');
    await expect(room.start(strange)).rejects.toMatchObject({ code: 'DATA_DIR_INVALID' });
    expect(await readdir(strange)).toEqual(['letter.txt']);

    const old = await room.newDatabase();
    await writeFile(join(old, 'PG_VERSION'), '17\n');
    await expect(room.start(old)).rejects.toMatchObject({
      code: 'VERSION_MISMATCH',
      message: expect.stringContaining('made by Postgres 17') as string,
    });
  });
});
