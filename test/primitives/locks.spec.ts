import { isRaftError } from 'nestjs-raft';
import { LeaseClient } from '../../libs/raft/src/nest/primitives/lease/lease-client';
import { LockMachine } from '../../libs/raft/src/nest/primitives/lock/lock.machine';
import { type RaftLock, RaftLockService } from '../../libs/raft/src/nest/primitives/lock/raft-lock.service';
import { Chance } from '../../libs/raft/src/testing/simulator/base/chance';
import { watch, type Watched } from '../runtime/virtual-cluster';
import { PrimitiveCluster, type PrimitiveNode } from './primitive-cluster';

const TTL_MS = 3_000;
const PATIENT = { ttlMs: TTL_MS, waitMs: 60_000 };

describe('locks of a cluster', () => {
  let cluster: PrimitiveCluster<LockMachine>;
  let clients: Map<PrimitiveNode<LockMachine>, RaftLockService>;

  beforeEach(async () => {
    cluster = await PrimitiveCluster.start(LockMachine);
    clients = new Map();
  });
  afterEach(() => cluster.stop());

  /** The service of an application beside that node. */
  const locksOf = (node: PrimitiveNode<LockMachine>): RaftLockService => {
    let service = clients.get(node);
    if (service === undefined) {
      const { caller, events, scheduler, parts } = node;
      service = new RaftLockService(
        new LeaseClient({ machine: caller, events, scheduler, logger: parts.logger, what: 'The lock' }),
      );
      clients.set(node, service);
    }
    return service;
  };
  const acquire = (node: PrimitiveNode<LockMachine>, key = 'a', options = PATIENT): Promise<RaftLock> =>
    cluster.ends(locksOf(node).acquire(key, options));
  const codeOf = (watched: Watched<unknown>): unknown => watched.code;

  it('have one holder at a time, and the others get it in the order in which they asked', async () => {
    const [one, two] = cluster.followers as [PrimitiveNode<LockMachine>, PrimitiveNode<LockMachine>];
    const order: string[] = [];
    let inside = 0;
    const work = (name: string) => async (): Promise<void> => {
      expect(++inside).toBe(1);
      order.push(name);
      await new Promise<void>((resolve) => cluster.leader.scheduler.setTimer(400, resolve));
      inside--;
    };
    const runs: Promise<void>[] = [];
    for (const [at, node] of [one, two, cluster.leader, one, two].entries()) {
      runs.push(locksOf(node).run('a', PATIENT, work(String(at))));
      // So that their requests come to the leader in this order, whatever a node does at its first.
      await cluster.pass(50);
    }

    await cluster.ends(Promise.all(runs));

    expect(order).toEqual(['0', '1', '2', '3', '4']);
  });

  it('give each holder a token greater than that of the holder before', async () => {
    const tokens: number[] = [];
    for (const node of [...cluster.nodes, ...cluster.nodes]) {
      const lock = await acquire(node);
      tokens.push(lock.token);
      expect(await cluster.ends(lock.release())).toBe(true);
    }
    expect(tokens).toEqual([...new Set(tokens)].toSorted((left, right) => left - right));
  });

  it('are renewed while they are held, for much longer than their ttl, and the signal stays quiet', async () => {
    const lock = await acquire(cluster.followers[0]!);
    await cluster.pass(5 * TTL_MS);
    expect(lock.isHeld()).toBe(true);
    expect(lock.signal.aborted).toBe(false);
    const other = watch(locksOf(cluster.leader).acquire('a', { waitMs: 500 }));
    await cluster.pass(2_000);
    expect(codeOf(other)).toBe('RAFT_LOCKED');
  });

  it('go to the next one when the ttl of a crashed holder has ended, though nobody writes meanwhile', async () => {
    const [crashing, waiting] = cluster.followers as [PrimitiveNode<LockMachine>, PrimitiveNode<LockMachine>];
    const first = await acquire(crashing);
    const second = watch(locksOf(waiting).acquire('a', PATIENT));
    await cluster.pass(100);
    crashing.application.crash();
    const written = cluster.proposals.count;

    await cluster.pass(TTL_MS - 200);
    expect(second.settled).toBe(false);
    await cluster.pass(1_200);

    expect(second.value!.token).toBeGreaterThan(first.token);
    // The expiry itself, and the holder's confirmation; nobody has polled.
    expect(cluster.proposals.count - written).toBeLessThanOrEqual(4);
  });

  it('go to the next one when the holder crashed together with the leader', async () => {
    const { leader } = cluster;
    const first = await acquire(leader);
    const second = watch(locksOf(cluster.followers[0]!).acquire('a', PATIENT));
    await cluster.pass(100);

    await cluster.kill(leader);
    await cluster.cluster.until(() => second.settled, 30_000);

    expect(second.value!.token).toBeGreaterThan(first.token);
  });

  it('a holder that was paused beyond its ttl knows it as soon as it looks, before any timer of it has fired', async () => {
    const [paused, waiting] = cluster.followers as [PrimitiveNode<LockMachine>, PrimitiveNode<LockMachine>];
    const first = await acquire(paused);
    const second = watch(locksOf(waiting).acquire('a', PATIENT));
    await cluster.pass(100);

    paused.application.pause();
    await cluster.pass(2 * TTL_MS);
    expect(second.value!.isHeld()).toBe(true);
    expect(first.isHeld()).toBe(false);
    expect(() => first.throwIfLost()).toThrow('is held no more');
    expect(first.signal.aborted).toBe(false);
    paused.application.resume(false, new Chance(1));
    await cluster.pass(10);

    expect(first.signal.aborted).toBe(true);
    expect(isRaftError(first.signal.reason) && first.signal.reason.code).toBe('RAFT_LOCK_LOST');
    // What it does late doesn't touch the next holder.
    expect(await cluster.ends(first.release())).toBe(false);
    await cluster.pass(TTL_MS);
    expect(second.value!.isHeld()).toBe(true);
  });

  it('are lost for a holder that is cut off before another can get them', async () => {
    const [cutOff, waiting] = cluster.followers as [PrimitiveNode<LockMachine>, PrimitiveNode<LockMachine>];
    const first = await acquire(cutOff);
    const second = watch(locksOf(waiting).acquire('a', PATIENT));
    await cluster.pass(100);

    let lostAtMs = 0;
    first.signal.addEventListener('abort', () => (lostAtMs = cluster.cluster.time.nowMs));
    const others = cluster.nodes.filter((node) => node !== cutOff).map(({ node }) => node.address);
    cluster.cluster.network.partition([cutOff.node.address], others);
    await cluster.cluster.until(() => second.settled, 30_000);

    cluster.cluster.network.heal();
    expect(lostAtMs).toBeGreaterThan(0);
    expect(lostAtMs).toBeLessThan(cluster.cluster.time.nowMs);
    expect(second.value!.token).toBeGreaterThan(first.token);
  });

  it('fail with RAFT_LOCKED when the wait has ended, and whoever gave up is passed over', async () => {
    const [one, two] = cluster.followers as [PrimitiveNode<LockMachine>, PrimitiveNode<LockMachine>];
    const lock = await acquire(one);
    const impatient = watch(locksOf(two).acquire('a', { ...PATIENT, waitMs: 300 }));
    await cluster.pass(50);
    const patient = watch(locksOf(cluster.leader).acquire('a', PATIENT));
    await cluster.pass(500);
    expect(codeOf(impatient)).toBe('RAFT_LOCKED');
    expect(impatient.message).toContain("The lock 'a' was not free within 300 ms");

    await cluster.ends(lock.release());
    await cluster.pass(100);

    expect(patient.value?.isHeld()).toBe(true);
  });

  it('answer at once where nobody wants to wait', async () => {
    await acquire(cluster.leader);
    const outcome = await cluster.cluster.outcome(locksOf(cluster.followers[0]!).acquire('a', { waitMs: 0 }));
    expect(outcome.code).toBe('RAFT_LOCKED');
    expect((await cluster.ends(locksOf(cluster.leader).status('a'))).waiting).toBe(0);
  });

  it('end a wait by a signal, with its reason', async () => {
    await acquire(cluster.leader);
    const aborter = new AbortController();
    const waiting = watch(locksOf(cluster.followers[0]!).acquire('a', { ...PATIENT, signal: aborter.signal }));
    await cluster.pass(100);
    aborter.abort(new Error('the caller has gone'));
    await cluster.pass(100);
    expect(waiting.message).toBe('the caller has gone');
    expect((await cluster.ends(locksOf(cluster.leader).status('a'))).waiting).toBe(0);
  });

  it('let as many wait as maxWaiters says, and answer the others with RAFT_BUSY', async () => {
    await acquire(cluster.leader);
    const options = { ...PATIENT, maxWaiters: 2 };
    const waiting = cluster.nodes.map((node) => watch(locksOf(node).acquire('a', options)));
    await cluster.pass(100);
    expect(waiting.map(codeOf).filter((code) => code !== undefined)).toEqual(['RAFT_BUSY']);
  });

  it('are not polled for: who waits asks every five seconds', async () => {
    await acquire(cluster.leader, 'a', { ttlMs: 600_000, waitMs: 0 });
    for (let count = 0; count < 10; count++) watch(locksOf(cluster.followers[0]!).acquire('a', PATIENT));
    await cluster.pass(1_000);
    const before = cluster.proposals.count;
    await cluster.pass(10_000);
    expect(cluster.proposals.count - before).toBeLessThanOrEqual(20);
  });

  it('are asked for again where an answer was lost, long before the wait ends', async () => {
    const [one, two] = cluster.followers as [PrimitiveNode<LockMachine>, PrimitiveNode<LockMachine>];
    const lock = await acquire(one);
    two.losing.answers = 1;
    const waiting = watch(locksOf(two).acquire('a', { ...PATIENT, waitMs: 300_000 }));
    await cluster.pass(100);
    one.losing.answers = 1;
    const released = watch(lock.release());
    await cluster.pass(11_000);
    expect(waiting.value?.isHeld()).toBe(true);
    expect(released.value).toBe(true);
  });

  it('pass over those that waited in a process that crashed, once they were not heard for a while', async () => {
    const [crashing, alive] = cluster.followers as [PrimitiveNode<LockMachine>, PrimitiveNode<LockMachine>];
    const lock = await acquire(cluster.leader, 'a', { ttlMs: 600_000, waitMs: 0 });
    for (let count = 0; count < 5; count++) watch(locksOf(crashing).acquire('a', { ttlMs: 60_000, waitMs: 120_000 }));
    await cluster.pass(50);
    const last = watch(locksOf(alive).acquire('a', { ...PATIENT, waitMs: 120_000 }));
    await cluster.pass(50);
    crashing.application.crash();
    await cluster.pass(20_000);

    await cluster.ends(lock.release());
    await cluster.pass(100);

    expect(last.value?.isHeld()).toBe(true);
  });

  it('survive a change of the leader, and so does the order of those who wait', async () => {
    const { leader } = cluster;
    const [one, two] = cluster.followers as [PrimitiveNode<LockMachine>, PrimitiveNode<LockMachine>];
    const lock = await acquire(one, 'a', { ttlMs: 20_000, waitMs: 0 });
    const waiting = [watch(locksOf(two).acquire('a', PATIENT))];
    await cluster.pass(50);
    waiting.push(watch(locksOf(one).acquire('a', PATIENT)));
    await cluster.pass(50);

    await cluster.kill(leader);
    await cluster.pass(12_000);
    expect(lock.isHeld()).toBe(true);
    await cluster.ends(lock.release());
    await cluster.pass(200);

    expect(waiting.map(({ settled }) => settled)).toEqual([true, false]);
  });

  it('run: resolves with what the work does, fails with its error, and releases in both cases', async () => {
    const locks = locksOf(cluster.followers[0]!);
    expect(locks.current()).toBeUndefined();
    const token = await cluster.ends(locks.run('a', PATIENT, (lock) => (locks.current() === lock ? lock.token : -1)));
    expect(token).toBeGreaterThan(0);
    const failing = await cluster.cluster.outcome(
      locks.run('a', PATIENT, () => Promise.reject(new Error('of the work'))),
    );
    expect(failing.message).toBe('of the work');
    expect(await cluster.ends(locks.status('a'))).toEqual({ holders: [], waiting: 0 });
  });

  it('run: fails with RAFT_LOCK_LOST where the lock was lost before the work had ended', async () => {
    const [paused, other] = cluster.followers as [PrimitiveNode<LockMachine>, PrimitiveNode<LockMachine>];
    let finish: () => void = () => undefined;
    const run = watch(locksOf(paused).run('a', PATIENT, () => new Promise<void>((resolve) => (finish = resolve))));
    await cluster.pass(100);
    paused.application.pause();
    const next = watch(locksOf(other).acquire('a', PATIENT));
    await cluster.pass(2 * TTL_MS);
    expect(next.settled).toBe(true);
    finish();
    await cluster.pass(100);
    expect(codeOf(run)).toBe('RAFT_LOCK_LOST');
  });

  it('stop: asks the work under locks to end, releases them, and lets nobody wait any longer', async () => {
    const [stopping, other] = cluster.followers as [PrimitiveNode<LockMachine>, PrimitiveNode<LockMachine>];
    const locks = locksOf(stopping);
    const work = watch(
      locks.run('a', PATIENT, ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve))),
    );
    await cluster.pass(50);
    const waiting = watch(locks.acquire('a', PATIENT));
    await cluster.pass(50);

    await cluster.ends(locks.onModuleDestroy());

    await cluster.pass(50);
    expect(work.settled).toBe(true);
    expect(codeOf(work)).toBeUndefined();
    expect(codeOf(waiting)).toBe('RAFT_SHUTTING_DOWN');
    expect((await acquire(other, 'a', { ...PATIENT, waitMs: 0 })).isHeld()).toBe(true);
  });

  it.each([
    [{ ttlMs: 10 }, 'ttlMs of the lock'],
    [{ waitMs: -1 }, 'waitMs of the lock'],
    [{ waitMs: Number.NaN }, 'waitMs of the lock'],
    [{ maxWaiters: 1.5 }, 'maxWaiters of the lock'],
  ])('refuse options that cannot work: %j', async (options, named) => {
    const outcome = await cluster.cluster.outcome(locksOf(cluster.leader).acquire('a', options));
    expect(outcome).toMatchObject({ code: 'RAFT_CONFIGURATION', message: expect.stringContaining(named) });
    const keyless = await cluster.cluster.outcome(locksOf(cluster.leader).acquire(''));
    expect(keyless.code).toBe('RAFT_CONFIGURATION');
  });
});
