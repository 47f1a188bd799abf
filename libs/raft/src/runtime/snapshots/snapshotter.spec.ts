import type { ConfigurationInForce } from '../../core/base/configuration';
import type { Entry } from '../../core/base/entry';
import { makeEntry } from '../../core/base/entry';
import { SeededRandom } from '../../core/base/random';
import type { ReplicatedStateMachine } from '../../state-machine/contract';
import type { RaftStorage, SnapshotMetadata } from '../../storage/contract';
import { MachineClock, SimulatedScheduler } from '../../testing/simulator/simulated/simulated-scheduler';
import { SimulatedProcess } from '../../testing/simulator/simulated/simulated-process';
import { VirtualTime } from '../../testing/simulator/base/virtual-time';
import { NodeEvents } from '../events/node-events';
import { SliceTimer } from '../apply/slice-timer';
import { DEFAULT_SNAPSHOTS } from '../options/snapshot-options';
import { Snapshotter } from './snapshotter';

const NOTHING = new Uint8Array(0);
const entry = (index: number): Entry => makeEntry(index, 1, { kind: 'command', schemaVersion: 0, data: NOTHING });

/** A node that has started with this membership in force, and replays its log from the first entry on. */
function replaying(inForce: number) {
  const time = new VirtualTime();
  const process = new SimulatedProcess(time, 'n1', () => undefined);
  const scheduler = new SimulatedScheduler(process, new MachineClock(time, 1, 0, 0), new SeededRandom(1));
  const logger = { debug: () => undefined, log: () => undefined, warn: () => undefined, error: () => undefined };
  const written: SnapshotMetadata[] = [];
  let applied = 0;
  const snapshotter = new Snapshotter(
    {
      storage: {
        writeSnapshot: async (_group, metadata) => void written.push(metadata),
      } as Pick<RaftStorage, 'writeSnapshot'> as RaftStorage,
      groupId: 'default',
      scheduler,
      machine: {
        capture: () => ({ chunks: async function* () {}, release: () => undefined }),
      } as Partial<ReplicatedStateMachine> as ReplicatedStateMachine,
      logger,
      settings: { ...DEFAULT_SNAPSHOTS, afterEntries: 5 },
      slices: new SliceTimer(scheduler, logger),
      events: new NodeEvents({ nodeId: 'n1', clusterName: 'shop', group: 'default' }, () => logger),
      applied: () => ({ index: applied, term: 1 }),
      configurationAt: () => ({ index: inForce }) as ConfigurationInForce,
      termAt: () => 1,
      durableIndex: () => applied,
      atBoundary: (task) => void task(),
      somebodyFetches: () => false,
      compacted: () => undefined,
    },
    undefined,
  );
  const pass = async (ms: number): Promise<void> => {
    const untilMs = time.nowMs + ms;
    do await new Promise((resolve) => setImmediate(resolve));
    while (time.runNext(untilMs));
  };
  const replay = async (to: number): Promise<void> => {
    const entries = Array.from({ length: to - applied }, (_, at) => entry(applied + 1 + at));
    applied = to;
    snapshotter.applied(entries);
    await pass(100);
  };
  return { snapshotter, written, replay, pass };
}

describe('a node that replays its log after a start', () => {
  it('takes no snapshot by itself before it has come to the membership in force', async () => {
    const { written, replay } = replaying(21);
    await replay(15);
    expect(written).toEqual([]);
    await replay(21);
    expect(written.map(({ last }) => last.index)).toEqual([21]);
  });

  it('takes one that is asked for once it has come there', async () => {
    const { snapshotter, written, replay, pass } = replaying(4);
    await replay(3);
    const asked = snapshotter.take();
    await pass(1000);
    expect(written).toEqual([]);
    await replay(4);
    expect((await asked).index).toBe(4);
  });
});
