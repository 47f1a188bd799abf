import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findBinaries, type PostgresBinaries } from './process/binaries';
import { clusterVersion, createCluster, removeUnfinishedClusters } from './create-cluster';
import { EmbeddedPostgresError, explainFileError } from './embedded-postgres.error';
import type { EmbeddedPostgres, EmbeddedPostgresOptions } from './embedded-postgres.interface';
import { type LaunchRefusal, launchServer } from './server/launch-server';
import { repairLibraryLinks } from './process/library-links';
import { OwnerLock } from './process/owner-lock';
import { chooseRunAs } from './process/run-as';
import { findRunningServer, type RunningServer } from './server/running-server';
import {
  describeAddress,
  hasUnixSockets,
  isSocket,
  LOOPBACK,
  type ServerAddress,
  SOCKET_PORT,
  urlOf,
} from './server/server-address';
import { ensureDatabase } from './server/server-connection';
import { ensurePassword, readPassword } from './server/server-password';
import { choosePort, rememberPort } from './server/server-port';
import { ensureHostAccess } from './server/server-settings';
import { prepareSocketDirectory, socketDirectories } from './server/socket-directory';
import { stopServer } from './server/stop-server';

const RETRY_MS = 50;
const STOP_TIMEOUT_MS = 4_000;
/** Another program may be just about to leave the port that was asked for: an earlier server, most likely. */
const BUSY_PORT_PATIENCE_MS = 2_000;

interface Start {
  readonly binaries: PostgresBinaries;
  readonly missingLinks: readonly string[];
  readonly dataDir: string;
  readonly sockets: boolean;
  readonly tcp: boolean;
  readonly port: number | undefined;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  readonly log: (line: string) => void;
}

function checkVersion(start: Start, cluster: string, program: string): void {
  if (cluster === program) return;
  throw new EmbeddedPostgresError(
    'VERSION_MISMATCH',
    `The database in ${start.dataDir} was made by Postgres ${cluster}, and ${start.binaries.packageName} is Postgres ${program}, which can't open it. Install the package of version ${cluster} again, or name another --data-dir. Nothing was changed.`,
  );
}

async function launch(start: Start): Promise<RunningServer | undefined> {
  const { binaries, dataDir, deadline } = start;
  const { runAs, majorVersion } = await chooseRunAs(binaries, dataDir, start.missingLinks);
  checkVersion(start, (await clusterVersion(dataDir)) ?? 'unknown', majorVersion);

  await ensureHostAccess(dataDir);
  const password = start.tcp ? await ensurePassword(binaries, runAs, dataDir) : undefined;
  const directories: (string | undefined)[] = start.sockets ? socketDirectories(dataDir) : [undefined];

  const busyUntil = Math.min(deadline, performance.now() + BUSY_PORT_PATIENCE_MS);
  for (;;) {
    const [socketDir] = directories;
    const port = start.tcp ? (start.port ?? (await choosePort(dataDir))) : SOCKET_PORT;
    if (socketDir !== undefined) await prepareSocketDirectory(socketDir, port, dataDir, runAs.owner);
    const listening = { socketDir, port, tcp: start.tcp };
    const launched = await launchServer(binaries, runAs, dataDir, listening, password, deadline);
    if (typeof launched === 'object') {
      start.log(
        `Postgres ${majorVersion} runs over ${dataDir} on ${describeAddress(launched.address)}, as ${runAs.description}.`,
      );
      return launched;
    }
    if (launched === 'withDeadline') return undefined;
    if (launched === 'no-socket' && directories.length > 1) {
      directories.shift();
      continue;
    }
    throwIfOver(start, launched, port, busyUntil);
    await delay(RETRY_MS);
  }
}

function throwIfOver(
  { dataDir, port: asked, deadline }: Start,
  refusal: LaunchRefusal,
  port: number,
  busyUntil: number,
): void {
  const now = performance.now();
  if (refusal === 'port-busy' && asked !== undefined && now > busyUntil)
    throw new EmbeddedPostgresError(
      'PORT_BUSY',
      `Postgres can't listen on 127.0.0.1:${port}: another program has the port. Choose another one, or none to let a free one be found.`,
    );
  if (refusal === 'no-socket')
    throw new EmbeddedPostgresError(
      'START_FAILED',
      `Postgres over ${dataDir} can't make its socket, neither beside its data nor in the folder for temporary files. Its log, ${dataDir}.log, says why.`,
    );
  if (now <= deadline) return;
  throw new EmbeddedPostgresError(
    'START_TIMEOUT',
    refusal === 'lingering'
      ? `Processes of an earlier Postgres over ${dataDir} haven't ended, so no new one may start. Look for them with "ps" and end them.`
      : `No free port was found for Postgres over ${dataDir}.`,
  );
}

