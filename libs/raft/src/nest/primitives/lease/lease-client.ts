import { AsyncLocalStorage } from 'node:async_hooks';
import type { Observable, Subscription } from 'rxjs';
import { RaftError } from '../../../errors/raft-error';
import type { Scheduler } from '../../../runtime/base/scheduler';
import type { RaftMachineEvent } from '../../../state-machine/entries/machine-change';
import type { Replicated } from '../../../state-machine/calls/replicated';
import { isPassing } from '../shared/retryable';
import { listenToEvents } from '../shared/listen-to-events';
import { WakeUp } from '../shared/wake-up';
import { HeldLease, type RaftLease } from './held-lease';
import type { GrantedEvent, LeaseAnswer, LeaseMachine, LeaseStatus } from './lease-machine';
import type { CheckedLeaseOptions } from './lease-options';
import { ASKS_AGAIN_MS } from './lease-record';

export interface LeaseClientParts {
  readonly machine: Replicated<LeaseMachine>;
  /** What the machine tells on this node; without it, who waits asks every five seconds. */
  readonly events: Observable<RaftMachineEvent>;
  readonly scheduler: Scheduler;
  readonly logger: { warn(message: string): void };
  /** What errors call a key: `the lock`. */
  readonly what: string;
}

/** The shortest time that one request gets, however soon the wait for the lock ends. */
const SHORTEST_REQUEST_MS = 1_000;
/** The longest: an answer may be lost on its way, and asking again is the same attempt. */
const LONGEST_REQUEST_MS = ASKS_AGAIN_MS;
const RETRY_MS = 100;
/** How long a stop waits for the work under locks, once it was asked to end. */
const STOP_PATIENCE_MS = 2_000;

/** Gets, holds and gives back leases of one machine for one application. */
export class LeaseClient {
  private readonly clientId: string;
  private readonly current = new AsyncLocalStorage<RaftLease>();
  private readonly waiting = new Map<string, WakeUp>();
  private readonly held = new Map<string, HeldLease>();
  private subscription: Subscription | undefined;
  private readonly emptied: WakeUp;
  private count = 0;
  private stopping = false;

  constructor(private readonly parts: LeaseClientParts) {
    this.clientId = parts.scheduler.randomId();
    this.emptied = new WakeUp(parts.scheduler);
  }

  /** @returns the lease in whose `run` the caller is */
  running(): RaftLease | undefined {
    return this.current.getStore();
  }

  status(key: string): Promise<LeaseStatus> {
    return this.parts.machine.status(key);
  }

  async acquire(key: string, permits: number, options: CheckedLeaseOptions): Promise<HeldLease> {
    const { scheduler } = this.parts;
    // Not sooner: the application's parts are made in any order.
    this.subscription ??= listenToEvents(this.parts.events, (event) => this.onEvent(event));
    const id = `${this.clientId}.${++this.count}`;
    const wakeUp = new WakeUp(scheduler);
    const giveUp = (): void => wakeUp.wake();
    this.waiting.set(id, wakeUp);
    options.signal?.addEventListener('abort', giveUp);
    let asked = false;
    try {
      const deadlineMs = scheduler.nowMs() + options.waitMs;
      for (;;) {
        this.throwIfEnded(options.signal);
        const sentAtMs = scheduler.nowMs();
        const leftMs = Math.max(0, deadlineMs - sentAtMs);
        asked = true;
        const answer = await this.ask({ key, id, permits, leftMs, options });
        if (answer?.state === 'held') return this.hold(key, id, answer.token, sentAtMs, options);
        if (answer?.state === 'full') throw fullError(this.named(key), answer.waiting);
        if (answer?.state === 'taken' || scheduler.nowMs() >= deadlineMs)
          throw takenError(this.named(key), options.waitMs);
        const pauseMs = answer === undefined ? RETRY_MS : ASKS_AGAIN_MS;
        await wakeUp.wait(Math.min(pauseMs, deadlineMs - scheduler.nowMs()));
      }
    } catch (error) {
      if (asked) this.leave(key, id);
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', giveUp);
      this.waiting.delete(id);
    }
  }

  async run<T>(
    key: string,
    permits: number,
    options: CheckedLeaseOptions,
    work: (lease: RaftLease) => T | PromiseLike<T>,
  ): Promise<T> {
    const lease = await this.acquire(key, permits, options);
    let result: T;
    try {
      result = await this.current.run(lease, async () => work(lease));
    } catch (error) {
      await this.releaseQuietly(lease);
      throw error;
    }
    const wasHeld = await this.releaseQuietly(lease);
    if (!wasHeld) throw lease.loss ?? lostAtEnd(this.named(key), lease.token);
    return result;
  }

