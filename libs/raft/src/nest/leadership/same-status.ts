import type { LeaderStatus, MemberStatus, RaftStatus } from '../../runtime/status/status';

export function isSameLeader(before: LeaderStatus | null, now: LeaderStatus | null): boolean {
  return before?.id === now?.id && before?.http === now?.http && before?.peer === now?.peer;
}

/** Whether two states differ in nothing but what counts on: indexes, reads, bytes, slices. */
export function isSameStatus(before: RaftStatus, now: RaftStatus): boolean {
  return (
    before.phase === now.phase &&
    before.reason === now.reason &&
    before.degraded?.reason === now.degraded?.reason &&
    before.role === now.role &&
    before.term === now.term &&
    before.isLeader === now.isLeader &&
    before.clusterId === now.clusterId &&
    before.replicaId === now.replicaId &&
    before.membershipIndex === now.membershipIndex &&
    before.membershipChanging === now.membershipChanging &&
    before.snapshot?.index === now.snapshot?.index &&
    (before.install === null) === (now.install === null) &&
    isSameLeader(before.leader, now.leader) &&
    before.members.length === now.members.length &&
    before.members.every((member, position) => isSameMember(member, now.members[position]!))
  );
}

function isSameMember(before: MemberStatus, now: MemberStatus): boolean {
  return (
    before.id === now.id &&
    before.name === now.name &&
    before.peer === now.peer &&
    before.http === now.http &&
    before.role === now.role &&
    before.connection === now.connection &&
    before.connectionDetail === now.connectionDetail &&
    before.caughtUp === now.caughtUp
  );
}
