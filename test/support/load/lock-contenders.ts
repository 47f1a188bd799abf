import { type ChildProcess, fork } from 'node:child_process';
import { resolve } from 'node:path';
import { eventually } from '../eventually';
import { freePorts } from '../free-ports';
import { TokenResource } from '../token-resource';
import { testRun } from '../test-run';

const PROGRAM = resolve(__dirname, '..', '..', 'chaos', 'lock-contender.mjs');

export interface LockContendersOptions {
  readonly nodes: number;
  readonly ttlMs: number;
  readonly waitMs: number;
  readonly holdMs: number;
}

interface Message {
  readonly kind: 'ready' | 'served' | 'write' | 'held' | 'failed' | 'ended' | 'status';
  readonly id: number;
  readonly contender: number;
  readonly token: number;
  readonly code: string;
  readonly status: { readonly waiting: number; readonly holders: readonly unknown[] } | null;
}

/** Processes that are a cluster and contend for a lock of it, and the resource that the lock protects. */
export class LockContenders {
  readonly resource = new TokenResource();
  /** Who got the lock, in that order. */
  readonly served: { readonly contender: number; readonly token: number }[] = [];
  readonly failures = new Map<string, number>();
  holds = 0;
  /** Processes that have ended; none should before all are stopped. */
  readonly exits: string[] = [];
  private ended = 0;
  private status: Message['status'] = null;
  /** What is to be done at the next write that is the first of its token. */
  private atFirstWrite: ((child: ChildProcess, token: number) => void) | undefined;
  private readonly forgetExit: () => void;

  private constructor(private readonly children: readonly ChildProcess[]) {
    this.forgetExit = testRun().onProcessExit(() => this.kill());
    for (const child of children) {
      child.on('message', (message) => this.hear(child, message as Message));
      child.once('exit', (code, signal) => this.exits.push(`${child.pid}: ${signal ?? code}`));
    }
  }

  static async start(options: LockContendersOptions): Promise<LockContenders> {
    const ports = await freePorts(options.nodes);
    const members = ports.map((port, at) => ({ id: `n${at + 1}`, peer: `127.0.0.1:${port}` }));
    const children = members.map(({ id }) =>
      fork(PROGRAM, [JSON.stringify({ nodeId: id, members, lock: 'resource', ...options })], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        execArgv: [],
      }),
    );
    const started = new LockContenders(children);
    // The first answer about the lock says that there is a leader.
    await started.waiting(0, 60_000);
    return started;
  }

  /** Lets a contender ask for the lock once, on a node by turns. */
  queue(contender: number): void {
    this.children[contender % this.children.length]!.send({ kind: 'queue', contender });
  }

  /** Resolves when so many wait for the lock. */
  async waiting(count: number, withinMs = 30_000): Promise<void> {
    await eventually(
      `${count} waiting`,
      () => {
        this.children[0]!.send({ kind: 'status' });
        return this.status !== null && this.status.waiting >= count ? true : undefined;
      },
      { withinMs, describe: () => JSON.stringify(this.status) },
    );
  }

  /** Holds the lock while others come to wait for it. */
  async holdWhile(work: () => Promise<void>): Promise<void> {
    this.children[0]!.send({ kind: 'hold' });
    await eventually('the lock is held', () => {
      this.children[0]!.send({ kind: 'status' });
      return this.status?.holders.length === 1 ? true : undefined;
    });
    try {
      await work();
    } finally {
      this.children[0]!.send({ kind: 'letGo' });
    }
  }

  /** Lets so many contenders, spread over the nodes, write under the lock again and again. */
  contend(contenders: number): void {
    for (const [at, child] of this.children.entries()) {
      const own = Array.from({ length: contenders }, (_, contender) => contender).filter(
        (contender) => contender % this.children.length === at,
      );
      child.send({ kind: 'contend', contenders: own });
    }
  }

  /** Stops a process in the midst of its work under the lock, until another has written and the ttl is long over. */
  async pauseHolder(): Promise<void> {
    let paused: { readonly child: ChildProcess; readonly token: number } | undefined;
    this.atFirstWrite = (child, token) => {
      process.kill(child.pid!, 'SIGSTOP');
      paused = { child, token };
    };
    await eventually('a holder to stop', () => paused);
    const { child, token } = paused!;
    await eventually('the next holder', () => (this.resource.highest > token ? true : undefined), {
      withinMs: 60_000,
      describe: () => `the resource has seen ${this.resource.highest}, the stopped holder has ${token}`,
    });
    const { refused } = this.resource;
    process.kill(child.pid!, 'SIGCONT');
    await eventually('the late write', () => (this.resource.refused > refused ? true : undefined));
  }

  /** Lets the contenders finish. */
  async end(): Promise<void> {
    this.ended = 0;
    for (const child of this.children) child.send({ kind: 'end' });
    await eventually('the end of all', () => (this.ended === this.children.length ? true : undefined), {
      withinMs: 180_000,
      describe: () => `${this.ended} have ended; exits: ${this.exits.join(', ')}`,
    });
  }

  async stop(): Promise<void> {
    const gone = this.children.map((child) =>
      child.exitCode === null && child.signalCode === null
        ? new Promise((resolve) => child.once('exit', resolve))
        : Promise.resolve(),
    );
    this.kill();
    await Promise.all(gone);
    this.forgetExit();
  }

  private hear(child: ChildProcess, message: Message): void {
    switch (message.kind) {
      case 'write':
        this.write(child, message);
        break;
      case 'served':
        this.served.push({ contender: message.contender, token: message.token });
        break;
      case 'held':
        this.holds++;
        break;
      case 'failed':
        this.failures.set(message.code, (this.failures.get(message.code) ?? 0) + 1);
        break;
      case 'ended':
        this.ended++;
        break;
      case 'status':
        this.status = message.status;
        break;
      case 'ready':
        break;
    }
  }

  private write(child: ChildProcess, { id, contender, token }: Message): void {
    const isFirst = token > this.resource.highest;
    const accepted = this.resource.write(token, contender);
    if (isFirst) {
      this.atFirstWrite?.(child, token);
      this.atFirstWrite = undefined;
    }
    child.send({ kind: 'written', id, accepted });
  }

  private kill(): void {
    for (const child of this.children) child.kill('SIGKILL');
  }
}
