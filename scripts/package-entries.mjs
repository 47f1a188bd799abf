// The entry points of the library: its exports map says which there are, its README which packages each one needs.
import { readFile } from 'node:fs/promises';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');
export const packageFolder = path.join(root, 'libs', 'raft');
export const manifest = JSON.parse(await readFile(path.join(packageFolder, 'package.json'), 'utf8'));

export const optionalPeers = Object.entries(manifest.peerDependenciesMeta ?? {})
  .filter(([, meta]) => meta.optional)
  .map(([name]) => name);

/**
 * @returns {Promise<{ entry: string, specifier: string, types: string, code: string, needs: string[] }[]>} each entry point that is
 *   code: what a user imports, its files in the package, and the optional peers that README.md says it needs
 */
export async function entryPoints() {
  const needs = await neededPeers();
  return Object.entries(manifest.exports)
    .filter(([, conditions]) => typeof conditions === 'object')
    .map(([entry, { types, default: code }]) => {
      const specifier = manifest.name + entry.slice(1);
      if (!needs.has(specifier))
        throw new Error(
          `libs/raft/README.md has no row for ${specifier} in its table of entry points: say there what it needs.`,
        );
      return { entry, specifier, types, code, needs: needs.get(specifier) };
    });
}

async function neededPeers() {
  const readme = await readFile(path.join(packageFolder, 'README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| `(nestjs-raft[^`]*)`\s*\|[^|]*\|([^|]*)\|$/gm)];
  return new Map(
    rows.map(([, specifier, cell]) => [
      specifier,
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name).filter((name) => optionalPeers.includes(name)),
    ]),
  );
}
