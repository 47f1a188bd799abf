import { readFileSync } from 'node:fs';
import { CommandLineError } from '../command-line.error';
import { flagOf } from './flag-of';

export const ADMIN_FLAGS = {
  'admin-token': { type: 'string' },
  'admin-token-file': { type: 'string' },
  'admin-open': { type: 'boolean' },
} as const;

export const ADMIN_USAGE = `  --admin-token-file FILE              admin paths ask for the token in it, as bearer token (KV_ADMIN_TOKEN_FILE)
  --admin-token TOKEN                  the same, for all to see in the list of processes (KV_ADMIN_TOKEN)
  --admin-open                         without a token: admin paths answer everybody, not only this machine
                                       (KV_ADMIN_OPEN=true)
`;

export interface AdminSettings {
  /** What administrators have to send; undefined: there is no token. */
  readonly adminToken: string | undefined;
  /** Whether admin paths answer everybody who reaches them; otherwise, without a token, programs on this machine. */
  readonly adminOpen: boolean;
}

interface AdminValues {
  readonly 'admin-token'?: string | undefined;
  readonly 'admin-token-file'?: string | undefined;
  readonly 'admin-open'?: boolean | undefined;
}

/**
 * A flag goes before a variable, whichever form either has.
 *
 * @throws CommandLineError where two of them contradict each other, or the token can't be sent in a header
 */
export function adminSettingsOf(values: AdminValues, environment: NodeJS.ProcessEnv): AdminSettings {
  const { 'admin-token': token, 'admin-token-file': file } = values;
  if (token !== undefined && file !== undefined)
    throw new CommandLineError(
      '--admin-token and --admin-token-file exclude each other; the file keeps it from others',
    );
  const adminToken = tokenOf(values, environment);
  const adminOpen = values['admin-open'] ?? flagOf('KV_ADMIN_OPEN', environment['KV_ADMIN_OPEN']);
  if (adminOpen && adminToken !== undefined)
    throw new CommandLineError('--admin-open lets in everybody, and an admin token is set: say one of the two');
  return { adminToken, adminOpen };
}

function tokenOf(values: AdminValues, environment: NodeJS.ProcessEnv): string | undefined {
  if (values['admin-token'] !== undefined) return sendable('--admin-token', values['admin-token']);
  if (values['admin-token-file'] !== undefined) return readToken('--admin-token-file', values['admin-token-file']);
  const { KV_ADMIN_TOKEN: token, KV_ADMIN_TOKEN_FILE: file } = environment;
  if (token !== undefined && token !== '') return sendable('KV_ADMIN_TOKEN', token);
  if (file !== undefined && file !== '') return readToken('KV_ADMIN_TOKEN_FILE', file);
  return undefined;
}

function readToken(name: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandLineError(`${name}: ${file} can't be read (${(error as NodeJS.ErrnoException).code})`);
  }
  return sendable(`${name} ${file}`, text.trim());
}

/** An empty token would let everybody in, and one with spaces or other characters arrives changed. */
function sendable(name: string, token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CommandLineError(
    `${name}: ${token === '' ? 'the token is empty' : 'a token has visible ASCII characters and no spaces'}; "openssl rand -hex 32" makes a good one`,
  );
}
