import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readPostmasterFileSync } from '../../apps/kv/src/embedded-postgres/server/postmaster-file';
import { isRunning } from '../../apps/kv/src/embedded-postgres/process/process-table';
import { eventually } from '../support/eventually';
import { isFree, freePorts } from '../support/free-ports';
import { itNeeds, program } from '../support/needs';
import { report, testRun } from '../support/test-run';

const DEMO = resolve(__dirname, '..', '..', 'scripts', 'demo.mjs');
const curl = program('curl', '--version');

/** A demo that runs: what it printed so far, and its end. */
class RunningDemo {
  output = '';
  readonly ended: Promise<number | null>;
  private readonly forget: () => void;

  constructor(readonly child: ChildProcess) {
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.forget = testRun().onProcessExit(() => child.kill('SIGTERM'));
    this.ended = once(child, 'close').then(([code]) => {
      this.forget();
      return code as number | null;
    });
  }

  static start(...args: string[]): RunningDemo {
    return new RunningDemo(spawn(process.execPath, [DEMO, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  prints(text: string, withinMs = 90_000): Promise<true> {
    return eventually(
      `the demo prints ${text}`,
      () => {
        if (this.output.includes(text)) return true;
        if (this.child.exitCode !== null) throw new Error(`it ended with ${this.child.exitCode}`);
        return undefined;
      },
      { withinMs, describe: () => this.output },
    );
  }
}

/** Consecutive ports for the nodes of a demo; those of their peers, 10,000 higher, stay below what outgoing connections get. */
async function freeBasePort(nodes: number): Promise<number> {
  for (;;) {
    const [base] = await freePorts(1, 11_000, 21_000);
    const ports = Array.from({ length: nodes }, (_, at) => [base! + at, base! + 10_000 + at]).flat();
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base!;
  }
}

describe('npm run demo', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'demo-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 20 }));

  describe('a demo of three nodes', () => {
    let basePort: number;
    let demo: RunningDemo;
    let dataDir: string;
    const urls = () => [0, 1, 2].map((at) => `http://127.0.0.1:${basePort + at}`);
    const postmasters = () =>
      ['n1', 'n2', 'n3'].map((id) => readPostmasterFileSync(join(dataDir, id, 'postgres'))?.pid ?? 0);
    const start = () => RunningDemo.start('--base-port', String(basePort), '--data-dir', dataDir);

    beforeAll(async () => {
      basePort = await freeBasePort(3);
      dataDir = join(folder, 'data');
      demo = start();
      await demo.prints('Ctrl-C ends everything');
    });
    afterAll(async () => {
      demo.child.kill('SIGTERM');
      await demo.ended;
    });

    it('says who leads', () => {
      expect(demo.output).toMatch(/n[123] leads/);
    });

    itNeeds(curl)('prints curl lines that work on every node as printed', () => {
      const lines = demo.output.split('\n').flatMap((line) => /^\s*(curl .*?)\s+# /.exec(line)?.[1] ?? []);
      expect(lines.length).toBeGreaterThanOrEqual(5);
      const printed = urls().find((url) => lines[0]!.includes(url))!;
      for (const url of urls())
        for (const line of lines) {
          const command = line.replaceAll(printed, url);
          const { status, stdout, stderr } = spawnSync(`${command} -sS -w ' %{http_code}'`, {
            shell: true,
            encoding: 'utf8',
          });
          const code = Number(stdout.slice(-3));
          expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
          // A copy that is read however old it is may not have the key yet, and what is created once is there the second time.
          const also = command.includes('stale') ? [404] : command.includes('If-None-Match') ? [409] : [];
          expect({ command, code: [200, ...also].includes(code) || stdout }).toEqual({ command, code: true });
          expect(() => JSON.parse(stdout.slice(0, -4)) as unknown).not.toThrow();
        }
      const kept = spawnSync(`curl -sS -L -X PUT -d '"kept"' ${printed}/kept`, { shell: true, encoding: 'utf8' });
      expect(kept.stdout).toBe('"kept"');
    });

    it('tells a second demo on the same ports, in one sentence, which one is busy', async () => {
      const second = RunningDemo.start('--base-port', String(basePort), '--data-dir', join(folder, 'second'));
      expect(await second.ended).toBe(1);
      expect(second.output.trim().split('\n')).toHaveLength(1);
      expect(second.output).toContain(`Port ${basePort} on 127.0.0.1 is busy`);
      expect(second.output).toContain('--base-port');
    });

    it('tells of a node that dies, goes on, and keeps its data over Ctrl-C and a new start', async () => {
      const servers = postmasters();
      expect(servers.every(isRunning)).toBe(true);
      const status = (await (await fetch(`${urls()[1]}/_raft/status`)).json()) as { leader: { name: string } };
      const at = Number(status.leader.name.slice(1)) - 1;
      process.kill(pidListeningOn(basePort + at, demo), 'SIGKILL');
      await demo.prints(`${status.leader.name} ended (SIGKILL)`);
      await demo.prints('leads now');

      demo.child.kill('SIGINT');
      expect(await demo.ended).toBe(0);
      expect(servers.filter(isRunning)).toEqual([]);
      expect(await Promise.all(urls().map((url) => isFree(Number(new URL(url).port))))).toEqual([true, true, true]);

      demo = start();
      await demo.prints('Ctrl-C ends everything');
      const read = await fetch(`${urls()[0]}/kept`);
      if (curl.missing === undefined) expect(await read.text()).toBe('"kept"');
      demo.child.kill('SIGHUP');
      expect(await demo.ended).toBe(0);
      expect(postmasters()).toEqual([0, 0, 0]);
    });
  });

  it('ends with 2 and a sentence for a malformed flag', async () => {
    for (const [args, sentence] of [
      [['--nodes', 'many'], '--nodes: "many"'],
      [['--storage', 'tape'], '--storage: "tape"'],
      [['--base-port', '0'], '--base-port: "0"'],
    ] as const) {
      const demo = RunningDemo.start(...args);
      expect(await demo.ended).toBe(2);
      expect(demo.output).toContain(sentence);
    }
  });

  it('runs on storage in memory, and with one node', async () => {
    const basePort = await freeBasePort(1);
    const demo = RunningDemo.start('--nodes', '1', '--storage', 'memory', '--base-port', String(basePort));
    await demo.prints('n1 leads');
    await demo.prints('Ctrl-C ends everything');
    demo.child.kill('SIGTERM');
    expect(await demo.ended).toBe(0);
  });

  it('--smoke writes, kills the leader, cuts the power, compares, and ends with 0', async () => {
    const started = performance.now();
    const demo = RunningDemo.start('--smoke');
    const code = await demo.ended;
    if (code !== 0) process.stderr.write(demo.output);
    expect(code).toBe(0);
    expect(demo.output).toContain('acknowledged writes are there, on every node');
    report('demo --smoke', { seconds: ((performance.now() - started) / 1000).toFixed(1) });
  });
});

/** The demo prints each node's process id beside its address. */
function pidListeningOn(port: number, demo: RunningDemo): number {
  const pid = new RegExp(`http://127\\.0\\.0\\.1:${port}\\b.*process (\\d+)`).exec(demo.output)?.[1];
  if (pid === undefined) throw new Error(`No process id for port ${port} in:\n${demo.output}`);
  return Number(pid);
}
