import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { RaftService } from '../nest/services/raft.service';
import type { RaftStatus } from '../runtime/status/status';

/** How far behind a node may be that is ready. @publicApi */
export interface RaftReadinessOptions {
  /** How old its state may be, in milliseconds. Default: any age. */
  readonly maxLagMs?: number;
  /** How many committed entries may wait to be applied. Default: any number. */
  readonly maxLagEntries?: number;
}

/**
 * The health of this application's node, for `HealthCheckService.check()`. None of it talks to another node or to the database:
 * a probe costs nothing, and a cluster without a leader restarts nobody.
 *
 * @example
 * ```ts
 * @Get('live')
 * @HealthCheck()
 * live() {
 *   return this.health.check([() => this.raft.isLive('raft')]);
 * }
 * ```
 * @publicApi
 */
@Injectable()
export class RaftHealthIndicator {
  constructor(
    private readonly health: HealthIndicatorService,
    private readonly raft: RaftService,
  ) {}

  /**
   * For a liveness probe: down where a new start may help, which is when the node has failed. One that was removed or is
   * quarantined is up: a new start would find it as it is.
   */
  isLive<const Key extends string>(key: Key): HealthIndicatorResult<Key> {
    const status = this.raft.status();
    return this.answer(key, status, status.phase === 'failed' ? status.reason : undefined);
  }

  /**
   * For a readiness probe: up while the node runs, knows a leader, is served by its store, and isn't further behind than `options` say.
   *
   * @param options without any, a node is ready however far behind it is
   */
  isReady<const Key extends string>(key: Key, options: RaftReadinessOptions = {}): HealthIndicatorResult<Key> {
    const status = this.raft.status();
    return this.answer(key, status, unreadyBecause(status, options));
  }

  /** Up on the one node that leads and has committed in its term: for a check that routes to the leader, not for a restart. */
  isLeader<const Key extends string>(key: Key): HealthIndicatorResult<Key> {
    const status = this.raft.status();
    const leader = status.leader === null ? 'no leader is known' : `${status.leader.name} leads`;
    return this.answer(key, status, status.isLeader ? undefined : leader);
  }

  private answer<const Key extends string>(
    key: Key,
    { phase, role, term, leader, commitIndex, appliedIndex }: RaftStatus,
    downBecause: string | undefined,
  ): HealthIndicatorResult<Key> {
    const check = this.health.check(key);
    const shown = { phase, role, term, leader: leader?.name ?? null, commitIndex, appliedIndex };
    return downBecause === undefined ? check.up(shown) : check.down({ ...shown, reason: downBecause });
  }
}

function unreadyBecause(status: RaftStatus, { maxLagMs, maxLagEntries }: RaftReadinessOptions): string | undefined {
  const { phase, reason, degraded, leader, commitIndex, appliedIndex, ageMs } = status;
  if (phase !== 'running') return reason === '' ? `the node is ${phase}` : reason;
  if (leader === null) return 'no leader is known: an election is under way, or too few nodes are up';
  if (degraded !== null) return `the node is degraded: ${degraded.reason}`;
  if (status.catchingUp) return 'the node is joining: it has no part in the cluster before it has caught up';
  const waiting = commitIndex - appliedIndex;
  if (maxLagEntries !== undefined && waiting > maxLagEntries)
    return `${waiting} committed entries wait to be applied, and ${maxLagEntries} are allowed`;
  if (maxLagMs === undefined || (ageMs !== null && ageMs <= maxLagMs)) return undefined;
  return ageMs === null
    ? `the age of the state isn't known yet, and ${maxLagMs} ms are allowed`
    : `the state is up to ${Math.ceil(ageMs)} ms old, and ${maxLagMs} ms are allowed`;
}
