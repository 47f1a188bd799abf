import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MUTANTS } from '../simulation/mutants';

const ROOT = resolve(__dirname, '..', '..');
/** Those of the first round are all there; of the later ones, those whose part is built. */
const RULES = 25;

/** The cells of each row of the first table, by the number of the rule. */
function rows(): ReadonlyMap<number, readonly string[]> {
  const lines = readFileSync(join(ROOT, 'docs', 'safety.md'), 'utf8').split('\n');
  const found = lines
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, rule]) => /^\d+$/.test(rule ?? ''));
  return new Map(found.map(([, rule, , where, mutants]) => [Number(rule), [where!, mutants!]]));
}

const named = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);

describe('docs/safety.md', () => {
  it('names for each rule at least one file that holds it, and each is there', () => {
    const table = rows();
    const rules = [...table.keys()];
    expect(rules.slice(0, RULES)).toEqual(Array.from({ length: RULES }, (_, at) => at + 1));
    expect(rules).toEqual([...new Set(rules)].toSorted((left, right) => left - right));
    for (const [rule, [where]] of table) {
      const files = named(where!);
      expect([rule, files.length > 0]).toEqual([rule, true]);
      expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    }
  });

  it('names mutants that are there', () => {
    const known = new Set(MUTANTS.map(({ name }) => name));
    const mutants = [...rows().values()].flatMap(([, cell]) => named(cell!));
    expect(mutants.length).toBeGreaterThan(10);
    expect(mutants.filter((name) => !known.has(name))).toEqual([]);
  });
});
