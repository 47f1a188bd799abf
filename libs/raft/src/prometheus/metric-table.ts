/** One metric: what it is called, and what it means. @publicApi */
export interface MetricDefinition {
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  /** Beside `group` and `node`, which all have. */
  readonly labels: readonly string[];
  /** Of a histogram: the upper bounds. */
  readonly buckets?: readonly number[];
}

/** From a tenth of a millisecond (memory) to ten seconds (a deadline). */
const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const COUNTS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];

const gauge = (help: string, ...labels: string[]): MetricDefinition => ({ type: 'gauge', help, labels });
const counter = (help: string, ...labels: string[]): MetricDefinition => ({ type: 'counter', help, labels });
const seconds = (help: string, ...labels: string[]): MetricDefinition => ({
  type: 'histogram',
  help,
  labels,
  buckets: SECONDS,
});

/**
 * Every metric, by its name. The names are as stable as the API; `docs/guides/operations.md` has the same table.
 *
 * @publicApi
 */
export const METRICS = {
  raft_phase: gauge('1 for the phase that the node is in, 0 for the others', 'phase'),
  raft_degraded: gauge('1 while the store of the node fails or stalls, or committed entries are not applied'),
  raft_role: gauge('1 for the role that the node has, 0 for the others', 'role'),
  raft_is_leader: gauge('1 where the node leads and has committed in its term'),
  raft_has_leader: gauge('1 where the node knows a leader'),
  raft_term: gauge('The term'),
  raft_last_index: gauge('The last index of the log'),
  raft_durable_index: gauge('The last index that is durable on this node'),
  raft_commit_index: gauge('The last index that is known to be committed'),
  raft_applied_index: gauge('The last index that is applied'),
  raft_first_index: gauge('The first index that is still in the log'),
  raft_state_age_seconds: gauge('How old the state of the node is at most; absent where nothing is known of it'),
  raft_members: gauge('The members, by role', 'role'),
  raft_membership_changing: gauge('1 while a change of the membership is under way'),
  raft_peer_connected: gauge('1 where the connection to the peer stands', 'peer'),
  raft_peer_degraded: gauge('1 where the peer says that it is degraded, or does not answer; on the leader', 'peer'),
  raft_peer_match_index: gauge('The last index that the peer is known to hold; on the leader', 'peer'),
  raft_peer_lag_entries: gauge('Entries of the log that the peer is not known to hold; on the leader', 'peer'),
  raft_peer_inflight_messages: gauge('Appends to the peer without an answer; on the leader, each second', 'peer'),
  raft_peer_inflight_bytes: gauge('Bytes of those appends; on the leader, each second', 'peer'),
  raft_queue_length: gauge(
    'What waits: calls, parked, forwarded, inLog, reading (calls), persist, apply (entries)',
    'queue',
  ),
  raft_uncommitted_bytes: gauge('Bytes of entries in the log of the leader that are not committed'),
  raft_snapshot_index: gauge('The last index that the newest snapshot covers'),
  raft_snapshot_size_bytes: gauge('The size of the newest snapshot'),
  raft_longest_slice_seconds: gauge('The longest time that one slice of work held the event loop since the start'),
  raft_event_loop_delay_seconds: gauge(
    'The delay of the event loop since the last scrape: quantiles 0.5, 0.99 and 1',
    'quantile',
  ),
  raft_elections_total: counter('Campaigns of this node, by stage: preVote, vote, won, lost', 'stage'),
  raft_leader_changes_total: counter('How often another leader came to be known'),
  raft_proposals_total: counter(
    'Commands that were answered, by origin (caller, peer) and outcome',
    'origin',
    'outcome',
  ),
  raft_reads_total: counter('Reads that this node confirmed or served, by consistency', 'consistency'),
  raft_read_rounds_total: counter('Rounds of heartbeats that were sent for reads'),
  raft_persisted_entries_total: counter('Entries that were made durable on this node'),
  raft_persisted_bytes_total: counter('Bytes of those entries'),
  raft_applied_entries_total: counter('Entries that were applied'),
  raft_peer_losses_total: counter('How often the connection to the peer was lost', 'peer'),
  raft_snapshot_fetched_bytes_total: counter('Bytes of snapshots that came from other nodes'),
  raft_proposal_duration_seconds: seconds('From the call of a command to its answer', 'origin'),
  raft_read_duration_seconds: seconds('From the call of a read to its answer', 'kind'),
  raft_persist_duration_seconds: seconds('How long the store took for a batch'),
  raft_persist_batch_entries: {
    type: 'histogram',
    help: 'How many entries went to the store in one batch',
    labels: [],
    buckets: COUNTS,
  },
  raft_apply_duration_seconds: seconds('How long the state machine took for a slice of entries'),
  raft_round_trip_seconds: seconds(
    'How long a peer took to answer an append or a heartbeat; on the leader',
    'peer',
    'kind',
  ),
  raft_snapshot_duration_seconds: seconds('How long it took to take, send or install a snapshot', 'kind'),
} as const satisfies Readonly<Record<string, MetricDefinition>>;

/** @publicApi */
export type MetricName = keyof typeof METRICS;
