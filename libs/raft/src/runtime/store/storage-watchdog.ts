/** The storage watchdog: notices that the store hangs, fails or is lost. */

import { errorMessage } from '../base/error-message';
import type { RaftLogger } from '../base/logger';
import type { Scheduler } from '../base/scheduler';
import type { Degradation } from '../base/degradation';

export interface StorageWatchdogPorts {
  readonly scheduler: Scheduler;
  readonly logger: RaftLogger;
  /** How long a write or a probe may take: half of the smallest election time-out, in milliseconds. */
  readonly limitMs: number;
  /** For how long the write under way has been waited for. */
  writeAgeMs(nowMs: number): number;
  /** For how long the store has been waited for, whether it was written to or only asked. */
  silenceMs(nowMs: number): number;
  /** This replica must not campaign; a leader transfers to a voter whose store works, or steps down at once where its session is lost. */
  transferIfStalled(isLost: boolean): void;
  mayLeadAgain(): void;
  /** {@link StorageWatchdog.degradation} is another now. */
  degradationChanged(): void;
}

/**
 * Looks after a store that fails, or hangs. A short trouble isn't worth an election; a store that stays away, or doesn't get
 * a write done, is, because heartbeats alone would keep a leader in place that can't serve anybody.
 */
export class StorageWatchdog {
  private writeIsStalled = false;
  private hasYielded = false;
  private hasLost = false;
  private awaySinceMs: number | undefined;
  private whyAway = '';
  private current: Degradation | undefined;

  constructor(private readonly ports: StorageWatchdogPorts) {}

  /**
   * A write takes too long: nothing more should be accepted. Where only a probe does, a command may go in: whether others get
   * it done is what tells a leader to give way.
   */
  get isStalled(): boolean {
    return this.writeIsStalled;
  }

  /** What keeps this node from doing its part, once that has lasted for a while; it ends automatically when the store is back. */
  get degradation(): Degradation | undefined {
    return this.current;
  }

  failed(error: unknown): void {
    if (this.awaySinceMs !== undefined) return;
    this.awaySinceMs = this.ports.scheduler.nowMs();
    this.whyAway = errorMessage(error);
    this.ports.logger.warn(
      `The store failed (${errorMessage(error)}); this node is silent until it is known what was written.`,
    );
  }

  recovered(): void {
    if (this.awaySinceMs === undefined) return;
    const lastedMs = Math.round(this.ports.scheduler.nowMs() - this.awaySinceMs);
    this.awaySinceMs = undefined;
    this.ports.logger.log(`The store is back after ${lastedMs} ms.`);
  }

  tick(nowMs: number): void {
    const { limitMs, logger } = this.ports;
    const isAway = this.awaySinceMs !== undefined && nowMs - this.awaySinceMs >= limitMs;
    const isSilent = this.ports.silenceMs(nowMs) >= limitMs;
    this.writeIsStalled = this.ports.writeAgeMs(nowMs) >= limitMs;
    this.note(isAway, isSilent, nowMs);
    if (!isAway && !isSilent) {
      if (!this.hasYielded && !this.hasLost) return;
      this.hasYielded = false;
      this.hasLost = false;
      this.ports.mayLeadAgain();
      return;
    }
    if (!this.hasYielded) {
      this.hasYielded = true;
      logger.warn('The store stalls; this node takes nothing in until it is back, and does not campaign.');
      this.ports.transferIfStalled(false);
    }
    if (isAway && !this.hasLost) {
      this.hasLost = true;
      this.ports.transferIfStalled(true);
    }
  }

  private note(isAway: boolean, isSilent: boolean, nowMs: number): void {
    const before = this.current;
    const reason = isAway
      ? `its store can't be reached (${this.whyAway})`
      : isSilent
        ? "its store doesn't answer"
        : undefined;
    if (reason === before?.reason) return;
    const { awaySinceMs } = this;
    const lastedMs = isAway && awaySinceMs !== undefined ? nowMs - awaySinceMs : this.ports.silenceMs(nowMs);
    const sinceMs = before?.sinceMs ?? this.ports.scheduler.wallMs() - lastedMs;
    this.current = reason === undefined ? undefined : { reason, sinceMs };
    this.ports.degradationChanged();
  }
}
