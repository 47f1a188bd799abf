/** At most one clock entry in this time, as what is due may be sooner than it ends. */
const EVERY_MS = 1000;

export interface ExpiryPorts {
  /** When something in the state ends, in cluster time. */
  nextExpiryMs(): number | undefined;
  /** Whether nodes have something to compare: they make a digest at each clock entry. */
  wantsDigest(): boolean;
  /** What the leader would stamp now. */
  clusterTimeMs(): number;
  /** Puts the cluster's time into the log. */
  propose(timeMs: number): void;
}

/**
 * What expires does so by the time that stands in entries, and states are compared as of such an entry. Where no commands carry the
 * time, the leader proposes an entry for that alone, when something is due; and where tables have changed, one each second.
 */
export class ExpiryClock {
  private notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly ports: ExpiryPorts) {}

  /** Called on a leader that may stamp. */
  tick(nowMs: number): void {
    if (nowMs < this.notBeforeMs) return;
    const timeMs = this.ports.clusterTimeMs();
    const dueMs = this.ports.nextExpiryMs() ?? Number.POSITIVE_INFINITY;
    if (timeMs < dueMs && !this.ports.wantsDigest()) return;
    this.notBeforeMs = nowMs + EVERY_MS;
    this.ports.propose(timeMs);
  }
}
