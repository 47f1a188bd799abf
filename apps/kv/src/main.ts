import 'reflect-metadata';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import { isLoopback } from './access/local-caller';
import { isUnprotected } from './access/peer-flags';
import { CommandLineError } from './command-line.error';
import { type NodeSettings, parseCommandLine, USAGE } from './command-line';
import { formatHostPort } from './host-port';
import { KeptPostgres } from './kept-postgres';
import { RaftService } from 'nestjs-raft';
import { filter, firstValueFrom } from 'rxjs';
import { startKvApplication } from './kv-application';

const logger = new Logger('Kv');
/** The cluster goes on without this node. */
const EXIT_REMOVED = 3;

async function main(): Promise<void> {
  const settings = readSettings();
  if (settings === undefined) return;
  const stop = stopRequested();
  const postgres = await embeddedPostgresOf(settings);
  try {
    const application = await startKvApplication(settings, postgres?.url ?? settings.databaseUrl);
    logger.log(
      `${settings.id} listens on http://${formatHostPort(settings.listen)}, for peers on ${formatHostPort(settings.peerListen)}${whosePort(settings)}`,
    );
    sayWhoIsLetIn(settings);
    const why = await Promise.race([stop, mustLeave(application.get(RaftService))]);
    logger.log(`${why}: stopping`);
    await application.close();
  } finally {
    // Last, so that the node's final writes are in.
    await postgres?.stop();
  }
}

function readSettings(): NodeSettings | undefined {
  try {
    const settings = parseCommandLine(process.argv.slice(2));
    if (settings !== 'help') return settings;
    process.stdout.write(USAGE);
  } catch (error) {
    if (!(error instanceof CommandLineError)) throw error;
    process.stderr.write(`${error.message}\nSee --help.\n`);
    process.exitCode = 2;
  }
  return undefined;
}

/** Why the peer port isn't where the HTTP port is. */
function whosePort({ peerProof, listen, peerListen }: NodeSettings): string {
  if (!isUnprotected(peerProof)) return '';
  const moved = listen.host === peerListen.host ? '' : `, not on ${listen.host}`;
  return ` (this machine alone${moved}: there is no --peer-secret-file)`;
}

function sayWhoIsLetIn({ adminToken, adminOpen, listen }: NodeSettings): void {
  if (adminOpen)
    logger.warn(
      `--admin-open: everybody who reaches http://${formatHostPort(listen)} may remove members and read all changes. Set --admin-token-file instead.`,
    );
  else if (adminToken === undefined && listen.host !== 'localhost' && !isLoopback(listen.host))
    logger.log('Admin paths answer programs on this machine only. Set --admin-token-file to use them from elsewhere.');
}

function embeddedPostgresOf(settings: NodeSettings): Promise<KeptPostgres> | undefined {
  if (settings.storage !== 'embedded') return undefined;
  const log = new Logger('Postgres');
  return KeptPostgres.start({
    dataDir: path.join(settings.dataDir, 'postgres'),
    log: (line) => log.log(line),
  });
}

/**
 * A node that was removed, or isn't let into the cluster that it is to join, has said so in the log; its process ends with a code that
 * says it too.
 */
async function mustLeave(raft: RaftService): Promise<string> {
  let before: string | undefined;
  const last = raft.status$.pipe(
    filter(({ phase }) => {
      const isOver = phase === 'removed' || (phase === 'failed' && before === 'joining');
      before = phase;
      return isOver;
    }),
  );
  const { phase } = await firstValueFrom(last);
  process.exitCode = phase === 'removed' ? EXIT_REMOVED : 1;
  if (phase === 'failed')
    logger.error(
      'What the cluster wants goes into --peer-secret-file, or --peer-cert, --peer-key and --peer-ca, as its members have them',
    );
  return phase;
}

/** A second signal doesn't cut a stop short: it is bounded in time anyway. */
function stopRequested(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
  });
}

main().then(
  // Nothing is left to do: what still holds the event loop mustn't hold the process.
  () => process.exit(process.exitCode ?? 0),
  (error: unknown) => {
    logger.error(
      error instanceof Error ? error.message : String(error),
      error instanceof Error ? error.stack : undefined,
    );
    process.exit(1);
  },
);
