import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '..', '..');
const TRAPS = 40;

/** Every spec, and the cases that several of them share. */
function testFiles(): readonly string[] {
  return ['libs', 'test'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /(spec|\.cases)\.ts$/.test(file) && !/node_modules|dist/.test(file))
      .map((file) => join(ROOT, folder, file)),
  );
}

describe('known mistakes of Raft implementations', () => {
  it('have each a test that names it', () => {
    const named = new Set(
      testFiles().flatMap((file) =>
        [...readFileSync(file, 'utf8').matchAll(/['`(]trap (\d+):/g)].map(([, number]) => Number(number)),
      ),
    );
    const missing = Array.from({ length: TRAPS }, (_, at) => at + 1).filter((trap) => !named.has(trap));
    expect(missing).toEqual([]);
  });
});
