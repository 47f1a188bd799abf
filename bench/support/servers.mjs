// The peers: programs of this folder, and embedded Postgres servers, all with the settings that the nodes' have.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..', '..');
const requireFromHere = createRequire(import.meta.url);

/**
 * @param {string} folder its data, in a folder of this name below
 * @param {(end: () => unknown) => void} atEnd
 * @returns {Promise<{url: string, pid: number}>}
 */
export async function startPostgres(folder, atEnd) {
  const { startEmbeddedPostgres } = requireFromHere(path.join(root, 'dist', 'apps', 'kv', 'embedded-postgres'));
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(folder, 'postgres'), tcp: true });
  atEnd(() => postgres.stop());
  return { url: postgres.url, pid: postgres.pid };
}

/**
 * @param {string} program the name of its file in bench, compiled
 * @param {string[]} programArguments
 * @param {(end: () => unknown) => void} atEnd
 * @param {string} [logFile] what it says. Default: standard error
 * @returns {Promise<{pid: number, stop: () => Promise<void>}>} when it listens
 * @throws {Error} where it ends before
 */
export async function startServer(program, programArguments, atEnd, logFile) {
  if (logFile !== undefined) await mkdir(path.dirname(logFile), { recursive: true });
  const log = logFile === undefined ? undefined : await open(logFile, 'a');
  const child = spawn(
    process.execPath,
    [path.join(root, 'dist', 'tools', 'bench', `${program}.js`), ...programArguments],
    { stdio: ['ignore', 'pipe', log?.fd ?? 'inherit'], env: { ...process.env, NODE_ENV: 'production', NO_COLOR: '1' } },
  );
  await log?.close();
  const killNow = () => child.kill('SIGKILL');
  process.once('exit', killNow);
  const ended = once(child, 'exit');
  const stop = async () => {
    process.off('exit', killNow);
    child.kill('SIGTERM');
    await ended;
  };
  atEnd(stop);
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(async () => {
      const said = logFile === undefined ? '' : await readFile(logFile, 'utf8');
      throw new Error(`${program} ended at its start. ${said}`);
    }),
  ]);
  child.stdout.resume();
  return { pid: child.pid, stop };
}
