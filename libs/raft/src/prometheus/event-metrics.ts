import type { NodeEvents } from '../runtime/events/node-events';
import type { MetricSet } from './metric-set';
import type { MetricName } from './metric-table';

/** What every metric of a node is told apart by. */
export interface NodeLabels {
  readonly group: string;
  readonly node: string;
}

/**
 * Counts and times what a node tells of its work.
 *
 * @returns a function that ends it
 */
export function countEvents(events: NodeEvents, metrics: MetricSet, labels: NodeLabels): () => void {
  const count = (name: MetricName, more: object = {}, by = 1): void =>
    metrics.counter(name).inc({ ...labels, ...more }, by);
  const time = (name: MetricName, durationMs: number, more: object = {}): void =>
    metrics.histogram(name).observe({ ...labels, ...more }, durationMs / 1000);
  let leader: string | null = null;
  const ends = [
    events.on('proposal', ({ origin, outcome, durationMs }) => {
      count('raft_proposals_total', { origin, outcome });
      time('raft_proposal_duration_seconds', durationMs, { origin });
    }),
    events.on('read', ({ kind, durationMs }) => time('raft_read_duration_seconds', durationMs, { kind })),
    events.on('persist', ({ entries, bytes, durationMs }) => {
      time('raft_persist_duration_seconds', durationMs);
      if (entries === 0) return;
      count('raft_persisted_entries_total', {}, entries);
      count('raft_persisted_bytes_total', {}, bytes);
      metrics.histogram('raft_persist_batch_entries').observe({ ...labels }, entries);
    }),
    events.on('apply', ({ entries, durationMs }) => {
      count('raft_applied_entries_total', {}, entries);
      time('raft_apply_duration_seconds', durationMs);
    }),
    events.on('election', ({ stage }) => count('raft_elections_total', { stage })),
    events.on('leadership', (change) => {
      if (change.leader !== null && change.leader !== leader) count('raft_leader_changes_total');
      leader = change.leader ?? leader;
    }),
    events.on('round-trip', ({ peer, kind, durationMs }) =>
      time('raft_round_trip_seconds', durationMs, { peer, kind }),
    ),
    events.on('snapshot-taken', ({ durationMs }) =>
      time('raft_snapshot_duration_seconds', durationMs, { kind: 'taken' }),
    ),
    events.on('snapshot-sent', ({ durationMs }) =>
      time('raft_snapshot_duration_seconds', durationMs, { kind: 'sent' }),
    ),
    events.on('snapshot-installed', ({ durationMs }) =>
      time('raft_snapshot_duration_seconds', durationMs, { kind: 'installed' }),
    ),
    events.on('peer', ({ peer, state }) => {
      if (state === 'lost') count('raft_peer_losses_total', { peer });
    }),
    events.on('queues', ({ peers }) => {
      for (const { peer, inflightMessages, inflightBytes } of peers) {
        metrics.gauge('raft_peer_inflight_messages').set({ ...labels, peer }, inflightMessages);
        metrics.gauge('raft_peer_inflight_bytes').set({ ...labels, peer }, inflightBytes);
      }
    }),
  ];
  return () => ends.forEach((end) => end());
}
