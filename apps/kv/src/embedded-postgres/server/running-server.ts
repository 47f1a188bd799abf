import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedPostgresError } from '../embedded-postgres.error';
import { isPostmasterOf, isRunning, serverProcessesOver } from '../process/process-table';
import {
  disownPostmasterFile,
  isBlankPostmasterFile,
  readPostmasterFile,
  removePostmasterFile,
} from './postmaster-file';
import { LOOPBACK, type ServerAddress } from './server-address';
import { askIdentity } from './server-connection';
import { readPassword } from './server-password';

export interface RunningServer {
  readonly pid: number;
  /** By its socket, where it has one. */
  readonly address: ServerAddress;
  /** Undefined where it doesn't listen on TCP. */
  readonly tcpPort: number | undefined;
}

const POLL_MS = 25;

/**
 * Finds the server that an earlier process left running over this data directory, and waits for one that is starting,
 * recovering or stopping.
 *
 * @param deadline monotonic milliseconds
 * @returns undefined where there is none; a stale `postmaster.pid` no longer stands in the way then
 */
export async function findRunningServer(dataDir: string, deadline: number): Promise<RunningServer | undefined> {
  for (;;) {
    const file = await readPostmasterFile(dataDir);
    if (file === undefined && (await isBlankPostmasterFile(dataDir))) {
      // A server that starts has it blank for a moment, and is among the processes by then.
      const [owner] = serverProcessesOver(dataDir);
      if (owner === undefined && (await isBlankPostmasterFile(dataDir))) {
        await removePostmasterFile(dataDir);
        return undefined;
      }
      if (owner !== undefined && performance.now() > deadline) throw blank(dataDir, owner);
      await delay(POLL_MS);
      continue;
    }
    if (file === undefined || !isRunning(file.pid)) return undefined; // Postgres removes a dead process's file itself
    if (!isPostmasterOf(file.pid, dataDir)) {
      await disownPostmasterFile(dataDir, file.pid);
      return undefined;
    }
    if (file.port !== undefined && file.status === 'ready') {
      const address = await addressOf(file.socketDir, file.port, dataDir);
      const answer = await askIdentity(address, dataDir);
      if (answer === 'ours') return { pid: file.pid, address, tcpPort: file.tcpHost === '' ? undefined : file.port };
      if (answer === 'other') {
        await disownPostmasterFile(dataDir, file.pid);
        return undefined;
      }
    }
    if (performance.now() > deadline)
      throw new EmbeddedPostgresError(
        'START_TIMEOUT',
        `A Postgres (process ${file.pid}) runs over ${dataDir} but doesn't answer; its state is "${file.status || 'unknown'}". Look into ${dataDir}.log, or end that process and start again.`,
      );
    await delay(POLL_MS);
  }
}

function blank(dataDir: string, owner: number): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'START_TIMEOUT',
    `The file postmaster.pid in ${dataDir} is empty, and the Postgres process ${owner} still works there. End that process and start again.`,
  );
}

async function addressOf(socketDir: string, port: number, dataDir: string): Promise<ServerAddress> {
  if (socketDir !== '') return { host: socketDir, port };
  return { host: LOOPBACK, port, password: await readPassword(dataDir) };
}
