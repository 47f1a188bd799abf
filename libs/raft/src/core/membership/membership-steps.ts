import type { Configuration, Member, MembershipTarget } from '../base/configuration';
import type { MembershipChange } from '../base/kernel-api';
import { memberById } from './membership';
import type { ReplicaId } from '../base/types';

/** How long a change may be under way in all, however often its deadline is renewed, where its caller says nothing else. */
const LONGEST_CHANGE_MS = 3_600_000;

/**
 * The first step towards a membership: learners that have to catch up, or, where nobody has to, the joint configuration
 * itself, or, where no vote is given or taken, the membership as it shall be.
 *
 * @param timeMs the cluster's time; undefined where it isn't known yet
 * @returns a sentence without its end where it can't be a membership
 */
export function firstStep(
  current: Configuration,
  change: MembershipChange,
  timeMs: number | undefined,
): Configuration | string {
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
  const members = sortedMembers(wanted.map(({ member }) => member));
  if (sameIds(voters, current.voters)) return { ...current, members, learners, target: null, added: [], nextReplicaId };
  // Those that go stay until the joint configuration is entered, voters until it is left: the change may be cancelled.
  const all = sortedMembers([...members, ...current.members.filter(({ id }) => !ids.has(id))]);
  const isNew = (id: ReplicaId): boolean => id >= current.nextReplicaId || current.added.includes(id);
  const { catchUpTimeoutMs } = change;
  const target = { voters, learners, catchUpTimeoutMs, deadlineMs: null, endsMs: null };
  const step: Configuration = {
    ...current,
    members: all,
    learners: all.map(({ id }) => id).filter((id) => !current.voters.includes(id)),
    target: timeMs === undefined ? target : timedTarget(target, timeMs),
    added: all.map(({ id }) => id).filter(isNew),
    nextReplicaId,
  };
  return voters.every((id) => current.voters.includes(id)) ? jointStep(step) : step;
}

/** The deadline begins to run, or is moved on; never beyond the end. */
export function timedTarget(target: MembershipTarget, timeMs: number): MembershipTarget {
  const endsMs = target.endsMs ?? timeMs + Math.max(LONGEST_CHANGE_MS, Math.ceil(target.catchUpTimeoutMs));
  return { ...target, endsMs, deadlineMs: Math.min(endsMs, timeMs + Math.ceil(target.catchUpTimeoutMs)) };
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
    added: configuration.added.filter((id) => kept.has(id)),
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
    added: [],
  };
}

/**
 * Those that didn't catch up in time stay learners: what they have got isn't lost.
 *
 * @param unheard members that were never heard: those among them that only this change has brought in go again
 */
export function giveUpStep(configuration: Configuration, unheard: readonly ReplicaId[]): Configuration {
  return without(
    { ...configuration, target: null, added: [] },
    unheard.filter((id) => configuration.added.includes(id)),
  );
}

/** Nobody has got or lost a vote yet, so the change is as if it hadn't been: who was to go stays, and who came with it goes. */
export function cancelStep(configuration: Configuration): Configuration {
  return without({ ...configuration, target: null, added: [] }, configuration.added);
}

/**
 * Out of a joint configuration, back to the half that it came from. As with every entry in it both halves decide: a majority
 * of the old half alone could go back while one of the new half alone goes on (thesis §4.3).
 */
export function returnStep(configuration: Configuration): Configuration {
  const { voters, outgoing, added } = configuration;
  const learners = sortedIds([...configuration.learners, ...voters.filter((id) => !outgoing.includes(id))]);
  return without(
    { ...configuration, voters: outgoing, outgoing: [], learners, learnersNext: [], autoLeave: false, added: [] },
    added,
  );
}

function without(configuration: Configuration, gone: readonly ReplicaId[]): Configuration {
  return {
    ...configuration,
    members: configuration.members.filter(({ id }) => !gone.includes(id)),
    learners: configuration.learners.filter((id) => !gone.includes(id)),
  };
}

/**
 * A member may have come to the place of one that is dead: what stands in the log already must keep nothing from being changed.
 *
 * @returns the address that this change would give to two
 */
function addressTaken(current: Configuration, members: MembershipChange['members']): string | undefined {
  const isAsBefore = ({ id, peer }: Member): boolean => memberById(current, id)?.peer === peer;
  return members.find(
    (member, at) => !isAsBefore(member) && members.some((other, place) => place !== at && other.peer === member.peer),
  )?.peer;
}

function problemOf(current: Configuration, { members, catchUpTimeoutMs }: MembershipChange): string | undefined {
  if (!members.some(({ voter }) => voter)) return 'it has no voter, and the last voter cannot be removed';
  if (!(catchUpTimeoutMs > 0) || !Number.isFinite(catchUpTimeoutMs))
    return `catchUpTimeoutMs is ${catchUpTimeoutMs}, and must be a number of milliseconds above 0`;
  const given = members.filter(({ id }) => id !== 0);
  for (const [what, values] of [
    ['replica id', given.map(({ id }) => String(id))],
    ['name', members.map(({ name }) => name)],
    ['store', members.map(({ incarnation }) => incarnation)],
  ] as const) {
    const twice = values.find((value, at) => values.indexOf(value) !== at);
    if (twice !== undefined) return `two members have the ${what} '${twice}'`;
  }
  const shared = addressTaken(current, members);
  if (shared !== undefined) return `two members have the peer address '${shared}'`;
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

export function sameIds(left: readonly ReplicaId[], right: readonly ReplicaId[]): boolean {
  return left.length === right.length && left.every((id, at) => id === right[at]);
}
