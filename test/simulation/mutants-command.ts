import { once } from 'node:events';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { drawSettings, type SeedResult } from 'nestjs-raft/testing';
import { type Mutant, MUTANTS, mutantNamed } from './mutants';
import { runSeeds } from './seed-pool';

/** A mutant that lives longer than this is not caught. */
const MOST_SEEDS = 400;
const SHORT_SEEDS = 20;
const SHORT_FORM = ['vote-request-before-persist', 'truncation-on-every-append', 'waiter-matched-by-index-only'];

const USAGE = `npm run mutants -- [options]
  --short          a few of them, which are caught within a few seeds; of the others, that they still find what they change
  --only NAME      one of them
  --search         from seed 1 on, instead of beginning with the seed that is known to catch it
  --list           their names, and what is wrong with each
  --seeds N        how many seeds a mutant may survive (default ${MOST_SEEDS})
  --threads N      default 2`;

interface Caught {
  readonly mutant: Mutant;
  readonly seeds: number;
  readonly result: SeedResult | undefined;
}

/** @returns the exit code: 0 where every mutant was caught */
export async function mutantsCommand(args: readonly string[]): Promise<number> {
  let options;
  try {
    options = parse(args);
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  if (options.list) {
    for (const { name, room, mistake } of MUTANTS) print(`${name} (${room}): ${mistake}`);
    return 0;
  }
  const startedMs = performance.now();
  const mutants = options.only !== undefined ? [mutantNamed(options.only)] : options.short ? shortForm() : MUTANTS;
  const survivors: string[] = [];
  const outOfDate = await mutantsOutOfDate();
  for (const sentence of outOfDate) print(sentence);
  print(
    `${'mutant'.padEnd(36)} ${'room'.padEnd(8)} ${'seeds'.padStart(5)} ${'seed'.padStart(5)}  what the simulator saw`,
  );
  for (const mutant of mutants) {
    const caught = await hunt(mutant, seedsFor(mutant, options), options.threads);
    print(describe(caught));
    if (caught.result === undefined) survivors.push(mutant.name);
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  print(`\n${mutants.length} mutants, ${mutants.length - survivors.length} caught, in ${seconds} s`);
  if (survivors.length > 0) print(`Survived: ${survivors.join(', ')}`);
  return survivors.length + outOfDate.length > 0 ? 1 : 0;
}

/** @returns a sentence for each mutant that no longer finds what it changes */
async function mutantsOutOfDate(): Promise<readonly string[]> {
  const worker = new Worker(path.join(__dirname, 'mutants', 'apply-all.js'));
  const [sentences] = (await once(worker, 'message')) as [readonly string[]];
  return sentences;
}

async function hunt(mutant: Mutant, seeds: readonly number[], threads: number): Promise<Caught> {
  let tried = 0;
  let result: SeedResult | undefined;
  await runSeeds(seeds, { threads, mutant: mutant.name }, (answer) => {
    tried++;
    if (answer.result.violation !== undefined && (result === undefined || answer.result.seed < result.seed))
      result = answer.result;
    return result === undefined;
  });
  return { mutant, seeds: tried, result };
}

function describe({ mutant, seeds, result }: Caught): string {
  const seen = result === undefined ? 'SURVIVED' : firstLine(result.violation!.message);
  const seed = result === undefined ? '' : String(result.seed);
  return `${mutant.name.padEnd(36)} ${mutant.room.padEnd(8)} ${String(seeds).padStart(5)} ${seed.padStart(5)}  ${seen}`;
}

function shortForm(): readonly Mutant[] {
  return SHORT_FORM.map(mutantNamed);
}

function parse(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      only: { type: 'string' },
      search: { type: 'boolean', default: false },
      seeds: { type: 'string', default: String(MOST_SEEDS) },
      threads: { type: 'string', default: '2' },
    },
  });
  const [seeds, threads] = [Number(values.seeds), Number(values.threads)];
  if (!(Number.isInteger(seeds) && seeds > 0 && Number.isInteger(threads) && threads > 0))
    throw new TypeError('--seeds and --threads are whole numbers above 0');
  return { ...values, seeds, threads };
}

function seedsFor(
  { knownSeed, onlyWithLeases = false }: Mutant,
  options: { short: boolean; search: boolean; seeds: number },
): readonly number[] {
  const seeds: number[] = options.search ? [] : [knownSeed];
  const count = options.short ? SHORT_SEEDS : options.seeds;
  for (let seed = 1; seeds.length < count; seed++) {
    const shows = !onlyWithLeases || drawSettings(seed).leaseReads !== null;
    if (shows && !seeds.includes(seed)) seeds.push(seed);
  }
  return seeds;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.slice(0, 140);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
