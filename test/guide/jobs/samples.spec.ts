import { readFileSync } from 'node:fs';
import path from 'node:path';

const guide = readFileSync(path.join(__dirname, '../../../docs/guides/leader-jobs.md'), 'utf8');
const samples = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
const sources = ['reports.ts', 'reports.spec.ts'].map((file) => readFileSync(path.join(__dirname, file), 'utf8'));
/** Members of a class stand further in than on the page. */
const flat = (code: string): string => code.replaceAll(/^ +/gm, '');

it('every sample of the guide is in a file that runs here, word for word', () => {
  expect(samples.length).toBeGreaterThan(3);
  for (const sample of samples)
    expect(sources.some((source) => flat(source).includes(flat(sample))) ? '' : sample).toBe('');
});
