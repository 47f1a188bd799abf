import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { RaftStatus } from 'nestjs-raft';
import {
  killEmbeddedPostgres,
  signalEmbeddedPostgres,
} from '../../../apps/kv/src/embedded-postgres/kill-embedded-postgres';
import { type HttpClient, NoAnswerError } from '../http-client';
import { copyNewDatabase } from '../postgres-template';

const ROOT = resolve(__dirname, '..', '..', '..');
export const KV_MAIN = join(ROOT, 'dist', 'apps', 'kv', 'main.js');

/** A stop that takes longer than this has failed. */
const STOP_TIMEOUT_MS = 30_000;
const STATUS_TIMEOUT_MS = 1_000;

export interface KvNodeSettings {
  readonly id: string;
  readonly httpPort: number;
  readonly peerPort: number;
  readonly founders: string;
  /** The address of a member, `HOST:PORT/PEERPORT`: the node joins through it. */
  readonly joinUrl?: string;
  readonly storage: 'embedded' | 'memory';
  readonly directory: string;
  /** More of the command line. */
  readonly flags: readonly string[];
  /** Modules that are loaded before the app, to watch it or to break it on purpose. */
  readonly preload: readonly string[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One node of a cluster under test: a process of the built sample app, and its Postgres. */
export class KvNode {
  readonly id: string;
  readonly url: string;
  /** What another node joins through. */
  readonly joinAddress: string;
  readonly dataDir: string;
  readonly postgresDir: string;
  readonly logFile: string;
  frozen = false;
  private child: ChildProcess | undefined;
  private exit: Promise<Exit> | undefined;

  constructor(
    private readonly settings: KvNodeSettings,
    private readonly http: HttpClient,
  ) {
    this.id = settings.id;
    this.url = `http://127.0.0.1:${settings.httpPort}`;
    this.joinAddress = `127.0.0.1:${settings.httpPort}/${settings.peerPort}`;
    this.dataDir = join(settings.directory, settings.id);
    this.postgresDir = join(this.dataDir, 'postgres');
    this.logFile = join(settings.directory, `${settings.id}.log`);
  }

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  get hasPostgres(): boolean {
    return this.settings.storage === 'embedded' && existsSync(this.postgresDir);
  }

  /** The working directory of its process. */
  get directory(): string {
    return this.settings.directory;
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error(`${this.id} doesn't run`);
    return this.child.pid;
  }

  /** Gives a node that was never started its database: the first start then makes none, which takes it the longest. */
  async copyDatabase(): Promise<void> {
    if (this.settings.storage === 'embedded' && !existsSync(this.postgresDir)) await copyNewDatabase(this.postgresDir);
  }

  /** @param instead replaces the cluster's further flags for this life of the node, all but the peers' secret */
  start(instead?: readonly string[]): void {
    const flags = instead === undefined ? this.settings.flags : [...this.secretFlags, ...instead];
    if (this.running) throw new Error(`${this.id} runs already`);
    const { id, httpPort, founders, joinUrl, storage, directory, preload } = this.settings;
    mkdirSync(directory, { recursive: true });
    const log = openSync(this.logFile, 'a');
    try {
      this.child = spawn(
        process.execPath,
        [
          ...preload.flatMap((hook) => ['--require', hook]),
          KV_MAIN,
          ...['--listen-url', `127.0.0.1:${httpPort}`, '--id', id],
          ...(joinUrl === undefined
            ? ['--initial-advertise-peers', founders]
            : ['--join-url', joinUrl, '--advertise-url', this.joinAddress]),
          ...['--storage', storage, ...(storage === 'embedded' ? ['--data-dir', this.dataDir] : []), ...flags],
        ],
        { stdio: ['ignore', log, log], env: { ...process.env, NO_COLOR: '1' }, cwd: directory },
      );
    } finally {
      closeSync(log);
    }
    const { child } = this;
    this.frozen = false;
    this.exit = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  private get secretFlags(): readonly string[] {
    const { flags } = this.settings;
    const at = flags.indexOf('--peer-secret-file');
    return at < 0 ? [] : flags.slice(at, at + 2);
  }

  /** Sends a signal and waits for nothing. */
  signal(name: NodeJS.Signals): void {
    if (name === 'SIGSTOP') this.frozen = true;
    if (name === 'SIGCONT') this.frozen = false;
    if (this.running) process.kill(this.pid, name);
  }

  /** SIGKILL of the node; its Postgres goes on. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exit;
  }

  /** SIGKILL of the node's Postgres, with all its processes, within this turn of the event loop. */
  killPostgresNow(): number[] {
    return this.hasPostgres ? killEmbeddedPostgres(this.postgresDir) : [];
  }

  /** SIGSTOP of the node's Postgres, with all its processes: a disk that hangs. */
  freezePostgres(): void {
    signalEmbeddedPostgres(this.postgresDir, 'SIGSTOP');
  }

  /** The disk goes on where it was. */
  thawPostgres(): void {
    signalEmbeddedPostgres(this.postgresDir, 'SIGCONT');
  }

  /** SIGTERM, and how the process ended. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.ended();
  }

  /** Resolves when the process has ended, or at once where there is none. */
  async gone(): Promise<void> {
    await this.exit;
  }

  async ended(withinMs = STOP_TIMEOUT_MS): Promise<Exit> {
    if (this.exit === undefined) throw new Error(`${this.id} was never started`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${this.id} hasn't ended for ${withinMs} ms:\n${this.lastLines()}`)),
        withinMs,
      );
    });
    try {
      return await Promise.race([this.exit, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** SIGKILL of the node and its Postgres, and its data is gone: what a new disk is. */
  async wipe(): Promise<void> {
    const ended = this.kill();
    this.killPostgresNow();
    await ended;
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 20 });
  }

  /** @returns undefined where the node doesn't answer */
  async status(): Promise<RaftStatus | undefined> {
    try {
      const answer = await this.http.send(`${this.url}/_raft/status`, { timeoutMs: STATUS_TIMEOUT_MS });
      return answer.status === 200 ? (JSON.parse(answer.body) as RaftStatus) : undefined;
    } catch (error) {
      if (error instanceof NoAnswerError) return undefined;
      throw error;
    }
  }

  log(): string {
    return contentsOf(this.logFile);
  }

  lastLines(count = 25): string {
    const ownLog = lastLinesOf(this.logFile, count);
    return this.hasPostgres ? `${ownLog}\n    its Postgres:\n${lastLinesOf(`${this.postgresDir}.log`, 6)}` : ownLog;
  }
}

function contentsOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function lastLinesOf(file: string, count: number): string {
  return contentsOf(file).trimEnd().split('\n').slice(-count).join('\n');
}
