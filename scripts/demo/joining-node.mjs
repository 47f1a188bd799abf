// A node that a person would start beside the demo, to see it join: by one command, which the demo prints.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killDatabasesOf } from './node-process.mjs';

const root = path.resolve(import.meta.dirname, '..', '..');
const stopTimeoutMs = 15_000;
/** Where a peer port is, unless it is said. */
const peerPortOffset = 10_000;

export class JoiningNode {
  /** @param {{id: string, ports: {http: number, peer: number}, through: {http: number, peer: number}, storage: string, dataDir: string, secretFile: string}} settings */
  constructor(settings) {
    this.id = settings.id;
    this.settings = settings;
    this.url = `http://127.0.0.1:${settings.ports.http}`;
    this.dataDir = path.join(settings.dataDir, settings.id);
    this.postgresDir = path.join(this.dataDir, 'postgres');
    this.logFile = path.join(settings.dataDir, `${settings.id}.log`);
    this.child = undefined;
  }

  /** The whole command, to be typed where the demo was started. */
  get command() {
    const { id, ports, through, storage, secretFile } = this.settings;
    const here = (file) => quoted(path.relative(process.cwd(), file));
    return [
      `node ${here(path.join(root, 'dist', 'apps', 'kv', 'main.js'))}`,
      `--id ${id} --listen-url 127.0.0.1:${ports.http}`,
      ...(ports.peer === ports.http + peerPortOffset ? [] : [`--advertise-url ${addressOf(ports)}`]),
      `--join-url ${addressOf(through)} --peer-secret-file ${here(secretFile)}`,
      storage === 'embedded' ? `--data-dir ${here(this.dataDir)}` : `--storage ${storage}`,
    ].join(' ');
  }

  /** @param {string} command as it was printed */
  async start(command) {
    const log = await open(this.logFile, 'a');
    try {
      // A process group of its own, so that the shell and the node in it end together.
      this.child = spawn(command, {
        shell: true,
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        env: { ...process.env, NO_COLOR: '1' },
      });
    } finally {
      await log.close();
    }
  }

  get exitCode() {
    return this.child?.exitCode ?? undefined;
  }

  async stop() {
    const { child } = this;
    this.child = undefined;
    if (child === undefined) return;
    const ended = child.exitCode === null ? once(child, 'exit') : Promise.resolve();
    signal(child, 'SIGTERM');
    const timeout = sleep(stopTimeoutMs, 'timeout', { ref: false });
    await Promise.race([ended, timeout]);
    signal(child, 'SIGKILL');
    killDatabasesOf([this]);
  }

  killNow() {
    if (this.child !== undefined) signal(this.child, 'SIGKILL');
  }
}

function addressOf({ http, peer }) {
  return peer === http + peerPortOffset ? `127.0.0.1:${http}` : `127.0.0.1:${http}/${peer}`;
}

function quoted(file) {
  return /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`;
}

function signal(child, name) {
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
