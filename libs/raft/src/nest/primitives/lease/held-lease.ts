import { RaftError } from '../../../errors/raft-error';
import type { Scheduler, TimerHandle } from '../../../runtime/base/scheduler';
import { isPassing } from '../shared/retryable';

/**
 * A lock, or a permit, that is held.
 *
 * @publicApi
 */
export interface RaftLease {
  readonly key: string;
  /**
   * The fencing token: greater than that of everybody who held the key before. Storage that refuses a token lower than one
   * that it has seen is safe from a holder that was paused. (Permits of a semaphore have one each, and those that were given by
   * one entry share it.)
   */
  readonly token: number;
  /** Fires when it is lost; its reason is a `RaftError` with the code `RAFT_LOCK_LOST`, or `RAFT_SHUTTING_DOWN` while this node stops. */
  readonly signal: AbortSignal;
  /**
   * Whether it is held still, by this process's own clock. Ask before a step that must not run beside another's: after a pause
   * of the process the signal may fire only some moments later.
   */
  isHeld(): boolean;
  /** @throws RaftError `RAFT_LOCK_LOST` where {@link isHeld} is false */
  throwIfLost(): void;
  /**
   * Gives it back, so that the next one has it at once. Calling it again does nothing.
   *
   * @returns whether it was held up to now; false: it was lost before
   * @throws RaftError the cluster couldn't be reached: it ends with its ttl
   */
  release(): Promise<boolean>;
}

/** The calls that concern one lease. */
export interface LeaseCalls {
  renew(timeoutMs: number): Promise<boolean>;
  release(): Promise<boolean>;
}

export interface HeldLeaseParts {
  readonly key: string;
  readonly token: number;
  readonly ttlMs: number;
  /** When the request was sent that was confirmed: from then on the ttl counts, as the cluster's can't have begun before. */
  readonly sentAtMs: number;
  readonly calls: LeaseCalls;
  readonly scheduler: Scheduler;
  /** Called once, when it is released or lost. */
  readonly ended: () => void;
}

/** What is left of the ttl for clocks that run apart: the cluster's clock leans towards wall time, and quartz is no exact thing. */
const DRIFT_MARGIN = 0.99;
const RENEWALS_PER_TTL = 3;
const RETRIES_PER_TTL = 20;
const SHORTEST_TIMEOUT_MS = 20;

/** Renews a lease while it is held, and notices by its own clock when that fails for too long. */
export class HeldLease implements RaftLease {
  readonly key: string;
  readonly token: number;
  private readonly aborter = new AbortController();
  private state: 'held' | 'releasing' | 'released' | 'lost' = 'held';
  private validUntilMs: number;
  private renewal: TimerHandle | undefined;
  private deadline: TimerHandle | undefined;
  private releasing: Promise<boolean> | undefined;

  constructor(private readonly parts: HeldLeaseParts) {
    this.key = parts.key;
    this.token = parts.token;
    this.validUntilMs = parts.sentAtMs + parts.ttlMs * DRIFT_MARGIN;
    this.watchDeadline();
    this.renewAt(parts.sentAtMs + parts.ttlMs / RENEWALS_PER_TTL);
  }

  get signal(): AbortSignal {
    return this.aborter.signal;
  }

  isHeld(): boolean {
    return this.state === 'held' && this.parts.scheduler.nowMs() < this.validUntilMs;
  }

  throwIfLost(): void {
    if (this.isHeld()) return;
    throw this.lossError();
  }

  /** @returns undefined while it isn't lost */
  get loss(): RaftError | undefined {
    return this.state === 'lost' ? this.lossError() : undefined;
  }

  release(): Promise<boolean> {
    this.releasing ??= this.state === 'lost' ? Promise.resolve(false) : this.releaseOnce();
    return this.releasing;
  }

  /** Asks the work to end: the signal fires, and it is held and renewed still until it is released. */
  askToEnd(reason: RaftError): void {
    this.aborter.abort(reason);
  }

  /** The process ends: nothing more is renewed. */
  forget(): void {
    if (this.state === 'held') this.lose();
  }

  private async releaseOnce(): Promise<boolean> {
    this.state = 'releasing';
    this.clearTimers();
    try {
      return await this.parts.calls.release();
    } finally {
      this.state = 'released';
      this.parts.ended();
    }
  }

  private renewAt(atMs: number): void {
    const { scheduler } = this.parts;
    this.renewal = scheduler.setTimer(Math.max(0, atMs - scheduler.nowMs()), () => void this.renew());
  }

  private async renew(): Promise<void> {
    const { scheduler, calls, ttlMs } = this.parts;
    const sentAtMs = scheduler.nowMs();
    const leftMs = this.validUntilMs - sentAtMs;
    if (this.state !== 'held' || leftMs <= 0) return;
    let again: number;
    try {
      const isHeld = await calls.renew(Math.max(SHORTEST_TIMEOUT_MS, Math.min(leftMs, ttlMs / RENEWALS_PER_TTL)));
      if (this.state !== 'held') return;
      if (!isHeld) {
        this.lose();
        return;
      }
      this.validUntilMs = Math.max(this.validUntilMs, sentAtMs + ttlMs * DRIFT_MARGIN);
      this.watchDeadline();
      again = sentAtMs + ttlMs / RENEWALS_PER_TTL;
    } catch (error) {
      // What won't go by is left to the deadline, too: until then it may be held.
      again = scheduler.nowMs() + (isPassing(error) ? ttlMs / RETRIES_PER_TTL : ttlMs / RENEWALS_PER_TTL);
    }
    if (this.state === 'held') this.renewAt(again);
  }

  private watchDeadline(): void {
    const { scheduler } = this.parts;
    if (this.deadline !== undefined) scheduler.clearTimer(this.deadline);
    this.deadline = scheduler.setTimer(Math.max(0, this.validUntilMs - scheduler.nowMs()), () => {
      this.deadline = undefined;
      if (this.state !== 'held') return;
      // Timers may come a little early.
      if (scheduler.nowMs() < this.validUntilMs) this.watchDeadline();
      else this.lose();
    });
  }

  private lose(): void {
    this.state = 'lost';
    this.clearTimers();
    this.parts.ended();
    this.aborter.abort(this.lossError());
  }

  private clearTimers(): void {
    const { scheduler } = this.parts;
    if (this.renewal !== undefined) scheduler.clearTimer(this.renewal);
    if (this.deadline !== undefined) scheduler.clearTimer(this.deadline);
    this.renewal = undefined;
    this.deadline = undefined;
  }

  private lossError(): RaftError {
    return new RaftError(
      'RAFT_LOCK_LOST',
      `'${this.key}' (token ${this.token}) is held no more: ${
        this.state === 'released' || this.state === 'releasing'
          ? 'it was released'
          : `no renewal was confirmed within its ttl of ${this.parts.ttlMs} ms`
      }. Another may hold it now: stop the work, and let storage refuse this token.`,
    );
  }
}
