import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KV_MAIN } from '../support/kv/kv-node';
import { testRun } from '../support/test-run';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('the command line of a node', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kv-command-line-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const run = (args: readonly string[]): Promise<Ended> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [KV_MAIN, ...args], { cwd: folder, timeout: 30_000 });
      const forget = testRun().onProcessExit(() => child.kill('SIGKILL'));
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.once('error', reject);
      child.once('close', (code) => {
        forget();
        resolve({ code, stdout, stderr });
      });
    });

  it('ends with 0 after --help, and lists every flag', async () => {
    const { code, stdout, stderr } = await run(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const flag of [
      '--listen-url',
      '--initial-advertise-peers',
      '--id',
      '--storage',
      '--data-dir',
      '--on-follower',
    ])
      expect(stdout).toContain(flag);
  });

  // What is refused with which sentence is in the application's own specs: here is what the process makes of it.
  it.each<[string[], RegExp]>([
    [['--listen-url', '127.0.0.1:99999'], /--listen-url.*99999/],
    [['--initial-advertise-peers', 'n1=127.0.0.1:9023', '--id', 'n4'], /--id.*n4.*n1/],
    [['--bogus'], /--bogus/],
  ])('ends with 2 and a sentence for %j, before anything is opened', async (args, sentence) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(await readdir(folder)).toEqual([]);
  });
});
