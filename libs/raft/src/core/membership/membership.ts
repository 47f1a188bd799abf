/** Questions about a configuration: who is a voter, who is a learner, and under which id or name. */

import type { Configuration, Member } from '../base/configuration';
import { invariant } from '../base/invariant';
import type { ReplicaId } from '../base/types';

/** A founder as genesis knows it. */
export type Founder = Omit<Member, 'id'>;

/** @returns the first configuration: every founder a voter, with replica ids from 1 in the order given */
export function initialConfiguration(founders: readonly Founder[]): Configuration {
  const members = founders.map((founder, position) => ({ ...founder, id: position + 1 }));
  return {
    members,
    voters: members.map((member) => member.id),
    outgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
    target: null,
    added: [],
    nextReplicaId: members.length + 1,
  };
}

export function memberById(configuration: Configuration, id: ReplicaId): Member | undefined {
  return configuration.members.find((member) => member.id === id);
}

/** @returns the newest replica of that name: one whose store was lost may be a member until another has taken its place */
export function memberByName(configuration: Configuration, name: string): Member | undefined {
  return configuration.members.findLast((member) => member.name === name);
}

/** Whether the replica has a vote, in either half of a joint configuration. */
export function isVoter(configuration: Configuration, id: ReplicaId): boolean {
  return configuration.voters.includes(id) || configuration.outgoing.includes(id);
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0;
}

export function isSoleVoter(configuration: Configuration, id: ReplicaId): boolean {
  return configuration.voters.length === 1 && configuration.voters[0] === id && !isJoint(configuration);
}

/** Ids are given out in order and never again, so one below the next that isn't a member was removed. */
export function wasRemoved(configuration: Configuration, id: ReplicaId): boolean {
  return id < configuration.nextReplicaId && memberById(configuration, id) === undefined;
}

/** @throws InvariantError where the parts of a configuration contradict each other */
export function checkConfiguration(configuration: Configuration): void {
  const { members, voters, outgoing, learners, learnersNext, target, added, nextReplicaId } = configuration;
  const targeted = target === null ? [] : [target.voters, target.learners];
  const ids = members.map((member) => member.id);
  const known = (list: readonly ReplicaId[]): boolean => list.every((id) => ids.includes(id));
  const describe = (what: string) => (): string => `configuration ${JSON.stringify(configuration)}: ${what}`;
  for (const list of [ids, voters, outgoing, learners, learnersNext, added, ...targeted])
    invariant(
      list.every(
        (id, at) => Number.isSafeInteger(id) && id > 0 && id < nextReplicaId && (at === 0 || list[at - 1]! < id),
      ),
      describe('replica ids must be ascending, without repetition, and below the next one to be given out'),
    );
  invariant(voters.length > 0, describe('it has no voter'));
  invariant(
    [voters, outgoing, learners, learnersNext, added, ...targeted].every(known),
    describe('it names a replica that is no member'),
  );
  invariant(
    learners.every((id) => !voters.includes(id) && !outgoing.includes(id)),
    describe('a learner has a vote'),
  );
  invariant(
    learnersNext.every((id) => outgoing.includes(id) && !voters.includes(id)),
    describe('only an outgoing voter can become a learner'),
  );
  invariant(
    added.length === 0 || target !== null || outgoing.length > 0,
    describe('it has members of a change, and none is under way'),
  );
  invariant(
    added.every((id) => !outgoing.includes(id) && (outgoing.length > 0 || !voters.includes(id))),
    describe('a member that the change has brought in had a vote before'),
  );
  if (target === null) return;
  invariant(target.voters.length > 0, describe('its target has no voter'));
  invariant(
    target.learners.every((id) => !target.voters.includes(id)),
    describe('its target has a learner with a vote'),
  );
  invariant(outgoing.length === 0, describe('a joint configuration is to be left before another change'));
}

/** Whether two memberships are the same but for where their members are reached. */
export function differInAddressesOnly(before: Configuration, after: Configuration): boolean {
  return JSON.stringify(withoutAddresses(before)) === JSON.stringify(withoutAddresses(after));
}

function withoutAddresses(configuration: Configuration): unknown {
  const { members, voters, outgoing, learners, learnersNext, autoLeave, target, added, nextReplicaId } = configuration;
  const bound = members.map(({ id, name, incarnation }) => [id, name, incarnation]);
  return [bound, voters, outgoing, learners, learnersNext, autoLeave, target, added, nextReplicaId];
}
