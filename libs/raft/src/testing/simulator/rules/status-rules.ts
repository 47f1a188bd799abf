import type { RaftStatus } from '../../../runtime/status/status';
import type { Verdict } from '../base/violation';

/** What a node says of itself holds together: snapshot ≤ applied ≤ committed ≤ last, and the log is cut only behind what is applied. */
export function checkStatus(verdict: Verdict, who: string, status: RaftStatus): void {
  const { snapshot, firstIndex, appliedIndex, commitIndex, lastIndex, durableIndex, install } = status;
  const positions = (): string =>
    `${who}: snapshot ${snapshot?.index ?? 'none'}, log from ${firstIndex} to ${lastIndex}, durable to ${durableIndex}, committed ${commitIndex}, applied ${appliedIndex}`;
  // While one is being installed, the state machine is ahead of the log that is about to be cut.
  if (install?.stage === 'installing' || lastIndex === 0) return;
  verdict.check(appliedIndex <= commitIndex, 'only what is committed is applied', positions);
  verdict.check(commitIndex <= lastIndex, 'only what is in the log is committed', positions);
  verdict.check(durableIndex <= lastIndex, 'only what is in the log is durable', positions);
  verdict.check((snapshot?.index ?? 0) <= appliedIndex, 'a snapshot is of what is applied', positions);
  verdict.check(firstIndex - 1 <= appliedIndex, 'a log is cut only behind what is applied', positions);
}
