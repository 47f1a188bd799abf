import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { eventually } from './eventually';
import { freePorts, isFree } from './free-ports';
import { testRun } from './test-run';

const ROOT = resolve(__dirname, '..', '..');
const NODES = [1, 2, 3];
/** The number of a process beside them. */
const CLIENT = 4;
/** Of the first HTTP port: those of HTTP, of peers, and of other servers. */
const PORTS = [0, 10, 20].flatMap((from) => [...NODES, CLIENT].map((node) => from + node - 1));

interface ExampleAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Three processes of a built example, and a client where it has one. */
export class ExampleCluster {
  private output = '';
  private readonly forgetExit: () => void;

  private constructor(
    private readonly firstPort: number,
    private readonly children: readonly ChildProcess[],
  ) {
    this.forgetExit = testRun().onProcessExit(() => children.forEach((child) => child.kill('SIGKILL')));
    for (const child of children)
      for (const stream of [child.stdout!, child.stderr!]) {
        stream.setEncoding('utf8');
        stream.on('data', (text: string) => (this.output += text));
      }
  }

  /**
   * Resolves when all three listen.
   *
   * @param example the name of its folder
   * @param databases an address for each node, where it needs one
   * @param withClient whether there is a fourth process, which is no node
   */
  static async start(example: string, databases: readonly string[] = [], withClient = false): Promise<ExampleCluster> {
    const firstPort = await freeRange();
    const program = resolve(ROOT, 'dist', 'examples', example, 'main.js');
    const children = [...NODES, ...(withClient ? [CLIENT] : [])].map((node) =>
      spawn(process.execPath, [program, String(node), String(firstPort)], {
        cwd: ROOT,
        env: { ...process.env, NO_COLOR: '1', DATABASE_URL: databases[node - 1] ?? '' },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    const cluster = new ExampleCluster(firstPort, children);
    try {
      await eventually(`${example} listens`, () => cluster.listening(), { describe: () => cluster.output });
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get(node: number, path: string): Promise<ExampleAnswer> {
    return this.send('GET', node, path);
  }

  post(node: number, path: string): Promise<ExampleAnswer> {
    return this.send('POST', node, path);
  }

  /** Asks until the body is as wanted. */
  async until(node: number, path: string, isWanted: (body: unknown) => boolean): Promise<unknown> {
    return eventually(
      `${path} on node ${node} is as wanted`,
      async () => {
        const { body } = await this.get(node, path);
        return isWanted(body) ? body : undefined;
      },
      { describe: () => this.output },
    );
  }

  kill(node: number): void {
    this.children[node - 1]!.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    this.forgetExit();
    await Promise.all(
      this.children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }),
    );
  }

  private async send(method: string, node: number, path: string): Promise<ExampleAnswer> {
    const response = await fetch(`http://127.0.0.1:${this.firstPort + node - 1}${path}`, { method });
    return { status: response.status, body: await response.json() };
  }

  private async listening(): Promise<true | undefined> {
    const ended = this.children.find(({ exitCode }) => exitCode !== null);
    if (ended !== undefined) throw new Error(`A node ended with code ${ended.exitCode}`);
    await Promise.all(this.children.map((_child, at) => this.get(at + 1, '/')));
    return true;
  }
}

async function freeRange(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const [first] = await freePorts(1);
    const free = await Promise.all(PORTS.map((offset) => isFree(first! + offset)));
    if (free.every(Boolean)) return first!;
  }
  throw new Error('No free range of ports');
}
