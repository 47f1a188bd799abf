import { CALLS_OF_A_SEED, LEAST_OF_A_SEED, PATHS, PathCounts, simulate } from 'nestjs-raft/testing';
import { MUTANTS } from './mutants';
import { REGRESSIONS } from './regressions';
import { seedsToRun } from './simulate-command';
import { parseSimulateOptions } from './simulate-options';

describe('a simulated cluster', () => {
  it('does the same again, step by step, for the same seed, and something else for another', async () => {
    const first = await simulate(8);
    const lines: string[] = [];
    const second = await simulate(8, { onTrace: (line) => lines.push(line), keepTrace: 20 });
    expect(second.hash).toBe(first.hash);
    expect(second.events).toBe(first.events);
    expect(second.trace).toEqual(lines.slice(-20));
    expect((await simulate(7)).hash).not.toBe(first.hash);
  }, 600_000);

  it('runs at least a minute, two hundred calls and at least five faults with every seed, and finds nothing', async () => {
    for (let seed = 100; seed < 102; seed++) {
      const result = await simulate(seed);
      expect(result.violation).toBeUndefined();
      expect(result.simulatedMs).toBeGreaterThanOrEqual(LEAST_OF_A_SEED.simulatedMs);
      expect(result.calls).toBe(CALLS_OF_A_SEED);
      expect(result.faults).toBeGreaterThanOrEqual(LEAST_OF_A_SEED.faults);
    }
  }, 600_000);
});

describe('the command line of the simulator', () => {
  it('runs 200 seeds from 1 on by default, and asks for each path to be met, often from 1,000 seeds on', () => {
    expect(parseSimulateOptions([])).toMatchObject({ seeds: 200, first: 1, only: undefined, requirePaths: 'once' });
    expect(parseSimulateOptions(['--seeds', '1000'])).toMatchObject({ seeds: 1000, requirePaths: 'often' });
    expect(parseSimulateOptions(['--seeds', '2000', '--no-require-paths']).requirePaths).toBe('no');
    expect(parseSimulateOptions(['--seeds', '20']).requirePaths).toBe('no');
    expect(parseSimulateOptions(['--seed', '0'])).toMatchObject({ only: 0 });
  });

  it('runs the seeds that once found something before all others', () => {
    const found = REGRESSIONS.map(({ seed }) => seed);
    expect(seedsToRun({ first: 100, seeds: 2 })).toEqual([...found, 100, 101]);
    expect(new Set(found).size).toBe(found.length);
    expect(found.length).toBeGreaterThan(5);
  });

  it.each([
    [['--seeds', '0'], /--seeds is 0/],
    [['--seeds', 'x'], /--seeds is x/],
    [['--first=-1'], /--first is -1/],
    [['--seed', '1e99'], /--seed is 1e99/],
    [['--what'], /--what/],
  ])('refuses %j with a sentence', (args, sentence) => expect(() => parseSimulateOptions(args)).toThrow(sentence));

  it('names the paths that too few seeds have met', () => {
    const counts = new PathCounts();
    for (const path of Object.keys(PATHS) as (keyof typeof PATHS)[]) counts.count(path, 50);
    expect(counts.rare(1000)).toEqual([]);
    expect(counts.unmet).toEqual([]);
    expect(new PathCounts().unmet).toHaveLength(Object.keys(PATHS).length);
    expect(counts.rare(1001)).toHaveLength(Object.keys(PATHS).length);
  });
});

describe('the mutants', () => {
  it('are at least twelve in the kernel and four in the runtime, each with a name of its own', () => {
    const inRoom = (room: string) => MUTANTS.filter((mutant) => mutant.room === room).length;
    expect(inRoom('kernel')).toBeGreaterThanOrEqual(12);
    expect(inRoom('runtime')).toBeGreaterThanOrEqual(4);
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });
});
