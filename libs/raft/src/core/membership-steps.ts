import type { Configuration, Member } from './configuration';
import type { MembershipChange } from './kernel-api';
import { memberById } from './membership';
import type { ReplicaId } from './types';

/**
 * The first step towards a membership: learners that have to catch up, or, where nobody has to, the joint configuration
 * itself, or, where no vote is given or taken, the membership as it shall be.
 *
 * @returns a sentence without its end where it can't be a membership
 */
export function firstStep(current: Configuration, change: MembershipChange): Configuration | string {
  const problem = problemOf(current, change);
  if (problem !== undefined) return problem;
  let nextReplicaId = current.nextReplicaId;
  const wanted = change.members.map(({ voter, id, name, peer, http, incarnation }) => ({
    voter,
    member: { id: id === 0 ? nextReplicaId++ : id, name, peer, http, incarnation },
  }));
  const voters = sortedIds(wanted.filter(({ voter }) => voter).map(({ member }) => member.id));
  const learners = sortedIds(wanted.filter(({ voter }) => !voter).map(({ member }) => member.id));
  const ids = new Set([...voters, ...learners]);
  // A voter that goes keeps its vote until the joint configuration is left.
  const leaving = current.members.filter(({ id }) => !ids.has(id) && current.voters.includes(id));
  const members = sortedMembers([...wanted.map(({ member }) => member), ...leaving]);
  const base = { ...current, members, nextReplicaId };
  if (sameIds(voters, current.voters)) return { ...base, learners, target: null };
  const step: Configuration = {
    ...base,
    learners: members.map(({ id }) => id).filter((id) => !current.voters.includes(id)),
    target: { voters, learners, catchUpTimeoutMs: change.catchUpTimeoutMs },
  };
  return voters.every((id) => current.voters.includes(id)) ? jointStep(step) : step;
}

/** Both halves decide from here on (thesis §4.3). */
export function jointStep(configuration: Configuration): Configuration {
  const { target, voters: outgoing } = configuration;
  if (target === null) return configuration;
  const learnersNext = target.learners.filter((id) => outgoing.includes(id));
  const learners = target.learners.filter((id) => !outgoing.includes(id));
  const kept = new Set([...target.voters, ...outgoing, ...learners]);
  return {
    ...configuration,
    members: configuration.members.filter(({ id }) => kept.has(id)),
    voters: target.voters,
    outgoing,
    learners,
    learnersNext,
    autoLeave: true,
    target: null,
  };
}

/** The new half alone decides from here on. */
export function leaveStep(configuration: Configuration): Configuration {
  const learners = sortedIds([...configuration.learners, ...configuration.learnersNext]);
  const kept = new Set([...configuration.voters, ...learners]);
  return {
    ...configuration,
    members: configuration.members.filter(({ id }) => kept.has(id)),
    outgoing: [],
    learners,
    learnersNext: [],
    autoLeave: false,
  };
}

/** Those that didn't catch up stay learners: what they have got isn't lost. */
export function giveUpStep(configuration: Configuration): Configuration {
  return { ...configuration, target: null };
}

function problemOf(current: Configuration, { members, catchUpTimeoutMs }: MembershipChange): string | undefined {
  if (!members.some(({ voter }) => voter)) return 'it has no voter, and the last voter cannot be removed';
  if (!(catchUpTimeoutMs > 0) || !Number.isFinite(catchUpTimeoutMs))
    return `catchUpTimeoutMs is ${catchUpTimeoutMs}, and must be a number of milliseconds above 0`;
  const given = members.filter(({ id }) => id !== 0);
  for (const [what, values] of [
    ['replica id', given.map(({ id }) => String(id))],
    ['name', members.map(({ name }) => name)],
    ['peer address', members.map(({ peer }) => peer)],
    ['store', members.map(({ incarnation }) => incarnation)],
  ] as const) {
    const twice = values.find((value, at) => values.indexOf(value) !== at);
    if (twice !== undefined) return `two members have the ${what} '${twice}'`;
  }
  for (const member of members) {
    if ([member.name, member.peer, member.incarnation].includes(''))
      return `the member '${member.name}' lacks a name, a peer address or the incarnation of its store`;
    const known = memberById(current, member.id);
    if (member.id !== 0 && known === undefined)
      return `replica ${member.id} is no member; ids are given out by the cluster, and never again`;
    if (known !== undefined && known.incarnation !== member.incarnation)
      return `replica ${member.id} ('${known.name}') is bound to another store; a new store is a new replica`;
  }
  const held = current.members.map(({ incarnation }) => incarnation);
  const again = members.find(({ id, incarnation }) => id === 0 && held.includes(incarnation));
  return again === undefined ? undefined : `the store of '${again.name}' is a member's already`;
}

function sortedIds(ids: readonly ReplicaId[]): ReplicaId[] {
  return [...new Set(ids)].sort((left, right) => left - right);
}

function sortedMembers(members: readonly Member[]): Member[] {
  return [...members].sort((left, right) => left.id - right.id);
}

function sameIds(left: readonly ReplicaId[], right: readonly ReplicaId[]): boolean {
  return left.length === right.length && left.every((id, at) => id === right[at]);
}
