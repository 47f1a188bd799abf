import { readFile, rename, stat, symlink, unlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';

interface LibraryLink {
  /** Existing file, relative to the package. */
  readonly source: string;
  /** Link to it, relative to the package. */
  readonly target: string;
}

const isLibraryLink = (value: unknown): value is LibraryLink =>
  typeof value === 'object' &&
  value !== null &&
  'source' in value &&
  'target' in value &&
  typeof value.source === 'string' &&
  typeof value.target === 'string';

async function readLinks(packageDir: string): Promise<LibraryLink[]> {
  let text: string;
  try {
    text = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8');
  } catch {
    return []; // a platform without links (Windows) has no such file
  }
  const links: unknown = JSON.parse(text);
  return Array.isArray(links) ? links.filter(isLibraryLink) : [];
}

const resolves = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Made under a name of its own and renamed: a process that starts Postgres beside us sees no link or the right one. */
async function makeLink(link: string, destination: string): Promise<void> {
  const fresh = join(dirname(link), `.${basename(link)}.${process.pid}-${Math.random().toString(36).slice(2)}`);
  await symlink(destination, fresh);
  try {
    await rename(fresh, link);
  } catch (error) {
    await unlink(fresh).catch(() => undefined);
    throw error;
  }
}

/**
 * npm packages can't hold symbolic links, so the package's own install script makes those of the shared libraries; with
 * `npm ci --ignore-scripts` it never ran. Makes what is missing and leaves what is there, so a package folder that can't be
 * written is fine as long as its links exist.
 *
 * @returns the links that are missing and couldn't be made
 */
export async function repairLibraryLinks(packageDir: string): Promise<string[]> {
  const missing: string[] = [];
  for (const { source, target } of await readLinks(packageDir)) {
    const link = join(packageDir, target);
    if (await resolves(link)) continue;
    try {
      await makeLink(link, relative(dirname(target), source));
    } catch {
      if (!(await resolves(link))) missing.push(link);
    }
  }
  return missing;
}
