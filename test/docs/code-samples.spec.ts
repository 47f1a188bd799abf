import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { faultsOf, samplesOf } from './code-samples';

const ROOT = resolve(__dirname, '..', '..');
const pages = [
  'libs/raft/README.md',
  'README.md',
  ...readdirSync(join(ROOT, 'docs', 'guides')).map((name) => `docs/guides/${name}`),
];

// The compiler takes a while on a busy machine.
jest.setTimeout(300_000);

describe('Code that the documentation shows as whole files', () => {
  it('compiles, and what is wrong would be found', () => {
    const samples = pages.flatMap(samplesOf);
    expect(samples.length).toBeGreaterThan(10);
    expect(samples.map(({ file }) => file)).toContain('src/app.module.ts');
    const wrong = {
      page: 'a page',
      file: 'src/wrong.ts',
      code: "import { RaftService } from 'nestjs-raft';\n\nexport const wrong: RaftService = 1;\n",
    };

    expect(faultsOf([...samples, wrong])).toEqual([expect.stringContaining('a page, src/wrong.ts, line 3: ')]);
  });
});
