import type { RaftLease } from '../lease/held-lease';
import { LeaseClient } from '../lease/lease-client';
import type { LeaseMachine, LeaseStatus } from '../lease/lease-machine';
import { checkedLeaseOptions, type RaftLeaseOptions } from '../lease/lease-options';
import type { Replicated } from '../../../state-machine/calls/replicated';
import { checkedCount } from '../shared/checked';
import type { PrimitiveParts } from '../../common/primitive';

/** Options of `raftSemaphore(name, options)`. @publicApi */
export interface RaftSemaphoreOptions {
  /** How many may hold a permit at once, 1 to 1,000. The last one who asked decides, so that a rolling change takes effect. */
  readonly permits: number;
}

/** A permit that is held. @publicApi */
export type RaftPermit = RaftLease;

/**
 * Permits of which the cluster gives out so many at once; others wait in the order in which they asked. Inject it with
 * `@InjectRaftSemaphore('name')`. A permit has a ttl and is renewed automatically, and is lost as a lock is: see `RaftLockService`.
 *
 * @example
 * ```ts
 * await this.exports.run({ waitMs: 60_000 }, async ({ signal }) => this.exportAll(signal));
 * ```
 * @publicApi
 */
export class RaftSemaphore {
  private readonly client: LeaseClient;
  private readonly permits: number;

  constructor(
    /** The semaphore's name. */
    readonly name: string,
    options: RaftSemaphoreOptions,
    parts: PrimitiveParts,
  ) {
    this.permits = checkedCount(`permits of raftSemaphore('${name}')`, options.permits, 1, 1_000);
    this.client = new LeaseClient({
      ...parts,
      machine: parts.caller as Replicated<LeaseMachine>,
      what: 'A permit of the semaphore',
    });
  }

  /**
   * Waits for a permit and holds it until it is released. Prefer {@link run}, which releases it automatically.
   *
   * @param options times in milliseconds; default: `ttlMs` 30,000, `waitMs` 10,000
   * @throws RaftError `RAFT_LOCKED` none was free in time; `RAFT_BUSY` too many wait; `RAFT_SHUTTING_DOWN`
   */
  async acquire(options: RaftLeaseOptions = {}): Promise<RaftPermit> {
    return this.client.acquire(this.name, this.permits, checkedLeaseOptions(this.label, options));
  }

  /**
   * Runs `work` while a permit is held, and releases it when the work has ended, well or not.
   *
   * @throws RaftError what {@link acquire} throws; `RAFT_LOCK_LOST` where the permit was lost before `work` had ended well
   * @throws what `work` throws
   */
  async run<T>(options: RaftLeaseOptions, work: (permit: RaftPermit) => T | PromiseLike<T>): Promise<T> {
    return this.client.run(this.name, this.permits, checkedLeaseOptions(this.label, options), work);
  }

  /** Who holds permits and how many wait; a linearizable read. */
  async status(): Promise<LeaseStatus> {
    return this.client.status(this.name);
  }

  onModuleDestroy(): Promise<void> {
    return this.client.stop();
  }

  private get label(): string {
    return `the semaphore '${this.name}'`;
  }
}
