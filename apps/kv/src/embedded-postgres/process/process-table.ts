import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';

const hasProc = process.platform === 'linux';

/** State and parent of a process from `/proc/PID/stat`; the name before them may itself hold spaces and brackets. */
function procStat(pid: number): { state: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', parent = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

function run(program: string, args: string[]): string {
  return spawnSync(program, args, { encoding: 'utf8', windowsHide: true }).stdout ?? '';
}

/** A zombie doesn't count: in a container whose process 1 doesn't reap, an ended server stays one for ever. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  const state = hasProc ? procStat(pid)?.state : undefined;
  return state !== 'Z' && state !== 'X';
}

export function isSameDirectory(left: string, right: string): boolean {
  try {
    const a = statSync(left);
    const b = statSync(right);
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    return false;
  }
}

/** `unknown` where /proc hides the working directory of another user's process. */
function worksIn(pid: number, directory: string): boolean | 'unknown' {
  try {
    const cwd = statSync(`/proc/${pid}/cwd`);
    const wanted = statSync(directory);
    return cwd.dev === wanted.dev && cwd.ino === wanted.ino;
  } catch {
    return 'unknown';
  }
}

function isPostmasterByProc(pid: number, dataDir: string): boolean {
  let argv: string[];
  try {
    argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return false;
  }
  // A server process other than the postmaster calls itself "postgres: checkpointer" and the like.
  if (basename(argv[0] ?? '') !== 'postgres') return false;
  const works = worksIn(pid, dataDir);
  if (works !== 'unknown') return works;
  const directory = argv[argv.indexOf('-D') + 1];
  return argv.includes('-D') && directory !== undefined && isSameDirectory(directory, dataDir);
}

/**
 * Whether this process is a Postgres server over this data directory. A process id alone says nothing: the system hands out
 * ended ones again. On Windows only the program's name can be seen; the caller's check of the system identifier decides.
 */
export function isPostmasterOf(pid: number, dataDir: string): boolean {
  if (!isRunning(pid)) return false;
  if (hasProc) return isPostmasterByProc(pid, dataDir);
  if (process.platform === 'win32')
    return /^"postgres\.exe"/im.test(run('tasklist', ['/FI', `PID eq ${pid}`, '/FO', 'CSV', '/NH']));
  const command = run('ps', ['-ww', '-p', String(pid), '-o', 'command=']);
  return /(^|\/)postgres /.test(command) && command.includes(dataDir);
}

function everyProcess(): number[] {
  if (hasProc)
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  if (process.platform === 'win32')
    return [
      ...run('tasklist', ['/FI', 'IMAGENAME eq postgres.exe', '/FO', 'CSV', '/NH']).matchAll(/^"[^"]*","(\d+)"/gm),
    ].map(([, pid]) => Number(pid));
  return run('ps', ['-A', '-o', 'pid=']).split('\n').map(Number).filter(Boolean);
}

/** Whether it is a server's process other than the postmaster that works in this directory, as one does that outlives a killed server. */
function isServerProcessIn(pid: number, dataDir: string): boolean {
  if (!hasProc) return false;
  try {
    const name = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    return name.startsWith('postgres: ') && worksIn(pid, dataDir) === true;
  } catch {
    return false;
  }
}

/** @returns processes of a server over this data directory, from one look at the process table */
export function serverProcessesOver(dataDir: string): number[] {
  return everyProcess().filter((pid) => isPostmasterOf(pid, dataDir) || isServerProcessIn(pid, dataDir));
}

/** Children of these processes, from one look at the process table. */
export function childrenOf(parents: ReadonlySet<number>): number[] {
  if (hasProc)
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => parents.has(procStat(pid)?.parent ?? 0));
  return run('ps', ['-A', '-o', 'pid=,ppid='])
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, parent]) => (pid !== undefined && parents.has(parent ?? 0) ? [pid] : []));
}
