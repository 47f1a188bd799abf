import assert from 'node:assert/strict';
import { SeededRandom } from '../../core/base/random';
import { type CutCounts, CutNode } from './cut-node';
import { LogWriter, probe } from './generated-log';
import type { StateMachineConformanceCheck } from './state-machine-conformance-check';
import type { StateMachineConformanceContext } from './state-machine-conformance-context';

const LOGS = 2;

/** A log, and the nodes that get it. */
export interface CutRun {
  /** Another seed, another log and other cuts. */
  readonly seed: number;
  readonly entries: number;
  readonly nodes: number;
}

/**
 * Writes a log for a machine that gets it entry by entry, and gives it to nodes that get it otherwise: their state after each
 * slice, their answers, and what they answer to repetitions in the end have to be the same.
 *
 * @param context of the machine that gets it entry by entry
 * @param cut of the machines of the other nodes
 * @returns what happened to those
 */
export async function checkCuts(
  context: StateMachineConformanceContext,
  { seed, entries, nodes }: CutRun,
  cut = context,
): Promise<CutCounts> {
  const counts: CutCounts = { slices: 0, restarts: 0, kills: 0, snapshots: 0, installs: 0 };
  const single = await context.create();
  const log = await new LogWriter(context, single, new SeededRandom(seed)).write(entries);
  const answers = await probe(single, log);
  for (let number = 1; number <= nodes; number++) {
    const node = new CutNode(cut, log, new SeededRandom(seed * 1000 + number));
    // One of them joins: its log begins with another node's snapshot.
    const tested = await node.run(number === nodes);
    const what = `log ${seed}, node ${number}`;
    assert.equal(await context.stateOf(tested), log.states.get(entries), `${what}: the state`);
    assert.deepEqual(await node.probe(), answers, `${what}: what repetitions are answered with`);
    await context.assertSameState(node.machine, single, `${what}, after the repetitions`);
    await node.machine.machine.close?.();
    for (const key of Object.keys(counts) as (keyof CutCounts)[]) counts[key] += node.counts[key];
  }
  await single.machine.close?.();
  return counts;
}

export const CUT_CHECKS: readonly StateMachineConformanceCheck[] = [
  {
    name: 'makes the same state, answers and sessions of one log, whatever slices, restarts, snapshots and installs cut it',
    run: async (context) => {
      for (let seed = 1; seed <= LOGS; seed++) await checkCuts(context, { seed, entries: 128, nodes: 4 });
    },
  },
];
