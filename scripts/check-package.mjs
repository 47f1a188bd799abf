// Looks at the library as npm would publish it: what is in the tarball, whether every entry point resolves for every kind of
// user, and whether the entries that promise it load without the optional peers.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { buildIfNeeded } from './build-if-needed.mjs';

const root = path.resolve(import.meta.dirname, '..');
const packageFolder = path.join(root, 'libs', 'raft');
const requireFromHere = createRequire(import.meta.url);
const manifest = JSON.parse(await readFile(path.join(packageFolder, 'package.json'), 'utf8'));
const optionalPeers = Object.entries(manifest.peerDependenciesMeta ?? {})
  .filter(([, meta]) => meta.optional)
  .map(([name]) => name);
/** What such an entry needs is what the user installed it for. */
const entriesThatNeedPeers = ['./typeorm', './terminus', './prometheus', './opentelemetry'];

await buildIfNeeded({ only: ['library'] });
const failures = [];
const destination = await mkdtemp(path.join(os.tmpdir(), 'nestjs-raft-package-'));
try {
  const tarball = await pack(destination);
  await checkContents(tarball);
  checkOptionalPeers();
  run('publint', ['run', '--strict', packageFolder]);
  run('@arethetypeswrong/cli', [tarball.path, '--format', 'table-flipped', '--no-emoji', '--no-color']);
} finally {
  await rm(destination, { recursive: true, force: true });
}
for (const failure of failures) process.stderr.write(`package: ${failure}\n`);
process.stderr.write(failures.length === 0 ? 'The package is as it should be.\n' : '');
process.exitCode = failures.length === 0 ? 0 : 1;

async function pack(folder) {
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

async function checkContents({ files }) {
  const unwanted = files.filter((file) => /\.(spec|e2e-spec|type-spec)\.|\.tsbuildinfo$|\.built-from$/.test(file));
  if (unwanted.length > 0) failures.push(`contains what isn't for users: ${unwanted.join(', ')}`);
  for (const required of ['README.md', 'LICENSE']) {
    if (!files.includes(required)) failures.push(`${required} isn't in it`);
  }
  for (const [entry, conditions] of Object.entries(manifest.exports)) {
    const targets = typeof conditions === 'string' ? [conditions] : Object.values(conditions);
    for (const target of targets) {
      if (!files.includes(target.replace(/^\.\//, '')))
        failures.push(`the entry "${entry}" names ${target}, which isn't in it`);
    }
  }
}

function checkOptionalPeers() {
  const entries = Object.entries(manifest.exports)
    .filter(([entry, conditions]) => typeof conditions === 'object' && !entriesThatNeedPeers.includes(entry))
    .map(([, conditions]) => path.join(packageFolder, conditions.default));
  const program = `
    const Module = require('node:module');
    const resolve = Module._resolveFilename;
    const absent = ${JSON.stringify(optionalPeers)};
    Module._resolveFilename = function (request, ...rest) {
      if (absent.some((name) => request === name || request.startsWith(name + '/')))
        throw Object.assign(new Error(request + ' is an optional peer and was loaded'), { code: 'MODULE_NOT_FOUND' });
      return resolve.call(this, request, ...rest);
    };
    require('reflect-metadata');
    for (const entry of ${JSON.stringify(entries)}) require(entry);
    process.exit(0);`;
  const result = spawnSync(process.execPath, ['-e', program], { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) failures.push(`doesn't load without ${optionalPeers.join(', ')}:\n${result.stderr}`);
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
