// Looks at the library as npm would publish it: what is in the tarball, whether every entry point resolves for every kind of
// user, and whether the entries that promise it load without the optional peers.
import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { buildIfNeeded } from './build-if-needed.mjs';
import { packLibrary } from './pack-library.mjs';
import { entryPoints, manifest, optionalPeers, packageFolder, root } from './package-entries.mjs';

const requireFromHere = createRequire(import.meta.url);

await buildIfNeeded({ only: ['library'] });
const failures = [];
const destination = await mkdtemp(path.join(os.tmpdir(), 'nestjs-raft-package-'));
try {
  const tarball = await packLibrary(destination);
  await checkContents(tarball);
  await checkOptionalPeers();
  run('publint', ['run', '--strict', packageFolder]);
  run('@arethetypeswrong/cli', [tarball.path, '--format', 'table-flipped', '--no-emoji', '--no-color']);
} finally {
  await rm(destination, { recursive: true, force: true });
}
for (const failure of failures) process.stderr.write(`package: ${failure}\n`);
process.stderr.write(failures.length === 0 ? 'The package is as it should be.\n' : '');
process.exitCode = failures.length === 0 ? 0 : 1;

async function checkContents({ files }) {
  const unwanted = files.filter((file) => /\.(spec|e2e-spec|type-spec)\.|\.tsbuildinfo$|\.built-from$/.test(file));
  if (unwanted.length > 0) failures.push(`contains what isn't for users: ${unwanted.join(', ')}`);
  for (const required of ['README.md', 'LICENSE'])
    if (!files.includes(required)) failures.push(`${required} isn't in it`);
  for (const [entry, conditions] of Object.entries(manifest.exports)) {
    const targets = typeof conditions === 'string' ? [conditions] : Object.values(conditions);
    for (const target of targets)
      if (!files.includes(target.replace(/^\.\//, '')))
        failures.push(`the entry "${entry}" names ${target}, which isn't in it`);
  }
}

/** An entry loads with nothing of the optional peers but what the README says that it needs. */
async function checkOptionalPeers() {
  for (const { specifier, code, needs } of await entryPoints()) {
    const absent = optionalPeers.filter((name) => !needs.includes(name));
    loadWithout(specifier, path.join(packageFolder, code), absent);
  }
}

function loadWithout(specifier, file, absent) {
  const program = `
    const Module = require('node:module');
    const resolve = Module._resolveFilename;
    const absent = ${JSON.stringify(absent)};
    // What a peer brings along for itself, as prom-client does, is there wherever that peer is.
    const isOurs = (parent) => parent?.filename?.startsWith(${JSON.stringify(path.join(packageFolder, 'dist'))});
    Module._resolveFilename = function (request, parent, ...rest) {
      if (isOurs(parent) && absent.some((name) => request === name || request.startsWith(name + '/')))
        throw Object.assign(new Error(request + ' is an optional peer and was loaded'), { code: 'MODULE_NOT_FOUND' });
      return resolve.call(this, request, parent, ...rest);
    };
    require('reflect-metadata');
    require(${JSON.stringify(file)});
    process.exit(0);`;
  const result = spawnSync(process.execPath, ['-e', program], { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) failures.push(`${specifier} doesn't load without ${absent.join(', ')}:\n${result.stderr}`);
}

function run(tool, toolArguments) {
  const toolManifest = path.join(root, 'node_modules', tool, 'package.json');
  const { bin } = requireFromHere(toolManifest);
  const program = path.join(path.dirname(toolManifest), typeof bin === 'string' ? bin : Object.values(bin)[0]);
  try {
    execFileSync(process.execPath, [program, ...toolArguments], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  } catch {
    failures.push(`${tool} has found something (see above)`);
  }
}
