import { realpathSync } from 'node:fs';
import { childrenOf, isPostmasterOf } from './process-table';
import { readPostmasterFileSync } from './postmaster-file';

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false; // it ended by itself
  }
}

/** Kills these postmasters with all their server processes; none can fork or write any more while the others still die. */
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
  const postmasters = dataDirs.flatMap((given) => {
    const file = readPostmasterFileSync(given);
    return file !== undefined && isPostmasterOf(file.pid, realpathSync(given)) ? [file.pid] : [];
  });
  return killServerProcesses(postmasters);
}
