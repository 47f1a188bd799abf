import { createHash } from 'node:crypto';
import { cpSync } from 'node:fs';
import { access, constants, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCluster, removeUnfinishedClusters } from '../../apps/kv/src/embedded-postgres/create-cluster';
import { findBinaries, type PostgresBinaries } from '../../apps/kv/src/embedded-postgres/process/binaries';
import { HOST_ACCESS, SERVER_SETTINGS } from '../../apps/kv/src/embedded-postgres/server/server-settings';

const CACHE = join(__dirname, '..', '..', 'node_modules', '.cache');

/**
 * Puts a new, empty database into a data directory, as the first start of an embedded Postgres would make it. It is a copy of
 * one that initdb made once for this machine, and takes a tenth of the time. Where none can be kept, nothing is done: then the
 * start runs initdb.
 */
export async function copyNewDatabase(dataDir: string): Promise<void> {
  const template = await newDatabase();
  if (template !== undefined) cpSync(template, dataDir, { recursive: true });
}

let made: Promise<string | undefined> | undefined;

function newDatabase(): Promise<string | undefined> {
  return (made ??= makeTemplate());
}

async function makeTemplate(): Promise<string | undefined> {
  const folder = join(CACHE, 'postgres-templates');
  const isOurs = await mkdir(folder, { recursive: true })
    .then(() => access(folder, constants.W_OK))
    .then(
      () => true,
      () => false,
    );
  if (!isOurs) return undefined;
  const binaries = await findBinaries();
  const template = join(folder, await keyOf(binaries));
  const isMade = await access(join(template, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
  if (isMade) return template;
  await removeUnfinishedClusters(template);
  // It is made under another name and renamed; where two make it at once, one of them stays.
  await createCluster(binaries, template, []);
  return template;
}

/** All that a new database depends on: another version, user or setting has a template of its own. */
async function keyOf({ packageName, packageDir }: PostgresBinaries): Promise<string> {
  const { version } = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8')) as { version: string };
  const parts = [packageName, version, process.getuid?.(), HOST_ACCESS, SERVER_SETTINGS];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}
