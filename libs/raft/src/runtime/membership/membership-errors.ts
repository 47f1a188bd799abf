import type { CancelResult, MembershipResult, TransferResult } from '../../core/base/kernel-api';
import { RaftError } from '../../errors/raft-error';
import type { LogId } from '../../core/base/types';

type Refused<Result> = Extract<Result, { accepted: false }>;

export function rejected(reason: string, sentence: string): RaftError {
  return new RaftError('RAFT_REJECTED', sentence, { reason });
}

/** What is written may still be committed, and nobody can take it back. */
export function undecidedEntry({ index, term }: LogId, what: string): RaftError {
  return new RaftError(
    'RAFT_INDETERMINATE',
    `${what} is entry ${index} of term ${term} in the log, and it isn't known yet whether it is committed. It can't be taken back: ` +
      'look at the members before you ask again.',
    { details: { index, term } },
  );
}

export function changeError(result: Refused<MembershipResult> | undefined): RaftError {
  if (result === undefined) return new RaftError('RAFT_SHUTTING_DOWN', 'This node has stopped; nothing was changed.');
  const sentence = `The membership was not changed: ${result.detail}.`;
  switch (result.reason) {
    case 'notLeader':
      return new RaftError('RAFT_NOT_LEADER', sentence);
    case 'noLeader':
    case 'notReady':
    case 'noQuorum':
      return new RaftError('RAFT_NO_LEADER', sentence, { retryAfterMs: 500 });
    case 'transferring':
      return new RaftError('RAFT_BUSY', sentence, { retryAfterMs: 500 });
    case 'inProgress':
    case 'stale':
      return new RaftError('RAFT_CONFLICT', sentence, { retryAfterMs: 1000 });
    case 'quorumAtRisk':
      return rejected('QUORUM_AT_RISK', `${sentence} Bring them back first, or say force.`);
    case 'invalid':
      return rejected('INVALID_MEMBERSHIP', sentence);
  }
}

export function cancelError(result: Extract<CancelResult, { outcome: 'refused' }> | undefined): RaftError {
  if (result === undefined) return new RaftError('RAFT_SHUTTING_DOWN', 'This node has stopped; nothing was cancelled.');
  const sentence = `The change of the membership was not cancelled: ${result.detail}.`;
  switch (result.reason) {
    case 'notLeader':
      return new RaftError('RAFT_NOT_LEADER', sentence);
    case 'noLeader':
    case 'noQuorum':
      return new RaftError('RAFT_NO_LEADER', sentence, { retryAfterMs: 500 });
    case 'nothingUnderWay':
      return rejected('NO_CHANGE', sentence);
    case 'leaving':
      return rejected('CHANGE_DECIDED', sentence);
    case 'halfSilent':
      return rejected('HALF_SILENT', sentence);
  }
}

export function transferError(result: Refused<TransferResult> | undefined, name: string | undefined): RaftError {
  switch (result?.reason) {
    case undefined:
      return new RaftError('RAFT_SHUTTING_DOWN', 'This node has stopped; nothing was handed over.');
    case 'notLeader':
      return new RaftError('RAFT_NOT_LEADER', 'This node does not lead, and nothing was changed.');
    case 'inProgress':
      return new RaftError('RAFT_CONFLICT', 'The leadership is being handed over to another already.', {
        retryAfterMs: 1000,
      });
    case 'alreadyLeader':
      return rejected('ALREADY_LEADER', `'${name}' leads already.`);
    case 'notVoter':
      return rejected('NO_TRANSFER_TARGET', `'${name}' has no vote, so it can't lead.`);
    case 'noTarget':
      return rejected('NO_TRANSFER_TARGET', 'No other voter is known to be alive, so nobody can take over.');
  }
}
