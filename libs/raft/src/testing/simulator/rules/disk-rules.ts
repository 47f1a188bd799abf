import { MAX_TERM } from '../../../core/base/types';
import type { GroupWrite } from '../../../storage/contract';
import { describeWrite } from '../base/describe-write';
import { lastIndexOf, termAt, type DiskGroup } from '../simulated/simulated-disk';
import type { Verdict } from '../base/violation';

/** What must hold of every write that lands, whatever the kernel thinks: the disk is what a node is after a crash. */
export function checkWrite(verdict: Verdict, who: string, write: GroupWrite, before: DiskGroup | undefined): void {
  const fail = (rule: string) => verdict.fail(rule, `${who} writes ${describeWrite(write)}`);
  if (before === undefined) {
    if (write.number !== 1 || write.identity === undefined) fail('a group begins with its identity');
    return;
  }
  if (write.identity !== undefined) fail('a group gets its identity once');
  if (write.commitIndex < before.commitIndex) fail('the durable commit index never goes back');

  const { hardState } = write;
  if (hardState !== undefined) {
    if (hardState.term < before.hardState.term) fail('the durable term never goes back');
    if (hardState.term > MAX_TERM) fail('no term above 2^48 is believed');
    const { votedFor } = before.hardState;
    if (hardState.term === before.hardState.term && votedFor !== 0 && votedFor !== hardState.votedFor)
      fail('one vote in a term');
  }

  const { truncateFrom } = write;
  if (truncateFrom !== undefined && truncateFrom <= before.commitIndex) fail('what is committed is never cut off');
  const keptTo = truncateFrom === undefined ? lastIndexOf(before) : Math.min(lastIndexOf(before), truncateFrom - 1);
  let previousTerm = termAt(before, keptTo) ?? 0;
  write.entries.forEach((entry, at) => {
    if (entry.index !== keptTo + 1 + at) fail('a log has no gap');
    if (entry.term < previousTerm) fail('terms never fall along a log');
    previousTerm = entry.term;
  });
  if (write.commitIndex > keptTo + write.entries.length) fail('the durable commit index is within the log');
  const termAfter = Math.max(hardState?.term ?? 0, before.hardState.term);
  if (previousTerm > termAfter) fail('no entry is durable before the term that made it');
}

/**
 * A change of the membership is proposed only once the one before is committed (thesis §4.1), and an entry brings along how far
 * the log is committed: so at most one configuration above the commit index is on any disk.
 */
export function checkPendingConfigurations(
  verdict: Verdict,
  who: string,
  { entries, commitIndex, origin }: DiskGroup,
): void {
  let pending = 0;
  for (let at = Math.max(0, commitIndex - origin.index); at < entries.length; at++)
    if (entries[at]!.kind === 'configuration') pending++;
  verdict.check(
    pending <= 1,
    'at most one configuration is unapplied',
    () => `${who} is committed up to ${commitIndex} and holds ${pending} configurations behind that`,
  );
}
