import { readFileSync, statSync } from 'node:fs';
import { RaftError } from '../../../errors/raft-error';
import { errorText } from './error-text';

const MIN_SECRET_LENGTH = 16;
/** Of a file's mode: everybody on this machine may read it. */
const OTHERS_MAY_READ = 0o004;

/** Where secrets come from, as options say it. */
export interface SecretSource {
  /** The first proves this node; a peer may prove itself with each of them. */
  readonly secret?: string | readonly string[] | undefined;
  /** A file with one secret a line. */
  readonly secretFile?: string | undefined;
}

/**
 * @param option the name of `secret` among the options; that of the file is the same with `File` at its end
 * @param where who shares it: ends the sentence about one that is too short
 * @param warn told of a file that others may read
 * @returns the secrets, the one that proves first; empty where none is configured
 * @throws RaftError `RAFT_CONFIGURATION`
 */
export function secretsOf(
  { secret, secretFile }: SecretSource,
  option: string,
  where: string,
  warn: (sentence: string) => void,
): readonly string[] {
  if (secretFile !== undefined) {
    if (secret !== undefined)
      throw wrong(`\`${option}\` and \`${option}File\` are both given: the secrets stand in one place; leave one out`);
    return readSecretFile(secretFile, `${option}File`, where, warn);
  }
  if (secret === undefined) return [];
  const secrets: readonly unknown[] = Array.isArray(secret) ? secret : [secret];
  if (secrets.length === 0) throw wrong(`\`${option}\` is an empty list: write at least one secret, or leave it out`);
  return secrets.map((each, at) => longEnough(each, `\`${option}${secrets.length > 1 ? `[${at}]` : ''}\``, where));
}

/**
 * Reads a file with one secret a line; blank lines and white space around a secret don't count.
 *
 * @throws RaftError `RAFT_CONFIGURATION` it can't be read, is empty, or a secret is too short
 */
export function readSecretFile(
  path: string,
  option: string,
  where: string,
  warn: (sentence: string) => void,
): readonly string[] {
  const { text, mode } = contentsOf(path, option);
  // Where modes aren't kept, each file seems to be open.
  if (process.platform !== 'win32' && (mode & OTHERS_MAY_READ) !== 0)
    warn(
      `The secret file ${path} can be read by every user of this machine (mode ${(mode & 0o777).toString(8)}): ` +
        `who reads it can act as a node. Make it private: chmod 600 ${path}`,
    );
  const lines = text.split('\n').map((line) => line.trim());
  const secrets = lines.filter((line) => line !== '');
  if (secrets.length === 0)
    throw wrong(`\`${option}\` (${path}) is empty: write a secret into it, ${MIN_SECRET_LENGTH} characters or more`);
  return secrets.map((secret) =>
    longEnough(secret, `line ${lines.indexOf(secret) + 1} of \`${option}\` (${path})`, where),
  );
}

function contentsOf(path: string, option: string): { readonly text: string; readonly mode: number } {
  try {
    return { text: readFileSync(path, 'utf8'), mode: statSync(path).mode };
  } catch (error) {
    throw wrong(`\`${option}\` (${path}) can't be read: ${errorText(error)}. Check the path and who may read it`);
  }
}

function longEnough(secret: unknown, what: string, where: string): string {
  // The value stays out of the sentence: it goes to logs.
  if (typeof secret !== 'string') throw wrong(`${what} is no text: give ${MIN_SECRET_LENGTH} characters or more`);
  if (secret.length >= MIN_SECRET_LENGTH) return secret;
  throw wrong(
    `${what} has ${secret.length} characters, which can be guessed; give it ${MIN_SECRET_LENGTH} or more, ${where}`,
  );
}

function wrong(sentence: string): RaftError {
  return new RaftError('RAFT_CONFIGURATION', sentence);
}
