import type { RaftStatus } from '../../../runtime/status/status';
import type { ClientHistory } from './client-history';
import type { SimulatedNode } from '../simulated/simulated-node';
import type { Verdict } from '../base/violation';
import type { World } from '../base/world';

/** Asks all nodes that run how old their states are. */
export function checkAges(
  { verdict, time }: World,
  history: ClientHistory,
  nodes: readonly SimulatedNode[],
  clockDrift: number,
): void {
  for (const { current } of nodes) {
    if (current?.process.isRunning !== true) continue;
    checkAge(verdict, history, current.process.label, current.raft.status(), time.nowMs, clockDrift);
  }
}

/**
 * A node says how old its state is at most: so it has applied whatever was answered to anybody before that. Its age is made
 * of times on its own clock and on its leader's, which are off by their drift.
 *
 * @param clockDrift by how much a clock may run slow
 */
export function checkAge(
  verdict: Verdict,
  history: ClientHistory,
  who: string,
  { ageMs, appliedIndex }: Pick<RaftStatus, 'ageMs' | 'appliedIndex'>,
  nowMs: number,
  clockDrift: number,
): void {
  if (ageMs === null) return;
  const answered = history.answeredBy(nowMs - ageMs / (1 - clockDrift));
  verdict.check(
    appliedIndex >= answered,
    'a state is no older than its node says',
    () =>
      `${who} has applied ${appliedIndex} at ${nowMs}, and says that this is ${ageMs} ms old at most; ` +
      `entry ${answered} was answered before that`,
  );
}
