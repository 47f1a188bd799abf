// The peer: a process of bench/plain-route.ts over an embedded Postgres of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..', '..');
const requireFromHere = createRequire(import.meta.url);

/** @returns {Promise<{url: string, stop: () => Promise<void>}>} */
export async function startPlainServer({ port, dataDir }) {
  const { startEmbeddedPostgres } = requireFromHere(path.join(root, 'dist', 'apps', 'kv', 'embedded-postgres'));
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(dataDir, 'plain', 'postgres') });
  const child = spawn(
    process.execPath,
    [path.join(root, 'dist', 'tools', 'bench', 'plain-route.js'), postgres.url, String(port)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const killNow = () => child.kill('SIGKILL');
  process.once('exit', killNow);
  const ended = once(child, 'exit');
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => {
      throw new Error('the plain server ended at its start');
    }),
  ]);
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      process.off('exit', killNow);
      child.kill('SIGTERM');
      await ended;
      await postgres.stop();
    },
  };
}
