// Where the nodes keep their data, and what is there from the last time.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { killDatabasesOf } from './node-process.mjs';

const description = 'cluster.json';
const ofANode = /^n\d+(\.log)?$/;
const secret = 'peer-secret';

/** @returns {Promise<string>} a folder for one smoke test */
export function temporaryFolder() {
  return mkdtemp(path.join(os.tmpdir(), 'raft-smoke-'));
}

/** Deletes what a demo keeps in the folder, and nothing else. */
export async function beginAnew(folder) {
  const names = await readdir(folder).catch(() => []);
  const ours = names.filter((name) => ofANode.test(name) || name === description || name === secret);
  // A demo that was killed leaves servers behind, which would go on writing into what is deleted here.
  killDatabasesOf(ours.map((name) => ({ postgresDir: path.join(folder, name, 'postgres') })));
  for (const name of ours) await rm(path.join(folder, name), { recursive: true, force: true, maxRetries: 20 });
}

/**
 * A cluster knows its members, so the nodes of one can't be started as another with more or fewer of them.
 *
 * @throws {Error} with a sentence where the folder holds a cluster of another size
 */
export async function checkSize(folder, nodes) {
  const file = path.join(folder, description);
  const before = existsSync(file) ? JSON.parse(await readFile(file, 'utf8')) : undefined;
  if (before !== undefined && before.nodes !== nodes)
    throw new Error(
      `${folder} holds the data of a cluster of ${before.nodes} nodes: start it with --nodes ${before.nodes}, begin anew with --fresh, or name another --data-dir`,
    );
}

export async function rememberSize(folder, nodes) {
  await writeFile(path.join(folder, description), `${JSON.stringify({ nodes })}\n`);
}

/** @returns {Promise<string>} the file with what the nodes prove to each other, drawn where it isn't there; for this user alone */
export async function peerSecretIn(folder) {
  const file = path.join(folder, secret);
  await writeFile(file, `${randomBytes(32).toString('base64')}\n`, { flag: 'wx', mode: 0o600 }).catch((error) => {
    if (error.code !== 'EEXIST') throw error;
  });
  return file;
}
