import {
  LEAST_PER_THOUSAND,
  PathCounts,
  PATHS,
  shrink,
  simulate,
  tell,
  type Path,
  type SeedResult,
} from 'nestjs-raft/testing';
import { mutantNamed } from './mutants';
import { REGRESSIONS } from './regressions';
import { runSeeds, type SeedAnswer } from './seed-pool';
import { parseSimulateOptions, USAGE, type SimulateOptions } from './simulate-options';

const KEPT_LINES = 60;
/** So many failed seeds are explained; they often have one cause. */
const MOST_EXPLAINED = 2;
const PROGRESS_EVERY_MS = 5000;

/** @returns the exit code: 0, 1 where a seed failed or a path was not met, 2 for arguments that can't be */
export async function simulateCommand(args: readonly string[]): Promise<number> {
  let options: SimulateOptions;
  try {
    options = parseSimulateOptions(args);
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  if (options.mutant !== undefined) mutantNamed(options.mutant).apply();
  return options.only === undefined ? runMany(options) : runOne(options.only, options);
}

async function runOne(seed: number, { verbose, shrinks }: SimulateOptions): Promise<number> {
  const result = await simulate(seed, verbose ? { onTrace: print } : { keepTrace: KEPT_LINES });
  if (!verbose) result.trace.forEach(print);
  print(`\n${describeSettings(result)}`);
  print(describeResult(result));
  const paths = new PathCounts();
  paths.add(result.paths);
  printPaths(paths, 1);
  if (shrinks && result.violation !== undefined) await printStory(result);
  return result.violation === undefined ? 0 : 1;
}

/** Those that once found something, and then those that were asked for. */
export function seedsToRun({ first, seeds }: Pick<SimulateOptions, 'first' | 'seeds'>): readonly number[] {
  return [...REGRESSIONS.map(({ seed }) => seed), ...Array.from({ length: seeds }, (_, at) => first + at)];
}

async function runMany(options: SimulateOptions): Promise<number> {
  const { verbose, requirePaths, threads } = options;
  const seeds = seedsToRun(options);
  const startedMs = performance.now();
  const paths = new PathCounts();
  const failed: SeedResult[] = [];
  let done = 0;
  let lastProgressMs = startedMs;
  let busyMs = 0;

  await runSeeds(seeds, { threads }, ({ result, tookMs }: SeedAnswer) => {
    done++;
    busyMs += tookMs;
    paths.add(result.paths);
    if (result.violation !== undefined) {
      failed.push(result);
      print(`seed ${result.seed} FAILED  ${firstLine(result.violation.message)}`);
    } else if (verbose) print(describeResult(result));
    const nowMs = performance.now();
    if (nowMs - lastProgressMs > PROGRESS_EVERY_MS) {
      lastProgressMs = nowMs;
      print(
        `${done} of ${seeds.length} seeds, ${failed.length} failed, ${rateOf(done, nowMs - startedMs)} seeds a second`,
      );
    }
    return true;
  });

  printPaths(paths, seeds.length);
  for (const result of failed.slice(0, MOST_EXPLAINED)) await explain(result.seed, options);
  if (failed.length > 0) {
    print(`\nFailed seeds: ${failed.map(({ seed }) => seed).join(', ')}`);
    print(`Replay one with: npm run simulate -- --seed ${failed[0]!.seed} --verbose`);
  }
  const rare = untestedPaths(paths, seeds.length, requirePaths);
  if (rare.length > 0)
    print(`\nMet fewer than ${LEAST_PER_THOUSAND} times per 1,000 seeds, so not tested: ${rare.join('; ')}`);
  const tookMs = performance.now() - startedMs;
  print(
    `\n${seeds.length} seeds, ${failed.length} failed, in ${(tookMs / 1000).toFixed(1)} s: ` +
      `${rateOf(seeds.length, tookMs)} seeds a second on ${threads} threads, ${(busyMs / seeds.length).toFixed(0)} ms each`,
  );
  return failed.length > 0 || rare.length > 0 ? 1 : 0;
}

/** A thousand seeds meet each path often; a few hundred meet each at least once. */
function untestedPaths(paths: PathCounts, seeds: number, required: SimulateOptions['requirePaths']): readonly Path[] {
  if (required === 'often') return paths.rare(seeds);
  return required === 'once' ? paths.unmet : [];
}

/** The same number gives the same run: so what is readable is made only when it is wanted. */
async function explain(seed: number, { shrinks }: SimulateOptions): Promise<void> {
  const result = await simulate(seed, { keepTrace: KEPT_LINES });
  print(`\n== seed ${seed}: ${describeSettings(result)}`);
  if (result.violation === undefined) {
    print('It did not fail again: something outside of the simulation changed it.');
    return;
  }
  if (shrinks) await printStory(result);
  else result.trace.forEach(print);
  print(result.violation.message);
}

/** As little as still fails, drawn. */
async function printStory(failing: SeedResult): Promise<void> {
  const { script, result, runs } = await shrink(failing);
  const { faults, calls } = failing.script;
  print(
    `\nShrunk in ${runs} runs from ${faults.length} faults and ${calls.length} calls to ${script.faults.length} and ` +
      `${script.calls.length}, in ${(result.simulatedMs / 1000).toFixed(1)} simulated seconds:\n`,
  );
  print(await tell(failing.seed, script));
  print(`\n${result.violation!.message}\n`);
}

function printPaths(paths: PathCounts, seeds: number): void {
  const names = Object.keys(PATHS) as Path[];
  print(`\n${'path'.padEnd(42)} ${'times'.padStart(9)} ${'per 1,000 seeds'.padStart(16)}`);
  for (const name of names) {
    const times = paths.of(name);
    print(`${name.padEnd(42)} ${String(times).padStart(9)} ${String(Math.round((times * 1000) / seeds)).padStart(16)}`);
  }
}

function describeSettings({ settings }: SeedResult): string {
  const { nodes, electionTimeoutMs, leaseReads, limits, coded, clients } = settings;
  const parts = [
    `${nodes} nodes`,
    `election time-out ${electionTimeoutMs} ms`,
    leaseReads === null ? 'no lease reads' : `lease reads with margin ${leaseReads.driftMargin}`,
    Object.keys(limits).length > 0 ? 'tight limits' : 'default limits',
    coded ? 'messages coded' : 'messages copied',
    `${clients} clients`,
  ];
  return parts.join(', ');
}

function describeResult(result: SeedResult): string {
  const { seed, violation, simulatedMs, events, calls, faults, entries, hash } = result;
  const verdict = violation === undefined ? 'ok' : `FAILED\n${violation.message}`;
  return (
    `seed ${seed}: ${(simulatedMs / 1000).toFixed(1)} simulated s, ${events} steps, ${calls} calls, ${faults} faults, ` +
    `${entries} entries committed, trace ${hash}: ${verdict}`
  );
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.slice(0, 200);
}

function rateOf(count: number, ms: number): string {
  return ((count * 1000) / ms).toFixed(1);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
