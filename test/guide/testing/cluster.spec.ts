import { createTestCluster } from 'nestjs-raft/testing';
import { Counters } from './counters';

it('keeps what was acknowledged when the leader dies', async () => {
  const cluster = await createTestCluster(3, { machines: [Counters] });
  const leader = await cluster.waitForLeader();
  await leader.get(Counters).increment('visits');

  await cluster.crash(leader.name);
  const next = await cluster.waitForLeader();
  expect(await next.get(Counters).current('visits')).toBe(1);

  await cluster.restart(leader.name);
  await cluster.waitForApplied();
  expect(await leader.get(Counters).$stale().current('visits')).toBe(1);
});

it('refuses to count on the side of a minority', async () => {
  const cluster = await createTestCluster(3, { machines: [Counters] });
  const old = await cluster.waitForLeader();
  const others = cluster.nodes.filter((node) => node !== old).map(({ name }) => name);

  cluster.partition([old.name], others);
  const [lost, next] = await Promise.all([
    old
      .get(Counters)
      .increment('visits')
      .catch((error: { code: string }) => error.code),
    cluster.waitForLeader({ among: others }),
  ]);
  expect(lost).toBe('RAFT_TIMEOUT');
  expect(await next.get(Counters).increment('visits')).toBe(1);

  cluster.heal();
  await cluster.waitForApplied();
  expect(await old.get(Counters).current('visits')).toBe(1);
});

it('follows the clock of the test', async () => {
  const cluster = await createTestCluster(3, { machines: [Counters] });
  await cluster.waitForLeader();
  const terms = cluster.nodes.map((node) => node.status().term);

  await cluster.advance(60_000);
  expect(cluster.nodes.map((node) => node.status().term)).toEqual(terms);
});
