import { RaftError } from '../../../errors/raft-error';

const LONGEST_MS = 2 ** 31 - 1;
const MAX_KEY_LENGTH = 1_024;
const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;

/**
 * @param what how the sentence calls it: `ttlMs of the lock 'a'`
 * @throws RaftError `RAFT_CONFIGURATION`
 */
export function checkedMs(what: string, value: number, least: number): number {
  if (typeof value === 'number' && value >= least && value <= LONGEST_MS) return Math.ceil(value);
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `${what} is ${String(value)}: it must be a number of milliseconds from ${least} to ${LONGEST_MS}.`,
  );
}

/** @throws RaftError `RAFT_CONFIGURATION` */
export function checkedCount(what: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `${what} is ${String(value)}: it must be a whole number from ${least} to ${most}.`,
  );
}

/** @throws RaftError `RAFT_CONFIGURATION` */
export function checkedKey(what: string, key: string): string {
  if (typeof key === 'string' && key.length > 0 && key.length <= MAX_KEY_LENGTH && !key.includes('\0')) return key;
  const shown =
    typeof key === 'string' ? `${JSON.stringify(key.slice(0, 40))} (${key.length} characters)` : String(key);
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `${what} is ${shown}: it must be text of 1 to ${MAX_KEY_LENGTH} characters without a NUL.`,
  );
}

/** @throws RaftError `RAFT_CONFIGURATION` */
export function checkedName(factory: string, name: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `${factory}(${JSON.stringify(name)}): a name is 1 to 63 characters of [A-Za-z0-9_.-], and begins with a letter.`,
  );
}
