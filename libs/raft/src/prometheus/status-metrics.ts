import type { Role } from '../core/base/effects';
import type { MemberRole } from '../runtime/status/membership-view';
import type { RaftPhase, RaftStatus } from '../runtime/status/status';
import type { NodeLabels } from './event-metrics';
import type { MetricSet } from './metric-set';
import type { MetricName } from './metric-table';

const PHASES: Readonly<Record<RaftPhase, true>> = {
  created: true,
  starting: true,
  bootstrapping: true,
  joining: true,
  running: true,
  removed: true,
  quarantined: true,
  failed: true,
  stopping: true,
  stopped: true,
};
const ROLES: Readonly<Record<Role, true>> = {
  follower: true,
  preCandidate: true,
  candidate: true,
  leader: true,
  learner: true,
};
const MEMBER_ROLES: Readonly<Record<MemberRole, true>> = { voter: true, learner: true, outgoing: true };

/** What is read from a node's status, at a scrape. */
export class StatusMetrics {
  /** Counters of the status as of the last scrape: Prometheus' counters are told by how much they went on. */
  private readonly counted = new Map<string, number>();
  private peers: readonly string[] = [];

  constructor(
    private readonly metrics: MetricSet,
    private readonly labels: NodeLabels,
  ) {}

  scrape(status: RaftStatus): void {
    const { snapshot, reads, queues, members } = status;
    this.oneOf('raft_phase', 'phase', PHASES, status.phase);
    this.set('raft_degraded', Number(status.degraded !== null));
    this.oneOf('raft_role', 'role', ROLES, status.role);
    this.set('raft_is_leader', Number(status.isLeader));
    this.set('raft_has_leader', Number(status.leader !== null));
    this.set('raft_term', status.term);
    this.set('raft_last_index', status.lastIndex);
    this.set('raft_durable_index', status.durableIndex);
    this.set('raft_commit_index', status.commitIndex);
    this.set('raft_applied_index', status.appliedIndex);
    this.set('raft_first_index', status.firstIndex);
    this.setOrRemove('raft_state_age_seconds', status.ageMs === null ? null : status.ageMs / 1000);
    for (const role of Object.keys(MEMBER_ROLES))
      this.set('raft_members', members.filter((member) => member.role === role).length, { role });
    this.set('raft_membership_changing', Number(status.membershipChanging));
    this.setOrRemove('raft_snapshot_index', snapshot?.index ?? null);
    this.setOrRemove('raft_snapshot_size_bytes', snapshot?.sizeBytes ?? null);
    this.set('raft_longest_slice_seconds', status.longestSliceMs / 1000);
    this.set('raft_uncommitted_bytes', queues.uncommittedBytes);
    for (const queue of ['calls', 'parked', 'forwarded', 'inLog', 'reading', 'persist', 'apply'] as const)
      this.set('raft_queue_length', queues[queue], { queue });
    for (const consistency of ['linearizable', 'lease', 'stale'] as const)
      this.count('raft_reads_total', reads[consistency], { consistency });
    this.count('raft_read_rounds_total', reads.rounds);
    this.count('raft_snapshot_fetched_bytes_total', status.fetchedBytes);
    this.scrapePeers(status);
  }

  /** Nothing of a node that has ended stays behind on a registry that lives on. */
  remove(): void {
    this.forgetPeers([]);
    for (const name of ['raft_is_leader', 'raft_has_leader', 'raft_degraded', 'raft_state_age_seconds'] as const)
      this.setOrRemove(name, null);
    for (const phase of Object.keys(PHASES)) this.setOrRemove('raft_phase', null, { phase });
    for (const role of Object.keys(ROLES)) this.setOrRemove('raft_role', null, { role });
  }

  private scrapePeers({ members, lastIndex }: RaftStatus): void {
    const others = members.filter(({ connection }) => connection !== 'self');
    this.forgetPeers(others.map(({ name }) => name));
    for (const { name: peer, connection, matchIndex, health } of others) {
      this.setOrRemove('raft_peer_degraded', health === null ? null : Number(health !== 'well'), { peer });
      this.set('raft_peer_connected', Number(connection === 'connected'), { peer });
      this.setOrRemove('raft_peer_match_index', matchIndex, { peer });
      this.setOrRemove('raft_peer_lag_entries', matchIndex === null ? null : Math.max(0, lastIndex - matchIndex), {
        peer,
      });
      if (matchIndex !== null) continue;
      this.setOrRemove('raft_peer_inflight_messages', null, { peer });
      this.setOrRemove('raft_peer_inflight_bytes', null, { peer });
    }
  }

  private forgetPeers(kept: readonly string[]): void {
    for (const peer of this.peers.filter((each) => !kept.includes(each)))
      for (const name of [
        'raft_peer_connected',
        'raft_peer_degraded',
        'raft_peer_match_index',
        'raft_peer_lag_entries',
        'raft_peer_inflight_messages',
        'raft_peer_inflight_bytes',
      ] as const)
        this.setOrRemove(name, null, { peer });
    this.peers = kept;
  }

  private oneOf(name: MetricName, label: string, all: Readonly<Record<string, true>>, now: string): void {
    for (const each of Object.keys(all)) this.set(name, Number(each === now), { [label]: each });
  }

  private set(name: MetricName, value: number, more: object = {}): void {
    this.metrics.gauge(name).set({ ...this.labels, ...more }, value);
  }

  private setOrRemove(name: MetricName, value: number | null, more: object = {}): void {
    if (value === null) this.metrics.gauge(name).remove({ ...this.labels, ...more });
    else this.set(name, value, more);
  }

  private count(name: MetricName, total: number, more: object = {}): void {
    const key = JSON.stringify([name, more]);
    const by = total - (this.counted.get(key) ?? 0);
    this.counted.set(key, total);
    // A node that replaced another within this process begins again.
    if (by >= 0) this.metrics.counter(name).inc({ ...this.labels, ...more }, by);
  }
}
