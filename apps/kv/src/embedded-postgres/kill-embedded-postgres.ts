import { realpathSync } from 'node:fs';
import { childrenOf, isPostmasterOf } from './process/process-table';
import { readPostmasterFileSync } from './server/postmaster-file';

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false; // it ended by itself
  }
}

/** Kills these postmasters with all their server processes; none can fork or write while the others still die. */
export function killServerProcesses(postmasters: readonly number[]): number[] {
  if (process.platform !== 'win32') postmasters.forEach((pid) => signal(pid, 'SIGSTOP'));
  const processes = [...postmasters, ...(process.platform === 'win32' ? [] : childrenOf(new Set(postmasters)))];
  return processes.filter((pid) => signal(pid, 'SIGKILL'));
}

/**
 * What a power cut does to databases, for tests: SIGKILL to every process of the servers over these data directories, within
 * one turn of the event loop, with no chance to write or say anything. (What the operating system holds for the disk is not lost.)
 *
 * @returns the killed process ids; those that run no such server give none
 */
export function killEmbeddedPostgres(...dataDirs: readonly string[]): number[] {
  return killServerProcesses(postmastersOf(dataDirs));
}

/**
 * What a disk does to a database that stops answering, or goes on, for tests: SIGSTOP or SIGCONT to every process of the
 * server. The postmaster is stopped first and goes on last, so that no process of it is missed.
 */
export function signalEmbeddedPostgres(dataDir: string, name: 'SIGSTOP' | 'SIGCONT'): void {
  const postmasters = postmastersOf([dataDir]);
  if (name === 'SIGSTOP') postmasters.forEach((pid) => signal(pid, name));
  for (const pid of childrenOf(new Set(postmasters))) signal(pid, name);
  postmasters.forEach((pid) => signal(pid, name));
}

function postmastersOf(dataDirs: readonly string[]): number[] {
  return dataDirs.flatMap((given) => {
    const file = readPostmasterFileSync(given);
    return file !== undefined && isPostmasterOf(file.pid, realpathSync(given)) ? [file.pid] : [];
  });
}
