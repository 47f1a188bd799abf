import { compareLogIds, type LogId } from '../../../core/base/types';
import type { Message } from '../../../core/base/messages';
import { describeMessage } from '../simulated/message-copy';
import { lastIndexOf, termAt, type DiskGroup } from '../simulated/simulated-disk';
import type { Verdict } from '../base/violation';

/**
 * What has to be durable before a message leaves (thesis §3.8): whoever reads it builds on it, and a crash must not take it
 * back.
 */
export function checkDurableBeforeSent(
  verdict: Verdict,
  who: string,
  message: Message,
  disk: DiskGroup | undefined,
): void {
  if (disk === undefined) verdict.fail('who has no store says nothing', `${who} sends ${describeMessage(message)}`);
  const { hardState } = disk;
  const check = (holds: boolean, what: string) =>
    verdict.check(
      holds,
      'durable before it is said',
      () =>
        `${who} sends ${describeMessage(message)}, but ${what}: the disk has term ${hardState.term}, a vote for ` +
        `${hardState.votedFor}, and a log up to ${lastIndexOf(disk)}`,
    );
  const later = hardState.term > message.term;
  switch (message.kind) {
    case 'preVote':
      check(compareLogIds(lastIdOf(disk), message.lastLog) >= 0 || later, 'its last entry is not durable');
      return;
    case 'requestVote':
      check(
        later || (hardState.term === message.term && hardState.votedFor === message.from),
        'its vote for itself is not durable',
      );
      check(compareLogIds(lastIdOf(disk), message.lastLog) >= 0 || later, 'its last entry is not durable');
      return;
    case 'requestVoteReply':
      check(hardState.term >= message.term, 'its term is not durable');
      if (message.granted) check(later || hardState.votedFor === message.to, 'this vote is not durable');
      return;
    case 'preVoteReply':
      check(message.granted || hardState.term >= message.term, 'its term is not durable');
      return;
    case 'appendEntriesReply':
      check(hardState.term >= message.term, 'its term is not durable');
      if (message.accepted) check(later || lastIndexOf(disk) >= message.matchIndex, 'its match is not durable');
      return;
    case 'installSnapshotReply':
      check(hardState.term >= message.term, 'its term is not durable');
      check(later || lastIndexOf(disk) >= message.matchIndex, 'its match is not durable');
      return;
    case 'heartbeatReply':
    case 'timeoutNowReply':
      check(hardState.term >= message.term, 'its term is not durable');
      return;
    case 'appendEntries':
    case 'heartbeat':
    case 'installSnapshot':
    case 'timeoutNow':
      check(
        later || (hardState.term === message.term && hardState.votedFor === message.from),
        'its election is not durable',
      );
      return;
  }
}

function lastIdOf(disk: DiskGroup): LogId {
  const index = lastIndexOf(disk);
  return { index, term: termAt(disk, index) ?? 0 };
}
