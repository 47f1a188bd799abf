import { spawn } from 'node:child_process';
import { appendFile, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { query, RoomUnderTest } from '../../../../test/embedded-postgres/room-under-test';
import { freePorts } from '../../../../test/support/free-ports';
import { findBinaries } from './process/binaries';
import { chooseRunAs } from './process/run-as';
import { neutralDirectory } from './process/run-program';
import { prepareSocketDirectory, socketDirectories } from './server/socket-directory';

jest.setTimeout(300_000);

const BEFORE = `# TYPE  DATABASE  USER  ADDRESS       METHOD
host    all       all   127.0.0.1/32  trust
`;

/** @returns the code of the refusal, or `in` */
async function knock(port: number, password?: string): Promise<unknown> {
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', password });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return 'in';
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).message;
  } finally {
    await client.end().catch(() => undefined);
  }
}

describe('who reaches the embedded Postgres', () => {
  const room = new RoomUnderTest();
  afterEach(() => room.cleanUp());
  afterAll(() => room.dispose());

  it('is, over TCP, who has the password in a file of this user', async () => {
    const dataDir = await room.newDatabase();
    const server = await room.start(dataDir, { tcp: true });
    const password = (await readFile(`${dataDir}.password`, 'utf8')).trim();
    expect(password).toMatch(/^[0-9a-f]{48}$/);
    expect((await stat(`${dataDir}.password`)).mode & 0o777).toBe(0o600);
    expect(server.url).toBe(`postgresql://postgres:${password}@127.0.0.1:${server.port}/raft`);
    expect(await query(server.url, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }]);
    expect(await knock(server.port!, 'wrong')).toBe('28P01');
    expect(await knock(server.port!)).not.toBe('in');
    await server.stop();
    const again = await room.start(dataDir, { tcp: true });
    expect(again.url).toBe(server.url);
    await again.stop();
  });

  it('is this user alone, also over a folder that an earlier build opened to all', async () => {
    const dataDir = await room.newDatabase();
    const first = await room.start(dataDir);
    await query(first.url, 'CREATE TABLE t AS SELECT 5 AS value');
    await first.stop();
    await writeFile(join(dataDir, 'pg_hba.conf'), BEFORE);
    const again = await room.start(dataDir);
    expect(await query(again.url, 'SELECT value FROM t')).toEqual([{ value: 5 }]);
    expect(await readFile(join(dataDir, 'pg_hba.conf'), 'utf8')).not.toContain('127.0.0.1/32  trust');
    await again.stop();
    const tcp = await room.start(dataDir, { tcp: true });
    expect(await query(tcp.url, 'SELECT value FROM t')).toEqual([{ value: 5 }]);
    expect(await knock(tcp.port!)).not.toBe('in');
    await tcp.stop();
  });

  it('is this user alone, also where the server of an earlier build still runs: it is started again', async () => {
    const dataDir = await room.newDatabase();
    const first = await room.start(dataDir);
    await query(first.url, 'CREATE TABLE t AS SELECT 6 AS value');
    await first.stop();
    await writeFile(join(dataDir, 'pg_hba.conf'), BEFORE);
    const [port] = await freePorts(1);
    const binaries = await findBinaries();
    const { runAs } = await chooseRunAs(binaries, dataDir, []);
    const { file, args, uid, gid } = runAs.invoke(binaries.postgres, [
      ...['-D', dataDir, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    ]);
    spawn(file, args, { detached: true, stdio: 'ignore', cwd: neutralDirectory(), uid, gid }).unref();
    while ((await knock(port!)) !== 'in') await new Promise((resolve) => setTimeout(resolve, 20));

    const lines: string[] = [];
    const server = await room.start(dataDir, { log: (line) => lines.push(line) });
    expect(lines.join(' ')).toContain('is started again, to be reached by this user alone');
    expect(server.adopted).toBe(false);
    expect(await knock(port!)).toBe('ECONNREFUSED');
    expect(await query(server.url, 'SELECT value FROM t')).toEqual([{ value: 6 }]);
    await server.stop();
  });

  it('has a short folder for the socket where the path of the data is too long for one', async () => {
    const deep = join(await room.folder(), 'd'.repeat(120));
    await mkdir(deep);
    const server = await room.start(join(deep, 'postgres'));
    expect(server.socketDir).toMatch(/\/raft-pg-[0-9a-f]{16}$/);
    expect((await stat(server.socketDir!)).mode & 0o777).toBe(0o700);
    expect(await query(server.url, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }]);
    await server.stop();
  });
});

describe('the folder of the socket', () => {
  const room = new RoomUnderTest();
  afterEach(() => room.cleanUp());
  afterAll(() => room.dispose());

  it('is beside the data, or else one for temporary files that every start finds again', () => {
    const [beside, short] = socketDirectories('/data/n1/postgres');
    expect(beside).toBe('/data/n1/postgres.socket');
    expect(short).toMatch(new RegExp(`^${tmpdir()}/raft-pg-[0-9a-f]{16}$`));
    expect(socketDirectories(`/${'x'.repeat(90)}`)).toHaveLength(1);
    expect(socketDirectories('/data/n1/postgres')).toEqual([beside, short]);
    expect(socketDirectories('/data/n2/postgres')[1]).not.toBe(short);
  });

  it('is closed to others where it was open, and refused where it leads elsewhere', async () => {
    const folder = await room.folder();
    const open = join(folder, 'open');
    await mkdir(open, { mode: 0o777 });
    await prepareSocketDirectory(open, 5432, join(folder, 'data'), undefined);
    expect((await stat(open)).mode & 0o777).toBe(0o700);
    const link = join(folder, 'link');
    await symlink(open, link);
    await expect(prepareSocketDirectory(link, 5432, join(folder, 'data'), undefined)).rejects.toMatchObject({
      code: 'DATA_DIR_INVALID',
    });
  });

  it('keeps no lock that names the process of another program', async () => {
    const folder = await room.folder();
    const directory = join(folder, 'socket');
    await mkdir(directory);
    const lock = join(directory, '.s.PGSQL.5432.lock');
    await appendFile(lock, `${process.pid}\n`);
    await prepareSocketDirectory(directory, 5432, join(folder, 'data'), undefined);
    await expect(stat(lock)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
