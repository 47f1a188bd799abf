import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { testRun } from '../support/test-run';

const ROOT = resolve(__dirname, '..', '..');

describe('the benchmark', () => {
  it('compares replicated tables with the same transactions, straight, and finds the books right on all nodes', async () => {
    const { code, output } = await run(['--only', 'tables', '--short']);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toMatch(/^\| three nodes, commands batched \| 64 \|/m);
    expect(output).toContain('failed requests: 0.');
    expect(output).toContain('Sums and rows are right afterwards, and equal on all nodes.');
  });

  it('names what it can measure where it is asked for something else', async () => {
    expect(await run(['--only', 'nothing'])).toMatchObject({
      code: 2,
      output: expect.stringContaining('"nothing" is none of write-read, tables'),
    });
  });
});

function run(args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [resolve(ROOT, 'bench', 'run.mjs'), ...args], { cwd: ROOT });
    const forget = testRun().onProcessExit(() => child.kill('SIGTERM'));
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', reject);
    child.once('close', (code) => {
      forget();
      done({ code, output });
    });
  });
}
