import type { Configuration } from '../base/configuration';
import { InvariantError } from '../base/invariant';
import {
  checkConfiguration,
  initialConfiguration,
  isJoint,
  isSoleVoter,
  isVoter,
  memberById,
  memberByName,
  wasRemoved,
} from './membership';

const founder = (name: string) => ({
  name,
  peer: `${name}:7001`,
  http: `http://${name}`,
  incarnation: `store-${name}`,
});
const genesis = initialConfiguration([founder('a'), founder('b'), founder('c')]);

/** Members 1 to 5; 1, 2 and 3 vote; 4 learns; replica 6 was removed. */
const five: Configuration = {
  ...initialConfiguration(['a', 'b', 'c', 'd', 'e'].map(founder)),
  voters: [1, 2, 3],
  learners: [4, 5],
  nextReplicaId: 7,
};
const joint: Configuration = { ...five, voters: [1, 4], outgoing: [1, 2, 3], learners: [5], learnersNext: [2] };

describe('membership', () => {
  it('genesis makes every founder a voter, with replica ids from 1 in the order given', () => {
    expect(genesis.members.map(({ id, name }) => [id, name])).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ]);
    expect(genesis).toMatchObject({ voters: [1, 2, 3], outgoing: [], learners: [], nextReplicaId: 4 });
    expect(memberById(genesis, 2)).toBe(memberByName(genesis, 'b'));
    expect(memberById(genesis, 2)?.incarnation).toBe('store-b');
  });

  it.each<[string, Configuration, number[]]>([
    ['every founder', genesis, [1, 2, 3]],
    ['no learner', five, [1, 2, 3]],
    ['both halves of a joint configuration', joint, [1, 2, 3, 4]],
  ])('%s has a vote', (_, configuration, voters) => {
    expect([1, 2, 3, 4, 5, 6].filter((id) => isVoter(configuration, id))).toEqual(voters);
  });

  it('only a replica that is the one voter, of no joint configuration, decides by itself', () => {
    const alone: Configuration = { ...five, voters: [1], learners: [2] };

    expect(isSoleVoter(alone, 1)).toBe(true);
    expect(isSoleVoter(alone, 2)).toBe(false);
    expect(isSoleVoter(genesis, 1)).toBe(false);
    expect(isSoleVoter({ ...alone, learners: [], outgoing: [1, 2] }, 1)).toBe(false);
    expect([isJoint(alone), isJoint(joint)]).toEqual([false, true]);
  });

  it('an id that was given out and is no member was removed; one that was never given out was not', () => {
    expect([5, 6, 7, 100].map((id) => wasRemoved(five, id))).toEqual([false, true, false, false]);
  });

  it.each<[string, Configuration]>([
    ['genesis', genesis],
    ['learners and a removed id', five],
    ['a joint configuration', joint],
  ])('accepts %s', (_, configuration) => {
    expect(() => checkConfiguration(configuration)).not.toThrow();
  });

  it.each<[string, Configuration]>([
    ['without a voter', { ...five, voters: [] }],
    ['with a voter that is no member', { ...five, voters: [1, 2, 6] }],
    ['with a learner that is no member', { ...five, learners: [6] }],
    ['with an outgoing voter that is no member', { ...joint, outgoing: [1, 6] }],
    ['with a voter twice', { ...five, voters: [1, 1, 2] }],
    ['with voters out of order', { ...five, voters: [2, 1] }],
    ['with a replica id that is still to be given out', { ...five, nextReplicaId: 5 }],
    ['with the replica id 0', { ...five, voters: [0, 1] }],
    ['with a member twice', { ...five, members: [...five.members, five.members[4]!] }],
    ['with a learner that votes', { ...five, learners: [3, 4] }],
    ['with a learner that votes in the outgoing half', { ...joint, learners: [3, 5] }],
    ['with a learner-to-be that is no outgoing voter', { ...joint, learnersNext: [5] }],
    ['with a learner-to-be that stays a voter', { ...joint, learnersNext: [1] }],
  ])('refuses a configuration %s', (_, configuration) => {
    expect(() => checkConfiguration(configuration)).toThrow(InvariantError);
  });
});
