import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresBinaries } from '../process/binaries';
import { diskFullError, EmbeddedPostgresError } from '../embedded-postgres.error';
import { killServerProcesses } from '../kill-embedded-postgres';
import { readPostmasterFile } from './postmaster-file';
import type { RunAs } from '../process/run-as';
import { cleanEnvironment, neutralDirectory } from '../process/run-program';
import type { RunningServer } from './running-server';
import { LOOPBACK } from './server-address';
import { askIdentity } from './server-connection';
import { lastLines, prepareLog, readLog } from './server-log';
import { type Listening, serverArguments } from './server-settings';

/**
 * - `port-busy`: another program listens there
 * - `no-socket`: no socket can be made in that folder
 * - `withDeadline`: another process started a server over this directory first
 * - `lingering`: processes of a killed server haven't all ended yet
 */
export type LaunchRefusal = 'port-busy' | 'no-socket' | 'withDeadline' | 'lingering';

const POLL_MS = 15;

const REFUSALS: readonly (readonly [RegExp, LaunchRefusal])[] = [
  [/pre-existing shared memory block/, 'lingering'],
  [/lock file "[^"]*postmaster\.pid" already exists/, 'withDeadline'],
  [/could not bind IPv4 address "127\.0\.0\.1": (Address already in use|Permission denied)/, 'port-busy'],
  [
    /could not (?:bind|create) Unix|Unix-domain socket path .* is too long|could not create any Unix-domain/,
    'no-socket',
  ],
  [/could not create any TCP\/IP sockets/, 'port-busy'],
];

function explainExit(dataDir: string, logPath: string, text: string, how: string): EmbeddedPostgresError {
  if (/No space left on device|Disk quota exceeded/.test(text)) return diskFullError(dataDir);
  return new EmbeddedPostgresError(
    'START_FAILED',
    `Postgres ended while it started over ${dataDir} (${how}). The end of ${logPath}:\n${lastLines(text)}`,
  );
}

interface SpawnedServer {
  readonly pid: number | undefined;
  /** How it ended; undefined while it runs. */
  ended: string | undefined;
}

/**
 * Detached: a session of its own, out of reach of the terminal's Ctrl-C, and of the SIGKILL that ends this process. It writes to
 * a file, since a pipe would break with us.
 */
async function spawnServer(
  binaries: PostgresBinaries,
  runAs: RunAs,
  dataDir: string,
  listening: Listening,
  logPath: string,
): Promise<SpawnedServer> {
  const log = await open(logPath, 'a', 0o600);
  try {
    const { file, args, uid, gid } = runAs.invoke(binaries.postgres, serverArguments(dataDir, listening));
    const child = spawn(file, args, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: cleanEnvironment(),
      cwd: neutralDirectory(),
      windowsHide: true,
      uid,
      gid,
    });
    child.unref();
    // Listened for before anything is awaited: a server that is refused ends within milliseconds.
    const server: SpawnedServer = { pid: child.pid, ended: undefined };
    child.once('error', (error) => (server.ended = error.message));
    child.once('exit', (code, signal) => (server.ended = code === null ? `signal ${signal}` : `exit code ${code}`));
    return server;
  } finally {
    await log.close();
  }
}

/**
 * Starts a server and waits until it answers as the one over this data directory.
 *
 * @param password of the superuser, where the server listens on TCP
 * @param deadline monotonic milliseconds; what was started is killed where it passes
 */
export async function launchServer(
  binaries: PostgresBinaries,
  runAs: RunAs,
  dataDir: string,
  listening: Listening,
  password: string | undefined,
  deadline: number,
): Promise<RunningServer | LaunchRefusal> {
  const log = await prepareLog(dataDir);
  const server = await spawnServer(binaries, runAs, dataDir, listening, log.path);
  for (;;) {
    await delay(POLL_MS);
    const { pid, ended } = server;
    if (ended !== undefined) {
      const text = await readLog(log.path, log.from);
      const refusal = REFUSALS.find(([pattern]) => pattern.test(text))?.[1];
      if (refusal !== undefined) return refusal;
      throw explainExit(dataDir, log.path, text, `${ended}, as ${runAs.description}`);
    }
    if (performance.now() > deadline) {
      if (pid !== undefined) killServerProcesses([pid]);
      throw new EmbeddedPostgresError(
        'START_TIMEOUT',
        `Postgres over ${dataDir} didn't answer in time and was ended; nothing is lost. A long crash recovery or a slow disk needs a longer time to start. The end of ${log.path}:\n${lastLines(await readLog(log.path, log.from))}`,
      );
    }
    const file = await readPostmasterFile(dataDir);
    if (pid !== undefined && file?.pid === pid && file.status === 'ready') {
      const address = { host: listening.socketDir ?? LOOPBACK, port: listening.port, password };
      if ((await askIdentity(address, dataDir)) === 'ours')
        return { pid, address, tcpPort: listening.tcp ? listening.port : undefined };
    }
  }
}