  /** Nobody waits from now on, and work under locks is asked to end: then the locks are free at once, and not after their ttl. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const wakeUp of this.waiting.values()) wakeUp.wake();
    for (const lease of this.held.values()) lease.askToEnd(shuttingDown());
    const { scheduler } = this.parts;
    const untilMs = scheduler.nowMs() + STOP_PATIENCE_MS;
    while (this.held.size > 0 && scheduler.nowMs() < untilMs) await this.emptied.wait(untilMs - scheduler.nowMs());
    this.subscription?.unsubscribe();
    for (const lease of [...this.held.values()]) lease.forget();
  }

  /** @returns undefined where the answer is missing: it is asked again */
  private async ask(of: {
    readonly key: string;
    readonly id: string;
    readonly permits: number;
    readonly leftMs: number;
    readonly options: CheckedLeaseOptions;
  }): Promise<LeaseAnswer | undefined> {
    const { key, id, permits, leftMs, options } = of;
    const { machine } = this.parts;
    const caller = options.waitMs === 0 ? machine : machine.$timeout(requestMs(leftMs));
    const { ttlMs, maxWaiters } = options;
    try {
      return await caller.acquire({ key, id, ttlMs, waitMs: Math.ceil(leftMs), permits, maxWaiters });
    } catch (error) {
      if (!isPassing(error) || leftMs === 0) throw error;
      return undefined;
    }
  }

  private hold(key: string, id: string, token: number, sentAtMs: number, options: CheckedLeaseOptions): HeldLease {
    const { machine, scheduler } = this.parts;
    const lease = new HeldLease({
      key,
      token,
      ttlMs: options.ttlMs,
      sentAtMs,
      scheduler,
      calls: {
        renew: (timeoutMs) => machine.$timeout(timeoutMs).renew(key, id, token),
        release: () => this.release(key, id, token, options.ttlMs),
      },
      ended: () => {
        this.held.delete(id);
        if (this.held.size === 0) this.emptied.wake();
      },
    });
    this.held.set(id, lease);
    return lease;
  }

  /** Releasing twice is releasing once; after its ttl there is nothing to release. */
  private async release(key: string, id: string, token: number, ttlMs: number): Promise<boolean> {
    const { machine, scheduler } = this.parts;
    const untilMs = scheduler.nowMs() + Math.max(ttlMs, 3 * SHORTEST_REQUEST_MS);
    let mayBeReleased = false;
    for (;;)
      try {
        return (await machine.$timeout(requestMs(ttlMs / 3)).release(key, id, token)) || mayBeReleased;
      } catch (error) {
        if (!isPassing(error) || scheduler.nowMs() + RETRY_MS >= untilMs) throw error;
        mayBeReleased ||= error instanceof RaftError && !error.notApplied;
        await new WakeUp(scheduler).wait(RETRY_MS);
      }
  }

  private async releaseQuietly(lease: HeldLease): Promise<boolean> {
    const heldByOwnClock = lease.isHeld();
    try {
      return await lease.release();
    } catch (error) {
      this.parts.logger.warn(
        `${this.named(lease.key)} could not be released and ends with its ttl: ${error instanceof Error ? error.message : String(error)}`,
      );
      return heldByOwnClock;
    }
  }

  private onEvent(event: RaftMachineEvent): void {
    if (event.kind === 'replaced') {
      for (const wakeUp of this.waiting.values()) wakeUp.wake();
      return;
    }
    const { type, id, key } = event.value as Partial<GrantedEvent>;
    if (type !== 'granted' || id === undefined || key === undefined) return;
    const wakeUp = this.waiting.get(id);
    if (wakeUp !== undefined) wakeUp.wake();
    // An attempt that was given up got it, as its request had been under way.
    else if (id.startsWith(`${this.clientId}.`) && !this.held.has(id)) this.leave(key, id);
  }

  private leave(key: string, id: string): void {
    // Where it fails, its time ends in the cluster, too.
    this.parts.machine.leave(key, id).catch(() => undefined);
  }

  private throwIfEnded(signal: AbortSignal | undefined): void {
    if (this.stopping) throw shuttingDown();
    signal?.throwIfAborted();
  }

  private named(key: string): string {
    return `${this.parts.what} '${key}'`;
  }
}

function requestMs(wantedMs: number): number {
  return Math.min(Math.max(wantedMs, SHORTEST_REQUEST_MS), LONGEST_REQUEST_MS);
}

function takenError(named: string, waitMs: number): RaftError {
  return new RaftError(
    'RAFT_LOCKED',
    `${named} was not free within ${waitMs} ms. Nothing was acquired. Try again later, or with a longer waitMs.`,
    { retryAfterMs: RETRY_MS },
  );
}

function fullError(named: string, waiting: number): RaftError {
  return new RaftError(
    'RAFT_BUSY',
    `${waiting} already wait for ${named}, as many as may (maxWaiters). Nothing was acquired. Try again later.`,
  );
}

function lostAtEnd(named: string, token: number): RaftError {
  return new RaftError(
    'RAFT_LOCK_LOST',
    `${named} (token ${token}) was lost before its work ended: another may have held it meanwhile. What the work wrote is safe where storage checked the token.`,
  );
}

function shuttingDown(): RaftError {
  return new RaftError(
    'RAFT_SHUTTING_DOWN',
    'This node is being stopped: locks are neither waited for nor kept any longer.',
  );
}
