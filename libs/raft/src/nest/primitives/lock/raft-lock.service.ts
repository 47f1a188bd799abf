import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { RaftLease } from '../lease/held-lease';
import type { LeaseClient } from '../lease/lease-client';
import type { LeaseStatus } from '../lease/lease-machine';
import { checkedLeaseOptions, type RaftLeaseOptions } from '../lease/lease-options';
import { checkedKey } from '../shared/checked';

/** A lock that is held. @publicApi */
export type RaftLock = RaftLease;

/** @publicApi */
export type RaftLockOptions = RaftLeaseOptions;

/** Who holds a lock, as a key's record says. @publicApi */
export type RaftLockStatus = LeaseStatus;

/**
 * Locks for the whole cluster: one holder of a key at a time, the others in the order in which they asked. Inject it by its
 * class, or with `@InjectRaftLock('group')`; the root module provides it.
 *
 * A lock lasts for its ttl and is renewed automatically while it is held. A holder that crashed, or was paused for longer than the
 * ttl, loses it, and the next one has it: a paused process doesn't know that yet. What guards a side effect is therefore the
 * lock's `token`, which only grows: pass it to storage, and let storage refuse a lower one.
 *
 * Locks aren't reentrant: who asks again for a key that it holds waits like any other.
 *
 * @example
 * ```ts
 * await this.locks.run(`invoice:${id}`, { ttlMs: 30_000, waitMs: 5_000 }, async ({ token, signal }) => {
 *   const pdf = await this.render(id, { signal });
 *   await this.invoices.save(id, pdf, token);
 * });
 * ```
 * @publicApi
 */
@Injectable()
export class RaftLockService implements OnModuleDestroy {
  constructor(private readonly client: LeaseClient) {}

  /**
   * Waits for a lock and holds it until it is released. Prefer {@link run}, which releases it automatically.
   *
   * @param key 1 to 1,024 characters
   * @param options times in milliseconds; default: `ttlMs` 30,000, `waitMs` 10,000
   * @throws RaftError `RAFT_LOCKED` it wasn't free in time; `RAFT_BUSY` too many wait; `RAFT_SHUTTING_DOWN`; where there is no
   *   leader for that long, the code of that
   * @example
   * ```ts
   * const lock = await this.locks.acquire('import', { waitMs: 0 });
   * try {
   *   await this.import(lock.signal);
   * } finally {
   *   await lock.release();
   * }
   * ```
   */
  async acquire(key: string, options: RaftLockOptions = {}): Promise<RaftLock> {
    const what = `the lock '${checkedKey('The key of a lock', key)}'`;
    return this.client.acquire(key, 1, checkedLeaseOptions(what, options));
  }

  /**
   * Runs `work` while the lock is held, and releases it when it has ended, well or not.
   *
   * @param options times in milliseconds; default: `ttlMs` 30,000, `waitMs` 10,000
   * @param work gets the lock: its `token`, and the `signal` that fires when it is lost
   * @returns what `work` resolves with
   * @throws RaftError what {@link acquire} throws, before `work` has begun; `RAFT_LOCK_LOST` where the lock was lost before
   *   `work` had ended well
   * @throws what `work` throws
   */
  async run<T>(key: string, options: RaftLockOptions, work: (lock: RaftLock) => T | PromiseLike<T>): Promise<T> {
    const what = `the lock '${checkedKey('The key of a lock', key)}'`;
    return this.client.run(key, 1, checkedLeaseOptions(what, options), work);
  }

  /** @returns the lock in whose {@link run}, or method with `@Locked()`, the caller is; undefined outside of one */
  current(): RaftLock | undefined {
    return this.client.running();
  }

  /**
   * Who holds a lock and how many wait; a linearizable read. By the time that it is read it may be another.
   *
   * @throws RaftError
   */
  async status(key: string): Promise<RaftLockStatus> {
    return this.client.status(checkedKey('The key of a lock', key));
  }

  onModuleDestroy(): Promise<void> {
    return this.client.stop();
  }
}
