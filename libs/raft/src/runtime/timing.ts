import type { RaftNodeOptions } from './raft-node-options';

const LONGEST_TICK_MS = 20;

export interface Timing {
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  /** 0 where lease reads are off. */
  readonly leaseMs: number;
  /** How long the store's session counts as alive after it was asked. */
  readonly proofMs: number;
}

/** A tick is a fifth of a heartbeat, at most 20 ms: so an election time-out is drawn over many ticks. */
export function timingOf(options: RaftNodeOptions): Timing {
  const { heartbeatIntervalMs, electionTimeoutMs, leaseReads } = options;
  const tickMs = Math.min(heartbeatIntervalMs / 5, LONGEST_TICK_MS);
  return {
    tickMs,
    heartbeatTicks: Math.round(heartbeatIntervalMs / tickMs),
    electionTicks: Math.round(electionTimeoutMs / tickMs),
    leaseMs: leaseReads === null ? 0 : electionTimeoutMs * leaseReads.driftMargin,
    proofMs: electionTimeoutMs / 2,
  };
}
