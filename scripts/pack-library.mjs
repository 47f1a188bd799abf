// Packs the library as npm would publish it.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { manifest, root } from './package-entries.mjs';

/**
 * @param {string} folder where the tarball goes
 * @returns {Promise<{ path: string, files: string[] }>} the tarball, and the names of what is in it
 */
export async function packLibrary(folder) {
  const { stdout } = await promisify(execFile)(
    'npm',
    ['pack', '--workspace', manifest.name, '--json', '--pack-destination', folder],
    { cwd: root, maxBuffer: 64 * 1024 * 1024, shell: process.platform === 'win32' },
  );
  const report = JSON.parse(stdout);
  const [packed] = Array.isArray(report) ? report : Object.values(report);
  process.stderr.write(`${packed.filename}: ${packed.files.length} files, ${Math.ceil(packed.size / 1024)} KiB\n`);
  return { path: path.join(folder, packed.filename), files: packed.files.map((file) => file.path) };
}
