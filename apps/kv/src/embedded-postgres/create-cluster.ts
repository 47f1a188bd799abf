import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { PostgresBinaries } from './process/binaries';
import { diskFullError, EmbeddedPostgresError, explainFileError } from './embedded-postgres.error';
import { isRunning } from './process/process-table';
import { chooseRunAs } from './process/run-as';
import { runProgram } from './process/run-program';
import { HOST_ACCESS, SERVER_SETTINGS } from './server/server-settings';

/** Nobody's initdb takes that long: a folder this old is left over, even if its maker's process id lives again. */
const ABANDONED_AFTER_MS = 10 * 60_000;

const unfinishedPrefix = (dataDir: string): string => `${basename(dataDir)}.init-`;

/** Major version of the cluster in this directory, or undefined where there is none yet. */
export async function clusterVersion(dataDir: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataDir, 'PG_VERSION'), 'utf8')).trim();
  } catch {
    // told apart below
  }
  const entries = await readdir(dataDir).catch((): string[] => []);
  if (entries.length === 0) return undefined;
  throw new EmbeddedPostgresError(
    'DATA_DIR_INVALID',
    `The folder ${dataDir} holds files (${entries.slice(0, 3).join(', ')}) but no Postgres database. Name an empty or a new folder with --data-dir; nothing was changed.`,
  );
}

/** Removes what a start left behind that was killed within initdb. */
export async function removeUnfinishedClusters(dataDir: string): Promise<string[]> {
  const parent = dirname(dataDir);
  const prefix = unfinishedPrefix(dataDir);
  const removed: string[] = [];
  for (const name of await readdir(parent).catch((): string[] => [])) {
    if (!name.startsWith(prefix)) continue;
    const path = join(parent, name);
    const maker = Number.parseInt(name.slice(prefix.length), 10);
    const modified = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    if (modified === undefined) continue;
    if (isRunning(maker) && Date.now() - modified < ABANDONED_AFTER_MS) continue;
    // The killed start's initdb may still be writing; it fails on its own once its folder is gone.
    await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    removed.push(path);
  }
  return removed;
}

async function sync(path: string): Promise<void> {
  if (process.platform === 'win32') return; // directories can't be opened there
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeDurably(path: string, text: string, flag: 'a' | 'w'): Promise<void> {
  const file = await open(path, flag);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Moves the finished cluster to its name. Another process may have been faster: then its cluster stays. */
async function publish(fresh: string, dataDir: string): Promise<void> {
  try {
    if (process.platform === 'win32') await rmdir(dataDir).catch(() => undefined);
    await rename(fresh, dataDir);
  } catch (error) {
    if ((await clusterVersion(dataDir).catch(() => undefined)) === undefined) throw explainFileError(error, dataDir);
    return;
  }
  await sync(dirname(dataDir));
}

async function fill(binaries: PostgresBinaries, directory: string, missingLinks: readonly string[]): Promise<void> {
  const { runAs } = await chooseRunAs(binaries, directory, missingLinks);
  const { exitCode, output } = await runProgram(
    runAs.invoke(binaries.initdb, [
      ...['-D', directory],
      ...['-U', 'postgres'],
      ...['-E', 'UTF8'],
      ...['--locale=C', '--auth=trust', '--no-instructions'],
    ]),
  );
  if (exitCode !== 0) {
    if (/No space left on device|Disk quota exceeded/.test(output)) throw diskFullError(directory);
    throw new EmbeddedPostgresError(
      'INIT_FAILED',
      `initdb couldn't make a new database in ${directory} (exit code ${exitCode ?? 'none'}, as ${runAs.description}). It said:\n${output}`,
    );
  }
  await writeDurably(join(directory, 'pg_hba.conf'), HOST_ACCESS, 'w');
  await writeDurably(join(directory, 'postgresql.conf'), SERVER_SETTINGS, 'a');
}

/**
 * Makes a new cluster: UTF-8, locale C, superuser `postgres`, durable when it resolves. It is made under another name beside
 * the data directory and renamed, so that a kill in the middle leaves no half cluster under the real name.
 */
export async function createCluster(
  binaries: PostgresBinaries,
  dataDir: string,
  missingLinks: readonly string[],
): Promise<void> {
  try {
    await mkdir(dirname(dataDir), { recursive: true });
    const fresh = await mkdtemp(join(dirname(dataDir), `${unfinishedPrefix(dataDir)}${process.pid}-`));
    try {
      await fill(binaries, fresh, missingLinks);
      await publish(fresh, dataDir);
    } finally {
      await rm(fresh, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    }
  } catch (error) {
    throw explainFileError(error, dataDir);
  }
}
