import { checkCuts } from '../../libs/raft/src/testing/state-machine-conformance/cut-checks';
import { StateMachineConformanceContext } from '../../libs/raft/src/testing/state-machine-conformance/state-machine-conformance-context';
import { groupSubject } from './group-subject';

jest.setTimeout(600_000);

const LOGS = 6;

describe('rule 26: a group of machines in memory and in databases, with primitives and jobs', () => {
  it('has the same state, answers and sessions, however its log is cut and wherever its processes are killed', async () => {
    const whole = { slices: 0, restarts: 0, kills: 0, snapshots: 0, installs: 0 };
    for (let seed = 1; seed <= LOGS; seed++) {
      const [single, cut] = [groupSubject(), groupSubject(11 + seed)];
      const run = { seed, entries: 200, nodes: 4 };
      const counts = await checkCuts(
        new StateMachineConformanceContext(single),
        run,
        new StateMachineConformanceContext(cut),
      );
      for (const key of Object.keys(whole) as (keyof typeof whole)[]) whole[key] += counts[key];
    }
    // What doesn't happen shows nothing.
    expect(Math.min(...Object.values(whole))).toBeGreaterThan(5);
  });
});
