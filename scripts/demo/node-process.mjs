// One node of the demo: a process of the sample app, its log file, and what it says over HTTP.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = path.resolve(import.meta.dirname, '..', '..');
const main = path.join(root, 'dist', 'apps', 'kv', 'main.js');
const requireFromHere = createRequire(import.meta.url);

/** How long a node has for its stop, its Postgres included, before it is killed. */
const stopTimeoutMs = 12_000;

export class NodeProcess {
  /** @param {{id: string, ports: {http: number, peer: number}, founders: string, storage: string, dataDir: string}} settings */
  constructor(settings) {
    this.id = settings.id;
    this.settings = settings;
    this.url = `http://127.0.0.1:${settings.ports.http}`;
    this.dataDir = path.join(settings.dataDir, settings.id);
    this.logFile = path.join(settings.dataDir, `${settings.id}.log`);
    this.child = undefined;
    /** Called when the process ends without having been asked to. */
    this.onDeath = () => undefined;
  }

  async start() {
    const { id, ports, founders, storage, dataDir } = this.settings;
    await mkdir(dataDir, { recursive: true });
    const log = await open(this.logFile, 'a');
    try {
      // A process group of its own: Ctrl-C in a terminal reaches the demo alone, which stops the nodes in order.
      this.child = spawn(
        process.execPath,
        [
          main,
          ...['--listen-url', `127.0.0.1:${ports.http}`, '--id', id, '--initial-advertise-peers', founders],
          ...['--storage', storage, ...(storage === 'embedded' ? ['--data-dir', this.dataDir] : [])],
        ],
        { stdio: ['ignore', log.fd, log.fd], detached: true, env: { ...process.env, NO_COLOR: '1' } },
      );
    } finally {
      await log.close();
    }
    const { child } = this;
    this.ended = once(child, 'exit').then(([code, signal]) => {
      if (this.child === child) {
        this.child = undefined;
        this.onDeath(code ?? signal);
      }
    });
  }

  get running() {
    return this.child !== undefined;
  }

  /** SIGKILL: the node gets no chance to say goodbye. Its Postgres goes on. */
  async kill() {
    const { child } = this;
    if (child === undefined) return;
    this.child = undefined;
    child.kill('SIGKILL');
    await this.ended;
  }

  /** SIGKILL of the node and of its Postgres: what a power cut is to them. */
  async cutPower() {
    const { killEmbeddedPostgres } = requireFromHere(
      path.join(root, 'dist', 'apps', 'kv', 'embedded-postgres', 'kill-embedded-postgres.js'),
    );
    const killed = this.kill();
    await Promise.all([killed, killEmbeddedPostgres(path.join(this.dataDir, 'postgres'))]);
  }

  /** SIGTERM: the node hands over, stops, and stops its Postgres. Harsher where that takes too long. */
  async stop() {
    const { child } = this;
    if (child === undefined) return;
    this.child = undefined;
    child.kill('SIGTERM');
    const timeout = sleep(stopTimeoutMs, 'timeout', { ref: false });
    if ((await Promise.race([this.ended, timeout])) !== 'timeout') return;
    this.child = child;
    await this.cutPower();
  }

  /** Nothing may be awaited any more: the demo itself is ending. */
  killNow() {
    this.child?.kill('SIGKILL');
  }

  /** @returns the node's status, or undefined where it doesn't answer */
  async status() {
    try {
      const response = await fetch(`${this.url}/_raft/status`, { signal: AbortSignal.timeout(1_000) });
      return response.ok ? await response.json() : undefined;
    } catch {
      return undefined;
    }
  }

  /** @returns {Promise<string>} the last lines of its log */
  async lastLines(count = 15) {
    const text = await readFile(this.logFile, 'utf8').catch(() => '');
    return text.trimEnd().split('\n').slice(-count).join('\n');
  }
}
