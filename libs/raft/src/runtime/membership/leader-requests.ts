import { isRaftError, RaftError, type RaftErrorCode } from '../../errors/raft-error';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import { requireCaller } from './change-caller';
import type { LocalReplica, LocalReplicaPorts } from './local-replica';

const RETRY_MS = 100;
/** For how many election time-outs a leader that accepts a request is looked for; then there is no quorum, most likely. */
const LEADER_ELECTION_TIMEOUTS = 5;

/** The leader didn't accept it, and nothing was changed: another may. */
const ASK_AGAIN: ReadonlySet<RaftErrorCode> = new Set<RaftErrorCode>([
  'RAFT_NOT_LEADER',
  'RAFT_NO_LEADER',
  'RAFT_BUSY',
]);

export interface LeaderRequestPorts extends LocalReplicaPorts {
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
}

/** Requests for a change that only the leader can make, asked for on any node. */
export class LeaderRequests {
  constructor(
    private readonly ports: LeaderRequestPorts,
    private readonly local: LocalReplica,
  ) {}

  /**
   * Asks until a leader has accepted the request, or has refused it; not for longer than an election should take.
   *
   * @param here what is done where this node leads
   */
  async ask<T>(
    method: string,
    body: Uint8Array,
    { deadlineMs, signal }: { readonly deadlineMs: number; readonly signal?: AbortSignal | undefined },
    here: () => Promise<T>,
  ): Promise<T | Uint8Array> {
    const { links, calls, scheduler, electionTimeoutMs } = this.ports;
    const lastMs = Math.min(deadlineMs, scheduler.nowMs() + LEADER_ELECTION_TIMEOUTS * electionTimeoutMs);
    for (;;) {
      requireCaller(signal);
      const replica = this.local.running();
      try {
        if (replica.isLeading) return await here();
        const route = links.routeTo(replica.leader);
        if (route !== undefined)
          return await calls.call(route.address, method, body, Math.max(1, deadlineMs - scheduler.nowMs()));
      } catch (error) {
        if (!isRaftError(error) || !ASK_AGAIN.has(error.code)) throw error;
        if (scheduler.nowMs() + RETRY_MS >= lastMs) throw error;
      }
      if (scheduler.nowMs() + RETRY_MS >= lastMs)
        throw new RaftError(
          'RAFT_NO_LEADER',
          'No leader could be reached in time, and nothing was changed. Where a majority of the members is away, no change can be made: bring them back first.',
          { retryAfterMs: 1000 },
        );
      await this.local.pause(RETRY_MS);
    }
  }
}
