import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresBinaries } from '../process/binaries';
import { EmbeddedPostgresError } from '../embedded-postgres.error';
import { isPostmasterOf, isRunning } from '../process/process-table';
import { readPostmasterFile } from './postmaster-file';
import { runProgram } from '../process/run-program';

/** Postgres's own immediate shutdown kills what hasn't ended after five seconds. */
const IMMEDIATE_TIMEOUT_MS = 7_000;
const POLL_MS = 10;

async function signal(binaries: PostgresBinaries, pid: number, name: 'SIGINT' | 'SIGQUIT'): Promise<void> {
  if (process.platform === 'win32') {
    await runProgram({ file: binaries.pgCtl, args: ['kill', name.slice('SIG'.length), String(pid)] });
    return;
  }
  try {
    process.kill(pid, name);
  } catch {
    // it has just ended
  }
}

/** Looked up before each signal: by now the process id may be another program's, or another server's. */
async function isStill(pid: number, dataDir: string): Promise<boolean> {
  return (await readPostmasterFile(dataDir))?.pid === pid && isPostmasterOf(pid, dataDir);
}

async function ends(pid: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isRunning(pid)) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/**
 * Fast shutdown: open transactions are rolled back, connections closed, a checkpoint written. Where that takes too long, the
 * immediate shutdown, which leaves the log to the next start's recovery.
 */
export async function stopServer(
  binaries: PostgresBinaries,
  dataDir: string,
  pid: number,
  timeoutMs: number,
  log: (line: string) => void,
): Promise<void> {
  if (!(await isStill(pid, dataDir))) return;
  await signal(binaries, pid, 'SIGINT');
  if (await ends(pid, timeoutMs)) return;

  if (!(await isStill(pid, dataDir))) return;
  log(
    `Postgres (process ${pid}) didn't end within ${timeoutMs} ms; it is ended at once and recovers at the next start.`,
  );
  await signal(binaries, pid, 'SIGQUIT');
  if (await ends(pid, IMMEDIATE_TIMEOUT_MS)) return;
  throw new EmbeddedPostgresError(
    'STOP_FAILED',
    `Postgres (process ${pid}) over ${dataDir} doesn't end. Its disk may hang: look into ${dataDir}.log. The next start takes it over if it still runs then.`,
  );
}
