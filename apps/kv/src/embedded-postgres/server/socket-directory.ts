import { createHash } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readFile, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgresError } from '../embedded-postgres.error';
import { isPostmasterOf, isRunning } from '../process/process-table';

/** The longest name of a Unix socket, in bytes: 108 on Linux and 104 elsewhere, the zero at its end included. */
const LONGEST_SOCKET_BYTES = process.platform === 'linux' ? 107 : 103;
const socketName = (port: number): string => `.s.PGSQL.${port}`;
/** Five digits are the most. */
const LONGEST_NAME = socketName(65_535);

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The folders in which the socket of the server over this data directory may be: beside the data, and, where the path is too long
 * for a socket or the file system takes none, a short one for temporary files. Both follow from the data directory's name, so that
 * a server that is started again has the same address.
 */
export function socketDirectories(dataDir: string, temporary: string = tmpdir()): string[] {
  const beside = `${dataDir}.socket`;
  const short = join(temporary, `raft-pg-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`);
  return Buffer.byteLength(join(beside, LONGEST_NAME)) <= LONGEST_SOCKET_BYTES ? [beside, short] : [short];
}

/**
 * Makes the folder, which its owner alone may enter: who can open the socket is a superuser of the database.
 *
 * @param owner whom the server runs as; undefined: this user
 * @throws EmbeddedPostgresError `DATA_DIR_INVALID` where somebody else has put something there
 */
export async function prepareSocketDirectory(
  directory: string,
  port: number,
  dataDir: string,
  owner: Owner | undefined,
): Promise<void> {
  await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(directory);
  const ours = new Set([process.getuid?.(), owner?.uid]);
  // Root may have run the server as another user before, whose folder then belongs to root's server just as well.
  if (!found.isDirectory() || (!ours.has(found.uid) && process.getuid?.() !== 0))
    throw new EmbeddedPostgresError(
      'DATA_DIR_INVALID',
      `The socket of Postgres belongs into ${directory}, and somebody else has put something there. Remove it, or choose another --data-dir.`,
    );
  await chmod(directory, 0o700);
  if (owner !== undefined && owner.uid !== found.uid) await chown(directory, owner.uid, owner.gid);
  await removeForeignLock(join(directory, `${socketName(port)}.lock`), dataDir);
}

/** A killed server leaves its lock, and the system may have given its process id to another program, for which Postgres would not start. */
async function removeForeignLock(path: string, dataDir: string): Promise<void> {
  const pid = Math.abs(Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10));
  if (pid > 0 && isRunning(pid) && !isPostmasterOf(pid, dataDir)) await unlink(path).catch(() => undefined);
}
