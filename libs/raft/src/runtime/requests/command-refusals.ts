import { MAX_SCHEMA_VERSION } from '../../core/base/entry';
import { RaftError } from '../../errors/raft-error';

/** Why a leader doesn't take a command into its log. None of these is applied, now or later. */

export function storageDegraded(): RaftError {
  return new RaftError(
    'RAFT_STORAGE',
    'The leader’s store failed and is being recovered; the command was not accepted. Try again.',
    { retryAfterMs: 1000 },
  );
}

export function stalled(): RaftError {
  return new RaftError(
    'RAFT_BUSY',
    'The leader’s store does not get its writes done; the command was not accepted. Try again in a while.',
    { retryAfterMs: 1000 },
  );
}

export function crowded(): RaftError {
  return new RaftError(
    'RAFT_BUSY',
    'The leader has as many undecided commands as its limits allow (limits.maxUncommittedBytes, limits.maxUnappliedBytes); ' +
      'this one was not accepted. Slow down and try again.',
    { retryAfterMs: 200 },
  );
}

/** Whether an entry has room for this version: what hasn't would be committed as another one. */
export function isSchemaVersion(version: number): boolean {
  return Number.isSafeInteger(version) && version >= 0 && version <= MAX_SCHEMA_VERSION;
}

export function refusedCommand(reason: string, why: string): RaftError {
  return new RaftError('RAFT_REJECTED', `The command was not accepted: ${why}`, { reason });
}
