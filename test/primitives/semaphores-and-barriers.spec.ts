import { BarrierMachine } from '../../libs/raft/src/nest/primitives/barrier/barrier.machine';
import { RaftBarrier } from '../../libs/raft/src/nest/primitives/barrier/raft-barrier';
import { type RaftPermit, RaftSemaphore } from '../../libs/raft/src/nest/primitives/semaphore/raft-semaphore';
import { SemaphoreMachine } from '../../libs/raft/src/nest/primitives/semaphore/semaphore.machine';
import { watch } from '../runtime/virtual-cluster';
import { PrimitiveCluster, type PrimitiveNode } from './primitive-cluster';

describe('semaphores of a cluster', () => {
  let cluster: PrimitiveCluster<SemaphoreMachine>;
  beforeEach(async () => {
    cluster = await PrimitiveCluster.start(SemaphoreMachine);
  });
  afterEach(() => cluster.stop());
  const semaphoreOf = (node: PrimitiveNode<SemaphoreMachine>, permits = 2) =>
    new RaftSemaphore('exports', { permits }, node.parts);

  it('give out so many permits at once, and the next to who waits longest', async () => {
    const semaphores = cluster.nodes.map((node) => semaphoreOf(node));
    let inside = 0;
    let most = 0;
    const work = async ({ token }: RaftPermit): Promise<number> => {
      most = Math.max(most, ++inside);
      await new Promise<void>((resolve) => cluster.leader.scheduler.setTimer(500, resolve));
      inside--;
      return token;
    };
    const runs: Promise<number>[] = [];
    for (let number = 0; number < 6; number++) {
      runs.push(semaphores[number % 3]!.run({ waitMs: 60_000 }, work));
      // So that their requests come to the leader in this order, whatever a node does at its first.
      await cluster.pass(50);
    }
    const tokens = await cluster.ends(Promise.all(runs));
    expect(most).toBe(2);
    // One node may hear sooner than another that it has a permit: the tokens say in which order they were granted.
    expect(tokens).toEqual(tokens.toSorted((left, right) => left - right));
  });

  it('give the permit of a crashed holder to the next one after its ttl', async () => {
    const [crashing, other] = cluster.followers as [PrimitiveNode<SemaphoreMachine>, PrimitiveNode<SemaphoreMachine>];
    for (let count = 0; count < 2; count++) await cluster.ends(semaphoreOf(crashing).acquire({ ttlMs: 2_000 }));
    const waiting = watch(semaphoreOf(other).acquire({ ttlMs: 2_000, waitMs: 60_000 }));
    await cluster.pass(100);
    expect(waiting.settled).toBe(false);
    crashing.application.crash();
    await cluster.pass(2_500);
    expect(waiting.value?.isHeld()).toBe(true);
    expect((await cluster.ends(semaphoreOf(other).status())).holders).toHaveLength(1);
  });

  it('answer RAFT_LOCKED where none is free in time, and take another number of permits from the next who asks', async () => {
    const { leader } = cluster;
    await cluster.ends(semaphoreOf(leader, 1).acquire());
    expect((await cluster.cluster.outcome(semaphoreOf(leader, 1).acquire({ waitMs: 0 }))).code).toBe('RAFT_LOCKED');
    expect((await cluster.ends(semaphoreOf(leader, 2).acquire({ waitMs: 0 }))).isHeld()).toBe(true);
  });
});

describe('barriers of a cluster', () => {
  let cluster: PrimitiveCluster<BarrierMachine>;
  beforeEach(async () => {
    cluster = await PrimitiveCluster.start(BarrierMachine);
  });
  afterEach(() => cluster.stop());
  const barriers = (): RaftBarrier[] =>
    cluster.nodes.map((node) => new RaftBarrier('loaded', { parties: 3 }, node.parts));

  it('open when the last one has arrived, for all at once, generation after generation', async () => {
    const [one, two, three] = barriers() as [RaftBarrier, RaftBarrier, RaftBarrier];
    for (const generation of [1, 2]) {
      const early = [watch(one.wait()), watch(two.wait())];
      await cluster.pass(2_000);
      expect(early.map(({ settled }) => settled)).toEqual([false, false]);
      const last = await cluster.ends(three.wait());
      await cluster.pass(50);
      const passes = [...early.map(({ value }) => value!), last];
      expect(passes.map((pass) => pass.generation)).toEqual([generation, generation, generation]);
      expect(passes.map(({ position }) => position).toSorted((left, right) => left - right)).toEqual([0, 1, 2]);
      expect(last.position).toBe(2);
    }
  });

  it('end a wait with RAFT_TIMEOUT, and count who gave up no more', async () => {
    const [one, two, three] = barriers() as [RaftBarrier, RaftBarrier, RaftBarrier];
    const gaveUp = await cluster.cluster.outcome(one.wait({ waitMs: 200 }));
    expect(gaveUp).toMatchObject({ code: 'RAFT_TIMEOUT', message: expect.stringContaining('Not all of 3 came') });
    const two_ = watch(two.wait());
    const three_ = watch(three.wait());
    await cluster.pass(200);
    expect([two_.settled, three_.settled]).toEqual([false, false]);
    expect(await cluster.ends(one.wait())).toMatchObject({ generation: 1, position: 2 });
  });

  it('count who crashed while it waited no more after a while, and wait on through it', async () => {
    const [one, two, three] = barriers() as [RaftBarrier, RaftBarrier, RaftBarrier];
    void one.wait({ waitMs: 600_000 }).catch(() => undefined);
    const waiting = watch(two.wait({ waitMs: 600_000 }));
    await cluster.pass(100);
    cluster.nodes[0]!.application.crash();
    await cluster.pass(16_000);
    expect(await cluster.ends(two.status())).toEqual({ generation: 0, arrived: 1 });
    const last = watch(three.wait({ waitMs: 600_000 }));
    await cluster.pass(500);
    expect([waiting.settled, last.settled]).toEqual([false, false]);
  });

  it('are left by a signal and at the end of the application', async () => {
    const [one, two] = barriers() as [RaftBarrier, RaftBarrier];
    const aborter = new AbortController();
    const aborted = watch(one.wait({ signal: aborter.signal }));
    const stopped = watch(two.wait());
    await cluster.pass(50);
    aborter.abort(new Error('the caller has gone'));
    two.onModuleDestroy();
    await cluster.pass(50);
    expect(aborted.message).toBe('the caller has gone');
    expect(stopped.code).toBe('RAFT_SHUTTING_DOWN');
    expect(await cluster.ends(one.status())).toEqual({ generation: 0, arrived: 0 });
  });
});
