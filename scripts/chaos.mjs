// npm run chaos: the suites below test/chaos in their long form: more kills, more power cuts, a longer log.
//
//   npm run chaos -- [--only NAME,…] [--rounds N]
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildIfNeeded } from './build-if-needed.mjs';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join('test', 'chaos');
const suffix = '.e2e-spec.ts';
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}

async function main() {
  const names = (await readdir(path.join(root, folder)))
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .toSorted();
  const { values } = parseArgs({ options: { only: { type: 'string' }, rounds: { type: 'string' } }, strict: true });
  const chosen = values.only?.split(',') ?? names;
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`--only: "${unknown}" is none of ${names.join(', ')}`);
  if (values.rounds !== undefined && !/^[1-9]\d{0,3}$/.test(values.rounds))
    throw new Error(`--rounds: "${values.rounds}" isn't a whole number from 1 to 9999`);
  await buildIfNeeded({ only: ['library', 'application'] });
  return runJest(chosen, values.rounds ?? 'default');
}

function runJest(names, rounds) {
  const files = names.map((name) => path.join(root, folder, name + suffix));
  const child = spawn(
    process.execPath,
    [jest, '--config', 'jest.e2e.config.js', '--verbose', '--runTestsByPath', ...files],
    { cwd: root, stdio: 'inherit', env: { ...process.env, CHAOS_ROUNDS: rounds } },
  );
  // Ctrl-C reaches both; Jest ends what the suites have started.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
