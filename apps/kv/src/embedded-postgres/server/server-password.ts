import { randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import type { PostgresBinaries } from '../process/binaries';
import { EmbeddedPostgresError } from '../embedded-postgres.error';
import type { RunAs } from '../process/run-as';
import { runProgram } from '../process/run-program';
import { SUPERUSER } from './server-address';

export const passwordFileOf = (dataDir: string): string => `${dataDir}.password`;

/** @returns the superuser's password, or undefined where none was drawn yet */
export async function readPassword(dataDir: string): Promise<string | undefined> {
  const text = await readFile(passwordFileOf(dataDir), 'utf8').catch(() => '');
  return text.trim() || undefined;
}

/**
 * Draws the superuser's password where there is none yet, for a server that listens on TCP. It is set in Postgres' single-user
 * mode, so no server that trusts everybody ever runs; the file gets its name last, so that a start that is killed sets it again.
 * No server may be running.
 */
export async function ensurePassword(binaries: PostgresBinaries, runAs: RunAs, dataDir: string): Promise<string> {
  const known = await readPassword(dataDir);
  if (known !== undefined) return known;
  const password = randomBytes(24).toString('hex');
  const path = passwordFileOf(dataDir);
  await writePrivately(`${path}.new`, `${password}\n`);
  const invocation = runAs.invoke(binaries.postgres, ['--single', '-D', dataDir, 'postgres']);
  const { exitCode, output } = await runProgram(invocation, `ALTER ROLE ${SUPERUSER} PASSWORD '${password}'\n`);
  if (exitCode !== 0 || /\bERROR:/.test(output))
    throw new EmbeddedPostgresError(
      'START_FAILED',
      `Postgres over ${dataDir} couldn't be given a password (exit code ${exitCode ?? 'none'}). It said:\n${output}`,
    );
  await rename(`${path}.new`, path);
  return password;
}

async function writePrivately(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
