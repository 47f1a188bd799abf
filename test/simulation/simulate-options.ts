import { parseArgs } from 'node:util';

export interface SimulateOptions {
  readonly first: number;
  readonly seeds: number;
  /** One seed, with its trace. */
  readonly only: number | undefined;
  readonly verbose: boolean;
  /** A mistake that is put into the library first. */
  readonly mutant: string | undefined;
  /** Whether the run fails where a path was met too rarely, or never. */
  readonly requirePaths: 'often' | 'once' | 'no';
  /** A failing seed is cut down to a short story, which is drawn. */
  readonly shrinks: boolean;
  readonly threads: number;
}

export const USAGE = `npm run simulate -- [options]
  --seeds N          how many seeds (default 200)
  --first S          the first of them (default 1)
  --seed S           this one alone, with the last steps of its trace
  --verbose          with --seed: every step; otherwise a line for each seed
  --mutant NAME      with --seed: with this mistake in the library (npm run mutants -- --list)
  --require-paths    fail where a path was met fewer than 50 times per 1,000 seeds (default from 1,000 seeds on; from 200
                     seeds on, fail where one was never met)
  --no-require-paths
  --no-shrink        don't cut a failing seed down; show its last steps instead
  --threads N        default 2`;

const SEEDS_FOR_PATHS = { often: 1000, once: 200 };

/** @throws TypeError in a sentence, for arguments that can't be */
export function parseSimulateOptions(args: readonly string[]): SimulateOptions {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      seeds: { type: 'string', default: '200' },
      first: { type: 'string', default: '1' },
      seed: { type: 'string' },
      mutant: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      'require-paths': { type: 'boolean' },
      shrink: { type: 'boolean', default: true },
      threads: { type: 'string', default: '2' },
    },
  });
  const seeds = wholeNumber('seeds', values.seeds, 1);
  if (values.mutant !== undefined && values.seed === undefined) throw new TypeError('--mutant needs --seed');
  return {
    seeds,
    first: wholeNumber('first', values.first, 0),
    only: values.seed === undefined ? undefined : wholeNumber('seed', values.seed, 0),
    verbose: values.verbose,
    mutant: values.mutant,
    requirePaths: requiredPaths(values['require-paths'], seeds),
    shrinks: values.shrink,
    threads: wholeNumber('threads', values.threads, 1),
  };
}

function requiredPaths(asked: boolean | undefined, seeds: number): SimulateOptions['requirePaths'] {
  if (asked !== undefined) return asked ? 'often' : 'no';
  if (seeds >= SEEDS_FOR_PATHS.often) return 'often';
  return seeds >= SEEDS_FOR_PATHS.once ? 'once' : 'no';
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least || value > 0xffff_ffff)
    throw new TypeError(`--${name} is ${text}: write a whole number from ${least} to 4294967295`);
  return value;
}
