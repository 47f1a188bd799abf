import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findBinaries, type PostgresBinaries } from './binaries';
import { clusterVersion, createCluster, removeUnfinishedClusters } from './create-cluster';
import { EmbeddedPostgresError, explainFileError } from './embedded-postgres.error';
import type { EmbeddedPostgres, EmbeddedPostgresOptions } from './embedded-postgres.interface';
import { launchServer } from './launch-server';
import { repairLibraryLinks } from './library-links';
import { OwnerLock } from './owner-lock';
import { chooseRunAs } from './run-as';
import { findRunningServer, type RunningServer } from './running-server';
import { ensureDatabase, SUPERUSER } from './server-connection';
import { choosePort, rememberPort } from './server-port';
import { stopServer } from './stop-server';

const RETRY_MS = 50;
/** Another program may be just about to leave the port that was asked for: an earlier server, most likely. */
const BUSY_PORT_PATIENCE_MS = 2_000;

interface Start {
  readonly binaries: PostgresBinaries;
  readonly missingLinks: readonly string[];
  readonly dataDir: string;
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

  const busyUntil = Math.min(deadline, performance.now() + BUSY_PORT_PATIENCE_MS);
  for (;;) {
    const port = start.port ?? (await choosePort(dataDir));
    const launched = await launchServer(binaries, runAs, dataDir, port, deadline);
    if (typeof launched === 'object') {
      start.log(`Postgres ${majorVersion} runs over ${dataDir} on 127.0.0.1:${port}, as ${runAs.description}.`);
      return launched;
    }
    if (launched === 'raced') return undefined;
    if (launched === 'port-busy' && start.port !== undefined && performance.now() > busyUntil) {
      throw new EmbeddedPostgresError(
        'PORT_BUSY',
        `Postgres can't listen on 127.0.0.1:${port}: another program has the port. Choose another one, or none to let a free one be found.`,
      );
    }
    if (performance.now() > deadline) {
      throw new EmbeddedPostgresError(
        'START_TIMEOUT',
        launched === 'lingering'
          ? `Processes of an earlier Postgres over ${dataDir} haven't ended, so no new one may start. Look for them with "ps" and end them.`
          : `No free port was found for Postgres over ${dataDir}.`,
      );
    }
    await delay(RETRY_MS);
  }
}

/** Takes over what runs, else starts a server, until this process is the owner of one. */
async function own(start: Start): Promise<{ server: RunningServer; lock: OwnerLock; adopted: boolean }> {
  for (;;) {
    const running = await findRunningServer(start.dataDir, start.deadline);
    const server = running ?? (await launch(start));
    if (server !== undefined) {
      const lock = await OwnerLock.acquire(server.port, start.dataDir);
      if (lock !== undefined) return { server, lock, adopted: running !== undefined };
    }
    if (performance.now() > start.deadline) {
      throw new EmbeddedPostgresError(
        'START_TIMEOUT',
        `Postgres over ${start.dataDir} came and went and never stayed: is another process starting and stopping it? Its log is ${start.dataDir}.log.`,
      );
    }
    await delay(RETRY_MS);
  }
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
  return { binaries, missingLinks, dataDir, port: options.port, deadline, log };
}

/**
 * Starts a Postgres server of this process's own, with nothing installed but the npm package of its programs, or takes over the
 * one that a killed process left running over the same data directory. The server outlives this process unless `stop()` is
 * called; it listens on 127.0.0.1 only and asks for no password.
 *
 * As root, for whom Postgres doesn't run, it runs in a user namespace or as `nobody`; no user is created.
 *
 * @throws EmbeddedPostgresError with a code, and a message that says what to do
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    const start = await prepare(options);
    const { server, lock, adopted } = await own(start);
    const { pid, port } = server;
    if (adopted) start.log(`Took over the Postgres that runs over ${start.dataDir} on 127.0.0.1:${port}.`);

    const stop = async (): Promise<void> => {
      // Held until the server ends: whoever starts next must not take over a server that is about to go.
      lock.expectEnd();
      try {
        await stopServer(start.binaries, start.dataDir, pid, options.stopTimeoutMs ?? 4_000, start.log);
      } finally {
        await lock.release();
      }
    };

    const database = options.database ?? 'raft';
    try {
      await rememberPort(start.dataDir, port);
      await ensureDatabase(port, database);
    } catch (error) {
      await stop();
      throw error;
    }
    let stopped: Promise<void> | undefined;
    return {
      url: `postgresql://${SUPERUSER}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
      port,
      pid,
      adopted,
      stop: () => (stopped ??= stop()),
    };
  } catch (error) {
    throw explainFileError(error, options.dataDir);
  }
}
