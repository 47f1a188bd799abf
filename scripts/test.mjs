// The whole test: fast specs, a short simulation, the mutants in short form, then the suites that start real processes.
//
//   npm test                             everything
//   npm test -- --only unit,e2e          some stages: unit, simulate, mutants, e2e
//   npm test -- --with-tools             a test that was skipped for want of a tool fails the run
//   npm test -- libs/raft/src/core       Jest arguments; a path below test/e2e, test/chaos or test/compose picks those suites
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { processorSeconds } from '../bench/support/processor-time.mjs';
import { buildIfNeeded } from './build-if-needed.mjs';
import { describeSkips, skippedTests } from './skipped-tests.mjs';

const root = path.resolve(import.meta.dirname, '..');
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const reports = path.join(root, 'dist', 'test-report');

/** `budgetSeconds`: the processor time that a stage may take, user and system, of all its processes. */
const stages = {
  unit: {
    title: 'Fast specs',
    budgetSeconds: 1_250,
    run: (jestArguments) => runJest('unit', 'jest.config.js', jestArguments),
  },
  simulate: {
    title: 'Simulation, short form (npm run simulate is the long one)',
    budgetSeconds: 150,
    run: () => runCommand('scripts/simulate.mjs', ['--seeds', '60', '--first', '1']),
  },
  mutants: {
    title: 'Mutants, short form (npm run mutants is the long one)',
    budgetSeconds: 150,
    run: () => runCommand('scripts/mutants.mjs', ['--short']),
  },
  e2e: {
    title: 'Suites with real processes',
    budgetSeconds: 1_400,
    run: (jestArguments) => runJest('e2e', 'jest.e2e.config.js', jestArguments),
  },
};

const { names, jestArguments, withTools } = parseArguments(process.argv.slice(2));
const started = Date.now();
const total = { passed: 0, failed: 0, skipped: 0 };
const spent = [];
const skips = [];

await rm(reports, { recursive: true, force: true });
await mkdir(reports, { recursive: true });
// Fast specs run the sources; everything else runs what was built.
if (names.some((name) => name !== 'unit'))
  await buildIfNeeded().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
for (const name of names) {
  process.stderr.write(`\n== ${stages[name].title}\n`);
  const before = await processorSeconds([process.pid]);
  const counts = await stages[name].run(jestArguments);
  const after = await processorSeconds([process.pid]);
  for (const key of Object.keys(total)) total[key] += counts[key] ?? 0;
  skips.push(...(counts.skips ?? []));
  if (before !== undefined && after !== undefined) spent.push({ name, seconds: Math.round(after - before) });
}
report();
if (total.passed + total.failed === 0) {
  process.stderr.write('No test was run: that counts as a failure.\n');
  process.exitCode = 1;
}
if (total.failed > 0) process.exitCode = 1;
await writeFile(path.join(reports, 'summary.json'), `${JSON.stringify(total)}\n`);
const seconds = Math.round((Date.now() - started) / 1000);
process.stderr.write(
  `\nTests: ${total.passed} passed and ${total.failed} failed (${total.skipped} skipped), after ${seconds} s.\n`,
);

/** Prints what was spent and what was skipped. A stage above its budget fails the run, as do missing tools where they are asked for. */
function report() {
  process.stderr.write('\n');
  for (const { name, seconds } of spent) {
    const { budgetSeconds } = stages[name];
    process.stderr.write(`Processor time of ${name}: ${seconds} s of ${budgetSeconds} s.\n`);
    if (seconds <= budgetSeconds) continue;
    process.stderr.write(
      `The stage ${name} is above its budget: make it cheaper, or give a reason with a new budget.\n`,
    );
    total.failed++;
  }
  for (const sentence of describeSkips(skips)) process.stderr.write(`${sentence}\n`);
  if (withTools && total.skipped > 0) {
    process.stderr.write('Tests were skipped, and --with-tools allows none.\n');
    total.failed += total.skipped;
  }
}

function parseArguments(all) {
  const given = all.filter((argument) => argument !== '--with-tools');
  return { ...parseStages(given), withTools: given.length < all.length };
}

function parseStages(given) {
  const only = given.indexOf('--only');
  if (only >= 0) {
    const chosen = (given[only + 1] ?? '').split(',').filter((name) => name !== '');
    const unknown = chosen.filter((name) => !(name in stages));
    if (chosen.length === 0 || unknown.length > 0) {
      process.stderr.write(`--only takes some of ${Object.keys(stages).join(', ')}, with commas between them.\n`);
      process.exit(2);
    }
    return { names: chosen, jestArguments: given.toSpliced(only, 2) };
  }
  if (given.length === 0) return { names: Object.keys(stages), jestArguments: [] };
  const withProcesses = given.some((argument) => /e2e-spec|test[\\/](e2e|chaos|compose)/.test(argument));
  return { names: [withProcesses ? 'e2e' : 'unit'], jestArguments: given };
}

async function runJest(stage, config, extra) {
  const report = path.join(reports, `${stage}.json`);
  const code = await runNode([
    jest,
    '--config',
    config,
    '--passWithNoTests',
    '--json',
    '--outputFile',
    report,
    ...extra,
  ]);
  const result = await readFile(report, 'utf8')
    .then((text) => JSON.parse(text))
    .catch(() => undefined);
  if (!result) return { failed: 1 };
  const skipped = result.numPendingTests + result.numTodoTests;
  // A suite that can't be loaded has no test to count, and must count all the same; so must a run that failed otherwise.
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  return {
    passed: result.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped,
    skips: skippedTests(result),
  };
}

async function runCommand(script, commandArguments) {
  if (!existsSync(path.join(root, script))) {
    process.stderr.write(`${script} isn't there: skipped.\n`);
    return { skipped: 1 };
  }
  return (await runNode([script, ...commandArguments])) === 0 ? { passed: 1 } : { failed: 1 };
}

async function runNode(nodeArguments) {
  const child = spawn(process.execPath, nodeArguments, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const forward = (signal) => child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, forward);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(signal ? 1 : code));
    });
  } finally {
    for (const signal of SIGNALS) process.off(signal, forward);
  }
}
