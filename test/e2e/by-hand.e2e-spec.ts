import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { RaftStatus } from 'nestjs-raft';
import { eventually } from '../support/eventually';
import { freePorts, isFree } from '../support/free-ports';
import { testRun } from '../support/test-run';

const ROOT = resolve(__dirname, '..', '..');
const FIRST_PORT = 9023;
const PEER_PORT_OFFSET = 10_000;
/** Each node is a process that loads an application, and the machine may have other work. */
const SLOW_MS = 120_000;

/** A command as it is typed; everything that it says is kept. */
class Typed {
  output = '';
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;
  private readonly forget: () => void;

  constructor(command: string) {
    // Memory takes the place of a Postgres for each: where the log is kept is no part of this.
    this.child = spawn('sh', ['-c', `exec ${command} --storage memory`], {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.forget = testRun().onProcessExit(() => this.child.kill('SIGKILL'));
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.ended = once(this.child, 'close').then(([code]) => code as number | null);
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
    this.forget();
  }
}

/** The commands of the page for nodes on this machine, block by block. */
function commandsOfThePage(): readonly (readonly string[])[] {
  const page = readFileSync(resolve(ROOT, 'docs', 'demo.md'), 'utf8');
  const section = /\n## By hand\n(.*?)\n## /s.exec(page)?.[1] ?? '';
  return [...section.matchAll(/```\n(.*?)```/gs)]
    .map(([, block]) => block!.trim().split('\n'))
    .filter((lines) => !lines.some((line) => line.includes('secret')));
}

/** The first of so many ports for HTTP, of which each has a free one for peers. */
async function freeRange(count: number): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const [first] = (await freePorts(1)) as [number];
    const ports = Array.from({ length: count }, (_, at) => first + at);
    const free = await Promise.all([...ports, ...ports.map((port) => port + PEER_PORT_OFFSET)].map(isFree));
    if (free.every(Boolean)) return first;
  }
  throw new Error('No free range of ports');
}

describe('a node that is started by hand', () => {
  const typed: Typed[] = [];
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'by-hand-'))));
  afterEach(async () => {
    await Promise.all(typed.splice(0).map((each) => each.stop()));
    rmSync(folder, { recursive: true });
  });

  const type = (command: string): Typed => {
    const started = new Typed(command);
    typed.push(started);
    return started;
  };
  const describeAll = (): string => typed.map(({ output }) => output).join('\n---\n');

  const status = async (port: number): Promise<RaftStatus | undefined> => {
    try {
      return (await (await fetch(`http://127.0.0.1:${port}/_raft/status`)).json()) as RaftStatus;
    } catch {
      return undefined;
    }
  };
  const leads = (port: number): Promise<RaftStatus> =>
    eventually(
      'a leader is known',
      async () => {
        const found = await status(port);
        return found === undefined || found.leader === null ? undefined : found;
      },
      { withinMs: SLOW_MS, describe: describeAll },
    );

  it('needs no secret on this machine: one, three, and a fourth that joins, by the commands of the page', async () => {
    const [one, four] = commandsOfThePage() as [readonly string[], readonly string[]];
    expect([one.length, four.length]).toEqual([1, 4]);

    const port = await freeRange(1);
    const single = type(`${one[0]} --listen-url 0.0.0.0:${port}`);
    const alone = await leads(port);
    expect(alone.security).toEqual({
      mode: 'loopback',
      detail: expect.stringContaining('every local user may do anything') as string,
    });
    await eventually('the start line', async () => single.output.includes('for peers on') || undefined);
    expect(single.output).toContain(
      `for peers on 127.0.0.1:${port + PEER_PORT_OFFSET} (this machine alone, not on 0.0.0.0: there is no --peer-secret-file)`,
    );
    for (const address of otherAddresses()) expect(await refuses(address, port + PEER_PORT_OFFSET)).toBe(true);

    const first = await freeRange(4);
    const moved = four.map((line) =>
      line.replace(/ &$/, '').replaceAll(/\b90(2\d)\b/g, (at) => String(first + Number(at) - FIRST_PORT)),
    );
    const [joining, ...founders] = moved.toReversed() as [string, ...string[]];
    for (const each of founders) type(each);
    await leads(first);
    type(joining);
    const last = first + 3;
    await eventually(
      'the fourth votes',
      async () => (await status(last))?.members.filter(({ role }) => role === 'voter').length === 4 || undefined,
      { withinMs: SLOW_MS, describe: describeAll },
    );
    const key = `http://127.0.0.1:${last}/by-hand`;
    await eventually('a write', async () => (await fetch(key, { method: 'PUT', body: '1' })).ok || undefined);
    expect(await (await fetch(key)).text()).toBe('1');
  });

  it('that joins without the secret, or with another, says what the cluster wants, and ends', async () => {
    const secretFile = (name: string): string => {
      const file = join(folder, name);
      writeFileSync(file, `the ${name} secret of the nodes`, { mode: 0o600 });
      return `--peer-secret-file ${file}`;
    };
    const program = 'node dist/apps/kv/main.js';
    const ports = await Promise.all([freeRange(1), freeRange(1), freeRange(1)]);
    const [member, without, wrong] = ports;
    type(`${program} --listen-url 127.0.0.1:${member} ${secretFile('right')}`);
    expect((await leads(member)).security?.mode).toBe('secret');

    const through = `--join-url 127.0.0.1:${member}`;
    const [stranger, mistaken] = [
      type(`${program} --listen-url 127.0.0.1:${without} ${through}`),
      type(`${program} --listen-url 127.0.0.1:${wrong} ${through} ${secretFile('wrong')}`),
    ];
    expect(await Promise.all([stranger.ended, mistaken.ended])).toEqual([1, 1]);
    expect(stranger.output).toMatch(/can't join the cluster 'kv' .*this node asks its peers for a secret/);
    expect(mistaken.output).toMatch(/can't join the cluster 'kv' .*your secret .*isn't this node's/);
    for (const { output } of [stranger, mistaken]) {
      expect(output).toContain('goes into --peer-secret-file');
      expect(output).not.toContain('secret of the nodes');
    }
    expect((await status(member))!.members).toHaveLength(1);
  });
});

/** Those of this machine that others reach it at; none where it has no network. */
function otherAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4')
    .map(({ address }) => address);
}

function refuses(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    socket.once('close', () => socket.destroy());
  });
}
