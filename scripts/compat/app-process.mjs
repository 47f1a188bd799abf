// One node of the quick start: a process, and what it says over HTTP.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { environment } from './run.mjs';

const ANSWER_MS = 15_000;
const STOP_MS = 20_000;

export class AppProcess {
  constructor(id, url, file, cwd, env) {
    Object.assign(this, { id, url, file, cwd, env });
    this.output = '';
    this.child = undefined;
  }

  start() {
    this.child = spawn(process.execPath, [this.file], {
      cwd: this.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment(), NO_COLOR: '1', ...this.env },
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (this.output += text));
    this.ended = once(this.child, 'exit');
  }

  /** SIGKILL, where it still runs. */
  async kill() {
    if (!this.isRunning()) return;
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** SIGTERM; it has to end without help. */
  async stop() {
    this.child.kill('SIGTERM');
    const limit = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    const [code, signal] = await this.ended;
    clearTimeout(limit);
    if (code !== 0 && signal !== 'SIGTERM')
      throw new Error(`${this.id} ended with ${code ?? signal} when told to stop`);
  }

  get(path) {
    return this.ask(path, 'GET');
  }

  post(path) {
    return this.ask(path, 'POST');
  }

  async ask(path, method) {
    if (!this.isRunning()) throw new Error(`${this.id} has ended`);
    const response = await fetch(this.url + path, { method, signal: AbortSignal.timeout(ANSWER_MS) });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  }

  isRunning() {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }
}
