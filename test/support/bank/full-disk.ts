import { execFileSync } from 'node:child_process';
import { childrenOf } from '../../../apps/kv/src/embedded-postgres/process/process-table';
import type { BankDatabase } from './bank-database';

/** A segment of the write-ahead log fits, and half a page more. Of a file that can't grow Postgres says what it says where there is no room, or that the file is too large. */
const LARGEST_FILE_BYTES = 16 * 1024 * 1024 + 4096;

/** Lets no file of a server grow beyond a size: of its tables, that is; the log of the server itself goes on. Needs Linux, and no rights. */
export function fillDisk(database: BankDatabase): void {
  limit(database, String(LARGEST_FILE_BYTES));
}

export function freeDisk(database: BankDatabase): void {
  limit(database, 'unlimited');
}

function limit({ pid }: BankDatabase, bytes: string): void {
  // What it forks afterwards has the postmaster's limit.
  for (const each of [pid, ...childrenOf(new Set([pid]))])
    execFileSync('prlimit', ['--pid', String(each), `--fsize=${bytes}:unlimited`]);
}
