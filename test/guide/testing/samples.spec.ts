import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const guide = readFileSync(path.join(__dirname, '../../../docs/guides/testing.md'), 'utf8');
const samples = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
const sources = readdirSync(__dirname).map((file) => readFileSync(path.join(__dirname, file), 'utf8'));

it('every sample of the guide is in a file that runs here, word for word', () => {
  expect(samples.length).toBeGreaterThan(3);
  for (const sample of samples) expect(sources.some((source) => source.includes(sample)) ? '' : sample).toBe('');
});
