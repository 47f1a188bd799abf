import type { Scheduler } from './scheduler';

/** At most one clock entry in this time, as what is due may be sooner than it ends. */
const EVERY_MS = 1000;

export interface ExpiryPorts {
  readonly scheduler: Scheduler;
  /** When something in the state ends, in cluster time. */
  nextExpiryMs(): number | undefined;
  /** What the leader would stamp now. */
  clusterTimeMs(): number;
  /** Puts the cluster's time into the log. */
  propose(timeMs: number): void;
}

/**
 * What expires does so by the time that stands in entries. Where no commands carry it, the leader proposes an entry for that
 * alone, when something is due.
 */
export class ExpiryClock {
  private notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly ports: ExpiryPorts) {}

  /** Called on a leader that may stamp. */
  tick(nowMs: number): void {
    if (nowMs < this.notBeforeMs) return;
    const dueMs = this.ports.nextExpiryMs();
    if (dueMs === undefined) return;
    const timeMs = this.ports.clusterTimeMs();
    if (timeMs < dueMs) return;
    this.notBeforeMs = nowMs + EVERY_MS;
    this.ports.propose(timeMs);
  }
}
