import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a running server says about itself in `postmaster.pid`. */
export interface PostmasterFile {
  readonly pid: number;
  /** Undefined until the server listens. */
  readonly port: number | undefined;
  /** The folder of its socket; empty where it has none. */
  readonly socketDir: string;
  /** The first address at which it listens on TCP; empty where it doesn't. */
  readonly tcpHost: string;
  /** `starting`, `ready`, `stopping`, or empty at the very beginning. */
  readonly status: string;
}

/** Above every system's largest process id, so no process ever has it. */
const NOBODYS_PID = 2_147_483_646;

const pathOf = (dataDir: string): string => join(dataDir, 'postmaster.pid');

function parse(text: string): PostmasterFile | undefined {
  const lines = text.split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  const port = Number.parseInt(lines[3] ?? '', 10);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return {
    pid,
    port: port > 0 ? port : undefined,
    socketDir: (lines[4] ?? '').trim(),
    tcpHost: (lines[5] ?? '').trim(),
    status: (lines[7] ?? '').trim(),
  };
}

export async function readPostmasterFile(dataDir: string): Promise<PostmasterFile | undefined> {
  return readFile(pathOf(dataDir), 'utf8').then(parse, () => undefined);
}

export function readPostmasterFileSync(dataDir: string): PostmasterFile | undefined {
  try {
    return parse(readFileSync(pathOf(dataDir), 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Whether the file is there with nothing in it, or nothing but zeros: a power cut has kept its name and lost its content. Postgres
 * refuses to start over such a file, and says that somebody has to remove it.
 */
export async function isBlankPostmasterFile(dataDir: string): Promise<boolean> {
  const text = await readFile(pathOf(dataDir), 'latin1').catch(() => undefined);
  return text !== undefined && /^[\0\s]*$/.test(text);
}

/** Only where no process of a server works in the directory: what the file says of their shared memory is lost with its content. */
export async function removePostmasterFile(dataDir: string): Promise<void> {
  await rm(pathOf(dataDir), { force: true });
}

/**
 * Another program got the dead server's process id, for which Postgres would refuse to start. Only the id is replaced, and the
 * file isn't removed: it also names the shared memory by which Postgres sees that processes of the dead server are still
 * writing, and waiting for those is what keeps the data whole.
 */
export async function disownPostmasterFile(dataDir: string, reusedPid: number): Promise<void> {
  const text = await readFile(pathOf(dataDir), 'utf8').catch(() => '');
  if (parse(text)?.pid !== reusedPid) return;
  await writeFile(pathOf(dataDir), text.replace(/^\s*-?\d+/, String(NOBODYS_PID)), { flag: 'r+' });
}

/** The cluster's identity, drawn by initdb: the first eight bytes of its control file (little-endian on every supported machine). */
export async function readSystemIdentifier(dataDir: string): Promise<string> {
  const file = await open(join(dataDir, 'global', 'pg_control'), 'r');
  try {
    const bytes = Buffer.alloc(8);
    const { bytesRead } = await file.read(bytes, 0, 8, 0);
    if (bytesRead !== 8) throw new Error(`${join(dataDir, 'global', 'pg_control')} is cut short`);
    return bytes.readBigInt64LE(0).toString();
  } finally {
    await file.close();
  }
}
