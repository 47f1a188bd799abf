import { join } from 'node:path';
import { isLongForm, rounds, timeFor } from '../support/chaos-scale';
import { KvCluster, type LeaderOptions } from '../support/kv/kv-cluster';
import { report } from '../support/test-run';
import { type BrokenPromises, NONE_BROKEN, WriteLoad } from '../support/load/write-load';

const HOOKS = join(__dirname, '..', 'support', 'hooks');
const CLIENTS = 64;
const WRITES_BEFORE_THE_CUT = 1_500;

/** Writes from many clients, cuts the power of everything in the middle, starts it again and reads back what was acknowledged. */
async function cutPowerUnderLoad(
  cluster: KvCluster,
  round: number,
  back: LeaderOptions = { all: true },
): Promise<BrokenPromises> {
  const load = WriteLoad.start(cluster, { clients: CLIENTS, prefix: `/round/${round}` });
  await load.moreAcknowledged(WRITES_BEFORE_THE_CUT);
  await cluster.powerCut();
  await load.stop();
  const started = performance.now();
  await cluster.restart(back);
  const broken = await load.brokenPromises();
  report(`power cut of ${cluster.nodes.length} node(s) under ${CLIENTS} clients`, {
    acknowledged: load.acknowledged.size,
    unknown: load.unknown.size,
    missing: broken.missing.length,
    'back after': `${Math.round(performance.now() - started)} ms`,
  });
  return broken;
}

const sizes = [3, 1] as const;

describe.each(sizes)('a power cut of all %d node(s) and their databases at one instant', (nodes) => {
  let cluster: KvCluster;
  beforeAll(async () => {
    cluster = await KvCluster.start({ nodes });
  });
  afterAll(() => cluster?.stop());

  const cuts = rounds({ short: 1, long: 5 });
  it(
    'loses no acknowledged write',
    async () => {
      for (let cut = 0; cut < cuts; cut++) expect(await cutPowerUnderLoad(cluster, cut)).toEqual(NONE_BROKEN);
    },
    timeFor(cuts, 60_000),
  );
});

describe('the same test notices a node that', () => {
  /** A cut may fall into a moment in which nothing was open; so often none does. */
  const attempts = 4;

  it.each(
    ['acknowledge-before-persist', 'synchronous-commit-off'].flatMap((hook) =>
      (isLongForm ? sizes : [1]).map((nodes) => [hook, nodes] as const),
    ),
  )(
    'breaks its promise: %s, %d node(s)',
    async (hook, nodes) => {
      const cluster = await KvCluster.start({ nodes, preload: [join(HOOKS, `${hook}.cjs`)] });
      try {
        let missing = 0;
        for (let cut = 0; cut < attempts && missing === 0; cut++)
          // A node that was told to be committed what the others have lost stops rather than drop it.
          missing = (await cutPowerUnderLoad(cluster, cut, { all: false })).missing.length;
        expect(missing).toBeGreaterThan(0);
      } finally {
        await cluster.stop();
      }
    },
    timeFor(attempts, 60_000),
  );
});
