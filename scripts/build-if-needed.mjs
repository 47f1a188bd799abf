// Builds what is missing or out of date, and nothing else: the library, the sample application, the examples, the tools.
//
//   node scripts/build-if-needed.mjs [--force] [library] [application] [examples] [tools]
//
// Commands that run compiled code (`demo`, `simulate`, `mutants`, `bench`, `test`) call buildIfNeeded() first.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { withLock } from './directory-lock.mjs';

const root = path.resolve(import.meta.dirname, '..');
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

/** In building order: each one compiles against the declarations of those before it. */
const targets = [
  {
    name: 'library',
    project: 'libs/raft/tsconfig.build.json',
    sources: ['libs/raft/src'],
    outDir: 'libs/raft/dist',
    sourceOf: (relative) => path.join('libs/raft/src', relative),
  },
  {
    name: 'application',
    project: 'apps/kv/tsconfig.build.json',
    sources: ['apps/kv/src'],
    outDir: 'dist/apps/kv',
    after: ['library'],
    sourceOf: (relative) => path.join('apps/kv/src', relative),
  },
  {
    name: 'examples',
    project: 'examples/tsconfig.build.json',
    sources: ['examples'],
    outDir: 'dist/examples',
    after: ['library'],
    sourceOf: (relative) => path.join('examples', relative),
  },
  {
    name: 'tools',
    project: 'tsconfig.tools.json',
    sources: ['test/simulation', 'test/fuzz', 'bench'],
    outDir: 'dist/tools',
    after: ['library'],
    sourceOf: (relative) => relative,
  },
];

const settings = ['package.json', 'package-lock.json', 'tsconfig.json'];

/**
 * Brings the compiled code up to date. Safe to call from several processes at once: one builds, the others wait and find
 * the work done.
 *
 * @param {object} [options]
 * @param {string[]} [options.only] names of targets; those they need are built too. Default: all
 * @param {boolean} [options.force] builds even what is up to date. Default: false
 * @param {(line: string) => void} [options.log] receives a line per target that is built. Default: standard error
 * @returns {Promise<string[]>} the names of the targets that were built
 * @throws if a target doesn't compile, with the compiler's messages
 */
export async function buildIfNeeded({ only, force = false, log = (line) => process.stderr.write(`${line}\n`) } = {}) {
  const wanted = selectTargets(only);
  if (!force && (await Promise.all(wanted.map(isUpToDate))).every(Boolean)) return [];

  return withLock(path.join(root, 'dist', '.build-lock'), log, async () => {
    const built = [];
    for (const target of wanted) {
      if (!force && (await isUpToDate(target))) continue;
      if (await build(target, force, log)) built.push(target.name);
    }
    return built;
  });
}

function selectTargets(only) {
  if (!only || only.length === 0) return targets;
  const names = new Set();
  const add = (name) => {
    const target = targets.find((candidate) => candidate.name === name);
    if (!target) throw new Error(`There is no build target "${name}": ${targets.map((t) => t.name).join(', ')}`);
    target.after?.forEach(add);
    names.add(name);
  };
  only.forEach(add);
  return targets.filter((target) => names.has(target.name));
}

async function build(target, force, log) {
  const fingerprint = await fingerprintOf(target);
  const outDir = path.join(root, target.outDir);
  if (!fingerprint.hasSources) {
    await rm(outDir, { recursive: true, force: true });
    return false;
  }
  const started = Date.now();
  log(`Building the ${target.name} …`);
  await mkdir(outDir, { recursive: true });
  await rm(stampOf(target), { force: true });
  // An incremental state without its outputs would make tsc emit nothing.
  if (force || !(await hasOutputs(outDir))) await rm(path.join(outDir, '.tsbuildinfo'), { force: true });
  await compile(target);
  await removeOrphans(target, outDir);
  // The fingerprint was taken before compiling: a source that was saved meanwhile is built again next time.
  await writeFile(stampOf(target), `${fingerprint.digest}\n`);
  log(`Built the ${target.name} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return true;
}

async function compile(target) {
  const child = spawn(process.execPath, [tsc, '-p', target.project, '--pretty', 'false'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk) => (output += chunk));
  }
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`The ${target.name} doesn't compile (${target.project}):\n${output.trim()}`);
}

/** Outputs whose source was renamed or deleted would otherwise stay and be shipped. */
async function removeOrphans(target, outDir) {
  for (const file of await filesBelow(outDir, () => true)) {
    const relative = path.relative(outDir, file);
    const match = /^(.*)\.(?:js|d\.ts)(?:\.map)?$/.exec(relative);
    if (!match) continue;
    const source = path.join(root, target.sourceOf(match[1]));
    if (!existsSync(`${source}.ts`)) await rm(file);
  }
}

async function isUpToDate(target) {
  const { digest, hasSources } = await fingerprintOf(target);
  if (!hasSources) return !existsSync(path.join(root, target.outDir));
  const stamp = await readFile(stampOf(target), 'utf8').catch(() => '');
  return stamp.trim() === digest && (await hasOutputs(path.join(root, target.outDir)));
}

function stampOf(target) {
  return path.join(root, target.outDir, '.built-from');
}

async function hasOutputs(outDir) {
  return (await filesBelow(outDir, (name) => name.endsWith('.js'))).length > 0;
}

/** Names, sizes and modification times of all that a target is built from, so that deletions and old checkouts count too. */
async function fingerprintOf(target) {
  const dependencies = targets.filter((candidate) => target.after?.includes(candidate.name));
  const isSource = (name) => name.endsWith('.ts') && !name.endsWith('.spec.ts') && !name.endsWith('.type-spec.ts');
  const own = await sourcesOf(target.sources, isSource);
  const inherited = await sourcesOf(
    dependencies.flatMap((dependency) => dependency.sources),
    isSource,
  );
  const configuration = [target, ...dependencies].map((each) => each.project).concat(settings);
  const files = [...own, ...inherited, ...configuration.map((name) => path.join(root, name))];
  const hash = createHash('sha256');
  for (const file of files.sort((a, b) => (a < b ? -1 : 1))) {
    const { mtimeMs, size } = await stat(file).catch(() => ({ mtimeMs: 0, size: -1 }));
    hash.update(`${path.relative(root, file)}\0${size}\0${mtimeMs}\n`);
  }
  return { digest: hash.digest('hex'), hasSources: own.length > 0 };
}

async function sourcesOf(folders, isSource) {
  const lists = await Promise.all(folders.map((folder) => filesBelow(path.join(root, folder), isSource)));
  return lists.flat();
}

async function filesBelow(folder, accepts) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && accepts(entry.name))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
  buildIfNeeded({ only: names, force: process.argv.includes('--force') }).catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
