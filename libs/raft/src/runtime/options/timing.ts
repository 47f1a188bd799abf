import type { RaftNodeOptions } from './raft-node-options';

const LONGEST_TICK_MS = 20;
/** After so many election time-outs even a disk that stalls has answered, or nobody is there to answer. */
const ELECTION_TIMEOUTS_OF_PATIENCE = 10;

/** A call must not outlive the session in which it is sent on; and a node without a leader for a while keeps its session. */
const REQUESTS_OF_SESSION = 2;
const ELECTION_TIMEOUTS_OF_SESSION = 30;

export interface Timing {
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  /** 0 where lease reads are off. */
  readonly leaseMs: number;
  /** How long the store's session counts as alive after it was asked. */
  readonly proofMs: number;
  /** After how long without an answer a call of the store counts as failed. */
  readonly storePatienceMs: number;
  /** How long the session in which a node sends commands on lasts without one. */
  readonly nodeSessionMs: number;
}

/** A tick is a fifth of a heartbeat, at most 20 ms: so an election time-out is drawn over many ticks. */
export function timingOf(options: RaftNodeOptions): Timing {
  const { heartbeatIntervalMs, electionTimeoutMs, requestTimeoutMs, leaseReads } = options;
  const tickMs = Math.min(heartbeatIntervalMs / 5, LONGEST_TICK_MS);
  return {
    tickMs,
    heartbeatTicks: Math.round(heartbeatIntervalMs / tickMs),
    electionTicks: Math.round(electionTimeoutMs / tickMs),
    leaseMs: leaseReads === null ? 0 : electionTimeoutMs * leaseReads.driftMargin,
    proofMs: electionTimeoutMs / 2,
    storePatienceMs: ELECTION_TIMEOUTS_OF_PATIENCE * electionTimeoutMs,
    nodeSessionMs: Math.round(
      Math.max(ELECTION_TIMEOUTS_OF_SESSION * electionTimeoutMs, REQUESTS_OF_SESSION * requestTimeoutMs),
    ),
  };
}
