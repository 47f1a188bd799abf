// One node of the demo: a process of the sample app, its log file, and what it says over HTTP.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = path.resolve(import.meta.dirname, '..', '..');
const application = path.join(root, 'dist', 'apps', 'kv');
const requireFromHere = createRequire(import.meta.url);

/** How long a node has for its stop, its Postgres included, before it is killed. */
const stopTimeoutMs = 15_000;
const statusTimeoutMs = 1_000;

export class NodeProcess {
  /** @param {{id: string, ports: {http: number, peer: number}, founders: string, storage: string, dataDir: string, secretFile: string}} settings */
  constructor(settings) {
    this.id = settings.id;
    this.settings = settings;
    this.url = `http://127.0.0.1:${settings.ports.http}`;
    this.dataDir = path.join(settings.dataDir, settings.id);
    this.postgresDir = path.join(this.dataDir, 'postgres');
    this.logFile = path.join(settings.dataDir, `${settings.id}.log`);
    this.child = undefined;
    this.ended = Promise.resolve();
    /** How it ended, where nobody asked it to: an exit code or a signal. */
    this.diedWith = undefined;
    /** Called then. */
    this.onDeath = () => undefined;
  }

  async start() {
    const { id, ports, founders, storage, dataDir, secretFile } = this.settings;
    await mkdir(dataDir, { recursive: true });
    const log = await open(this.logFile, 'a');
    try {
      // A process group of its own: Ctrl-C in a terminal reaches the demo alone, which stops the nodes in order.
      this.watch(
        spawn(
          process.execPath,
          [
            path.join(application, 'main.js'),
            ...['--listen-url', `127.0.0.1:${ports.http}`, '--id', id, '--initial-advertise-peers', founders],
            ...['--peer-secret-file', secretFile],
            ...['--storage', storage, ...(storage === 'embedded' ? ['--data-dir', this.dataDir] : [])],
          ],
          { stdio: ['ignore', log.fd, log.fd], detached: true, env: { ...process.env, NO_COLOR: '1' } },
        ),
      );
    } finally {
      await log.close();
    }
  }

  watch(child) {
    this.child = child;
    this.diedWith = undefined;
    this.ended = once(child, 'exit').then(([code, signal]) => {
      if (this.child !== child) return;
      this.child = undefined;
      this.diedWith = code ?? signal;
      this.onDeath(this);
    });
  }

  get running() {
    return this.child !== undefined;
  }

  get pid() {
    return this.child?.pid;
  }

  /** SIGKILL of the node, which gets no chance to say goodbye; its Postgres goes on. @returns {Promise<void>} when it is gone */
  async kill() {
    this.killNow();
    await this.ended;
  }

  /** The same, without waiting for anything. */
  killNow() {
    const { child } = this;
    this.child = undefined;
    child?.kill('SIGKILL');
  }

  /** SIGTERM: the node hands over, stops, and stops its Postgres. What is left, or takes too long, is killed. */
  async stop() {
    const { child } = this;
    this.child = undefined;
    child?.kill('SIGTERM');
    const timeout = sleep(stopTimeoutMs, 'timeout', { ref: false });
    if ((await Promise.race([this.ended, timeout])) === 'timeout') {
      child?.kill('SIGKILL');
      await this.ended;
    }
    // A node that was killed left its Postgres running, for the next start to take over; but the demo ends with nothing left.
    killDatabasesOf([this]);
  }

  /** @returns the node's status, or undefined where it doesn't answer */
  async status() {
    try {
      const response = await fetch(`${this.url}/_raft/status`, { signal: AbortSignal.timeout(statusTimeoutMs) });
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

/** SIGKILL of all Postgres processes of these nodes, within this turn of the event loop. */
export function killDatabasesOf(nodes) {
  const { killEmbeddedPostgres } = requireFromHere(
    path.join(application, 'embedded-postgres', 'kill-embedded-postgres.js'),
  );
  killEmbeddedPostgres(...nodes.map((node) => node.postgresDir).filter((folder) => existsSync(folder)));
}
