import type { KernelStatus } from '../../core/base/effects';
import type { Kernel, ReplicaProgress } from '../../core/base/kernel-api';
import { NO_REPLICA } from '../../core/base/types';
import { isChanging, roleOf } from '../status/membership-view';
import { pendingChangeOf } from '../status/pending-change';
import { securityOf } from '../options/peer-security';
import type { PeerLinks } from '../peers/peer-links';
import type { RaftNodeOptions } from '../options/raft-node-options';
import type { Replica } from '../replica/replica';
import type { LeaderStatus, MemberStatus, QueueLengths, RaftPhase, RaftStatus } from '../status/status';

const NOT_RUNNING: KernelStatus = { role: 'follower', term: 0, leader: NO_REPLICA, committedInTerm: false };

const NO_READS = Object.freeze({ linearizable: 0, lease: 0, stale: 0, rounds: 0 });

/** Describes a node; before genesis there is no replica, and the founders take the members' place. */
export function statusOf(
  options: RaftNodeOptions,
  phase: RaftPhase,
  reason: string,
  replica: Replica | undefined,
  links: PeerLinks,
  queues: QueueLengths,
): Omit<RaftStatus, 'refusedTerms'> {
  const kernel = replica?.kernel;
  // A node that has stopped leads nobody, whatever its kernel last believed.
  const { role, term, leader, committedInTerm } =
    phase === 'running' || phase === 'stopping' ? statusIn(kernel) : NOT_RUNNING;
  return {
    phase,
    reason,
    degraded: (phase === 'running' ? replica?.degradation : undefined) ?? null,
    catchingUp: role === 'learner' && replica !== undefined && isCatchingUp(replica),
    security: securityOf(options.transport.protection),
    nodeId: options.nodeId,
    clusterName: options.clusterName,
    group: options.groupId,
    clusterId: replica?.clusterId ?? '',
    replicaId: replica?.replicaId ?? NO_REPLICA,
    role,
    term: kernel?.status.term ?? term,
    leader: leaderIn(leader, links),
    isLeader: role === 'leader' && committedInTerm,
    lastIndex: kernel?.lastIndex ?? 0,
    durableIndex: kernel?.durableIndex ?? 0,
    commitIndex: kernel?.commitIndex ?? 0,
    appliedIndex: replica?.appliedIndex ?? 0,
    reads: replica === undefined ? NO_READS : { ...replica.reads.counts, rounds: replica.kernel.readRounds },
    queues,
    ageMs: replica?.ageMs ?? null,
    firstIndex: kernel?.firstIndex ?? 0,
    snapshot: replica?.snapshots.info ?? null,
    install: replica?.snapshots.installStatus ?? null,
    fetchedBytes: replica?.snapshots.fetchedBytes ?? 0,
    longestSliceMs: replica?.snapshots.longestSliceMs ?? 0,
    members:
      replica === undefined
        ? founderStatuses(options, links)
        : memberStatuses(replica, links, options.electionTimeoutMs),
    membershipIndex: kernel?.configuration.index ?? 0,
    membershipChanging: kernel !== undefined && isChanging(kernel.configuration.configuration),
    membershipChange: kernel === undefined ? null : pendingChangeOf(kernel, options.electionTimeoutMs),
  };
}

function isCatchingUp({ kernel, replicaId, ageMs }: Replica): boolean {
  return ageMs === undefined || kernel.configuration.configuration.target?.voters.includes(replicaId) === true;
}

function statusIn(kernel: Kernel | undefined): KernelStatus {
  return kernel?.status ?? NOT_RUNNING;
}

export function leaderIn(leader: number, links: PeerLinks): LeaderStatus | null {
  const member = links.routes.memberOf(leader);
  if (member === undefined) return null;
  const { id, name, peer, http } = member;
  return { id, name, peer, http };
}

function memberStatuses(replica: Replica, links: PeerLinks, electionTimeoutMs: number): readonly MemberStatus[] {
  const { members, voters, outgoing } = replica.kernel.configuration.configuration;
  const progress = new Map(replica.kernel.progress().map((each) => [each.id, each]));
  return members.map((member): MemberStatus => {
    const { id, name, peer, http } = member;
    const isSelf = id === replica.replicaId;
    const link = links.routes.stateOfReplica(id);
    const known = progress.get(id);
    return {
      id,
      name,
      peer,
      http,
      voter: voters.includes(id) || outgoing.includes(id),
      role: roleOf(replica.kernel.configuration.configuration, id),
      connection: isSelf ? 'self' : link.state,
      connectionDetail: isSelf ? '' : link.detail,
      matchIndex: known?.matchIndex ?? null,
      appliedIndex: known?.appliedIndex ?? null,
      replication: known?.state ?? null,
      health:
        isSelf && progress.size > 0
          ? ownHealth(replica)
          : known === undefined
            ? null
            : healthOf(known, electionTimeoutMs),
      caughtUp: known?.isCaughtUp ?? null,
    };
  });
}

function ownHealth({ degradation }: Replica): 'well' | 'degraded' {
  return degradation === undefined ? 'well' : 'degraded';
}

function healthOf(
  { silentMs, storeStalls }: ReplicaProgress,
  electionTimeoutMs: number,
): 'well' | 'degraded' | 'silent' {
  if (silentMs >= electionTimeoutMs) return 'silent';
  return storeStalls ? 'degraded' : 'well';
}

function founderStatuses(options: RaftNodeOptions, links: PeerLinks): readonly MemberStatus[] {
  return options.founders.map(({ id: name, peer, http }): MemberStatus => {
    const isSelf = name === options.nodeId;
    const link = links.routes.stateOf(peer);
    return {
      id: NO_REPLICA,
      name,
      peer,
      http: http ?? '',
      voter: false,
      role: 'voter',
      connection: isSelf ? 'self' : link.state,
      connectionDetail: isSelf ? '' : link.detail,
      matchIndex: null,
      appliedIndex: null,
      replication: null,
      health: null,
      caughtUp: null,
    };
  });
}

/** Which members answer, which don't, and why: for the line that is written while there is no leader. */
export function describeMembers(members: readonly MemberStatus[], advertise: string): string {
  return members
    .map(({ name, peer, connection, connectionDetail }) => {
      if (connection === 'self')
        return peer === advertise
          ? `${name} is this node`
          : `${name} is this node, at ${advertise}, and the membership has it at ${peer}`;
      if (connection === 'connected') return `${name} answers`;
      return `${name} at ${peer} doesn't (${connectionDetail === '' ? connection : `${connection}: ${connectionDetail}`})`;
    })
    .join('; ');
}
