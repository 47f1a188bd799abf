import { isLongForm, rounds, timeFor } from '../support/chaos-scale';
import { eventually } from '../support/eventually';
import { LockContenders } from '../support/load/lock-contenders';
import { report } from '../support/test-run';

const NODES = 5;
const CONTENDERS = 50;
const TTL_MS = 1_000;

describe('fifty contenders for one lock, in processes of their own', () => {
  let cluster: LockContenders;
  beforeAll(async () => {
    cluster = await LockContenders.start({ nodes: NODES, ttlMs: TTL_MS, waitMs: 300_000, holdMs: 20 });
  });
  afterAll(() => cluster?.stop());

  it('are served in the order in which they asked, on whichever node', async () => {
    const order = Array.from({ length: CONTENDERS }, (_, at) => at);
    // Somebody holds it while they come, one after the other.
    await cluster.holdWhile(async () => {
      for (const contender of order) {
        cluster.queue(contender);
        await cluster.waiting(contender + 1);
      }
    });
    await eventually('all served', () => (cluster.served.length === CONTENDERS ? true : undefined), {
      withinMs: 180_000,
      describe: () => `${cluster.served.length} were served`,
    });
    expect(cluster.served.map(({ contender }) => contender)).toEqual(order);
    const tokens = cluster.served.map(({ token }) => token);
    expect(tokens).toEqual([...new Set(tokens)].toSorted((left, right) => left - right));
  }, 300_000);

  const pauses = rounds({ short: 2, long: 20 });
  it(
    'write to a resource that checks tokens, and no holder that was paused beyond its ttl gets anything into it',
    async () => {
      cluster.contend(CONTENDERS);
      for (let pause = 0; pause < pauses; pause++) await cluster.pauseHolder();
      await cluster.end();

      report(`SIGSTOP of the holder, ${pauses} times`, {
        accepted: cluster.resource.accepted,
        'refused as stale': cluster.resource.refused,
        holds: cluster.holds,
        failures: JSON.stringify(Object.fromEntries(cluster.failures)),
      });
      expect(cluster.exits).toEqual([]);
      expect(cluster.resource.mistakes).toEqual([]);
      // Each of them came back with its old token: without the check, its write would have been taken.
      expect(cluster.resource.refused).toBeGreaterThanOrEqual(pauses);
      expect(cluster.resource.accepted).toBeGreaterThan(isLongForm ? 100 : 10);
    },
    180_000 + timeFor(pauses, 60_000),
  );
});