/** One that an earlier build started trusts every user of this machine, and one without TCP is none for who wants that. */
function isAsWanted({ sockets, tcp }: Start, { address, tcpPort }: RunningServer): boolean {
  return (!sockets || isSocket(address)) && (!tcp || tcpPort !== undefined);
}

/** Takes over what runs, else starts a server, until this process is the owner of one. */
async function own(start: Start): Promise<{ server: RunningServer; lock: OwnerLock; adopted: boolean }> {
  for (;;) {
    const running = await findRunningServer(start.dataDir, start.deadline);
    const server = running ?? (await launch(start));
    if (server !== undefined) {
      const lock = await OwnerLock.acquire(server.address, start.dataDir);
      if (lock !== undefined && isAsWanted(start, server)) return { server, lock, adopted: running !== undefined };
      if (lock !== undefined) {
        start.log(`The Postgres that runs over ${start.dataDir} is started again, to be reached by this user alone.`);
        await stopOwned(start, server, lock, STOP_TIMEOUT_MS);
      }
    }
    if (performance.now() > start.deadline)
      throw new EmbeddedPostgresError(
        'START_TIMEOUT',
        `Postgres over ${start.dataDir} came and went and never stayed: is another process starting and stopping it? Its log is ${start.dataDir}.log.`,
      );
    await delay(RETRY_MS);
  }
}

/** The lock is held until the server ends: the next start must not take over a server that is about to go. */
async function stopOwned(start: Start, { pid }: RunningServer, lock: OwnerLock, timeoutMs: number): Promise<void> {
  lock.expectEnd();
  try {
    await stopServer(start.binaries, start.dataDir, pid, timeoutMs, start.log);
  } finally {
    await lock.release();
  }
}

async function tcpAddress({ dataDir }: Start, port: number): Promise<ServerAddress> {
  return { host: LOOPBACK, port, password: await readPassword(dataDir) };
}

async function prepare(options: EmbeddedPostgresOptions): Promise<Start> {
  const log = options.log ?? (() => undefined);
  const binaries = await findBinaries();
  const missingLinks = await repairLibraryLinks(binaries.packageDir);
  const wanted = resolve(options.dataDir);
  for (const path of await removeUnfinishedClusters(wanted)) log(`Removed ${path}, left by a start that was killed.`);
  if ((await clusterVersion(wanted)) === undefined) {
    log(`Making a new Postgres database in ${wanted}.`);
    await createCluster(binaries, wanted, missingLinks);
  }
  const dataDir = await realpath(wanted);
  const deadline = performance.now() + (options.startTimeoutMs ?? 60_000);
  const sockets = hasUnixSockets();
  return { binaries, missingLinks, dataDir, sockets, tcp: options.tcp ?? !sockets, port: options.port, deadline, log };
}

/**
 * Starts a Postgres server of this process's own, with nothing installed but the npm package of its programs, or takes over the
 * one that a killed process left running over the same data directory. The server outlives this process unless `stop()` is
 * called. It listens on a Unix socket in a folder that this user alone may enter, or asks for a password that this user alone can read.
 *
 * As root, for whom Postgres doesn't run, it runs in a user namespace or as `nobody`; no user is created.
 *
 * @throws EmbeddedPostgresError with a code, and a message that says what to do
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    const start = await prepare(options);
    const { server, lock, adopted } = await own(start);
    const { pid, address, tcpPort } = server;
    if (adopted) start.log(`Took over the Postgres that runs over ${start.dataDir} on ${describeAddress(address)}.`);
    const stop = (): Promise<void> => stopOwned(start, server, lock, options.stopTimeoutMs ?? STOP_TIMEOUT_MS);

    const database = options.database ?? 'raft';
    try {
      if (tcpPort !== undefined) await rememberPort(start.dataDir, tcpPort);
      await ensureDatabase(address, database);
    } catch (error) {
      await stop();
      throw error;
    }
    let stopped: Promise<void> | undefined;
    return {
      url: urlOf(start.tcp ? await tcpAddress(start, tcpPort!) : address, database),
      port: tcpPort,
      socketDir: isSocket(address) ? address.host : undefined,
      pid,
      adopted,
      stop: () => (stopped ??= stop()),
    };
  } catch (error) {
    throw explainFileError(error, options.dataDir);
  }
}
