// The library as its users get it: packed, installed into fresh applications from the package registry, type-checked there
// with `skipLibCheck: false`, and run. The applications of the quick start take their code from libs/raft/README.md, word for word.
//
//   npm run compat                         all of scripts/compat/apps.mjs
//   npm run compat -- --only esm-nest-12   some of them, with commas between
//   npm run compat -- --keep               leaves the folder there, and says where
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { buildIfNeeded } from './build-if-needed.mjs';
import { apps } from './compat/apps.mjs';
import { bareStory } from './compat/bare-story.mjs';
import { installApp, typeCheck, writeApp } from './compat/fresh-app.mjs';
import { quickStartStory } from './compat/quick-start-story.mjs';
import { packLibrary } from './pack-library.mjs';

const stories = { 'quick start': quickStartStory, bare: bareStory };
const only = process.argv.indexOf('--only');
const wanted = only < 0 ? apps.map(({ name }) => name) : process.argv[only + 1].split(',');
const chosen = apps.filter(({ name }) => wanted.includes(name));
if (chosen.length !== wanted.length) {
  process.stderr.write(`--only takes some of ${apps.map(({ name }) => name).join(', ')}, with commas between them.\n`);
  process.exit(2);
}

const log = (line) => process.stderr.write(`compat: ${line}\n`);
// The embedded Postgres of the sample application serves the nodes.
await buildIfNeeded({ only: ['library', 'application'] });
const folder = await mkdtemp(path.join(os.tmpdir(), 'nestjs-raft-compat-'));
try {
  const tarball = await packLibrary(folder);
  const folders = new Map(chosen.map(({ name }) => [name, path.join(folder, name)]));
  // One after the other: package managers keep a core busy each, and their caches to themselves.
  for (const app of chosen) {
    const into = folders.get(app.name);
    await mkdir(into);
    await writeApp(app, into, tarball.path);
    await step(app, `installs by ${app.manager}`, () => installApp(app, into, folder));
    await step(app, 'type-checks and compiles with skipLibCheck: false', () => typeCheck(into));
    for (const variant of app.variants)
      await step(app, `runs: ${app.story}, ${variant}`, () =>
        stories[app.story]({ folder: into, variant, log: (line) => log(`  ${line}`) }),
      );
  }
  log(`${chosen.map(({ name }) => name).join(', ')}: all is well.`);
} catch (error) {
  log(error.message);
  process.exitCode = 1;
} finally {
  if (process.argv.includes('--keep')) log(`everything is in ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}

async function step({ name }, what, work) {
  const started = Date.now();
  try {
    await work();
  } catch (error) {
    throw new Error(`${name} ${what}: it failed.\n${error.message}`, { cause: error });
  }
  log(`${name} ${what} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}
