import { NO_REPLICA } from '../../core/base/types';
import type { RaftStatus } from '../../runtime/status/status';
import type { RaftSettings } from '../common/raft-settings';

/** What is known of a node before it is made. */
export function initialStatus(settings: RaftSettings): RaftStatus {
  return {
    phase: 'created',
    reason: '',
    catchingUp: false,
    degraded: null,
    security: null,
    nodeId: settings.nodeId,
    clusterName: settings.clusterName,
    group: settings.group,
    clusterId: '',
    replicaId: NO_REPLICA,
    role: 'follower',
    term: 0,
    leader: null,
    isLeader: false,
    lastIndex: 0,
    durableIndex: 0,
    commitIndex: 0,
    appliedIndex: 0,
    reads: { linearizable: 0, lease: 0, stale: 0, rounds: 0 },
    queues: { calls: 0, parked: 0, forwarded: 0, inLog: 0, reading: 0, persist: 0, apply: 0, uncommittedBytes: 0 },
    ageMs: null,
    firstIndex: 0,
    membershipIndex: 0,
    membershipChanging: false,
    membershipChange: null,
    snapshot: null,
    install: null,
    fetchedBytes: 0,
    longestSliceMs: 0,
    refusedTerms: 0,
    members: [],
  };
}
