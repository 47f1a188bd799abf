import { isRaftError, type RaftErrorCode } from '../../../errors/raft-error';

/** What goes by, where the same call may be made again: with an attempt's id it is the same attempt. */
const PASSING: ReadonlySet<RaftErrorCode> = new Set<RaftErrorCode>([
  'RAFT_NOT_LEADER',
  'RAFT_NO_LEADER',
  'RAFT_BUSY',
  'RAFT_INDETERMINATE',
  'RAFT_TIMEOUT',
  'RAFT_STORAGE',
]);

/** @returns whether a call that may be made twice is worth another attempt */
export function isPassing(error: unknown): boolean {
  return isRaftError(error) && PASSING.has(error.code);
}
