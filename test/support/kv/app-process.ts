import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';

export interface AppProcessOptions {
  /** What it writes goes to the end of this file. */
  readonly logFile: string;
  /** The program. */
  readonly main: string;
  /** Modules that are loaded before it. Default: none */
  readonly require?: readonly string[];
  /** Default: this process' own */
  readonly cwd?: string;
}

/** One node of an application under test: a process that is killed and started again. */
export class AppProcess {
  private child: ChildProcess | undefined;
  private gone: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: AppProcessOptions) {}

  get isRunning(): boolean {
    return this.child !== undefined;
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error(`${this.options.logFile} has no process`);
    return this.child.pid;
  }

  killNow(): void {
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }

  async ended(): Promise<void> {
    await this.gone;
  }

  logText(): string {
    const { logFile } = this.options;
    return existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
  }

  /** @param env beside this process' own */
  protected launch(env: NodeJS.ProcessEnv): void {
    const { logFile, main, require = [], cwd } = this.options;
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [...require.flatMap((module) => ['--require', module]), main], {
      stdio: ['ignore', log, log],
      env: { ...process.env, NO_COLOR: '1', ...env },
      cwd,
    });
    closeSync(log);
    this.child = child;
    this.gone = new Promise((resolve) => child.once('exit', resolve));
  }
}
