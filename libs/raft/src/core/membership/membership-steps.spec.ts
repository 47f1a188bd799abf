import * as fc from 'fast-check';
import type { Configuration } from '../base/configuration';
import { decodeConfiguration, encodeConfiguration } from './configuration-codec';
import type { MembershipChange } from '../base/kernel-api';
import { checkConfiguration, isJoint, memberById, wasRemoved } from './membership';
import { cancelStep, firstStep, giveUpStep, jointStep, leaveStep, returnStep, timedTarget } from './membership-steps';

const member = (id: number) => ({ id, name: `n${id}`, peer: `n${id}:1`, http: '', incarnation: `store-${id}` });

/** Any settled membership of up to five of the replicas 1 to 6. */
const memberships = fc
  .record({
    ids: fc.subarray([1, 2, 3, 4, 5, 6], { minLength: 1, maxLength: 5 }),
    votes: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
  })
  .filter(({ ids, votes }) => ids.some((id) => votes[id - 1]))
  .map(({ ids, votes }): Configuration => {
    const voters = ids.filter((id) => votes[id - 1]);
    return {
      members: ids.map(member),
      voters,
      outgoing: [],
      learners: ids.filter((id) => !voters.includes(id)),
      learnersNext: [],
      autoLeave: false,
      target: null,
      added: [],
      nextReplicaId: 7,
    };
  });

/** A change of it: some stay, with a vote or without, and up to three come. */
const changes = fc
  .tuple(
    memberships,
    fc.array(fc.constantFrom('voter', 'learner', 'gone'), { minLength: 6, maxLength: 6 }),
    fc.array(fc.boolean(), { maxLength: 3 }),
  )
  .map(([current, parts, come]): { current: Configuration; change: MembershipChange } => {
    const stay = current.members
      .filter(({ id }) => parts[id - 1] !== 'gone')
      .map((each) => ({ ...each, voter: parts[each.id - 1] === 'voter' }));
    const joining = come.map((voter, at) => ({ ...member(100 + at), id: 0, voter }));
    return { current, change: { members: [...stay, ...joining], force: false, catchUpTimeoutMs: 1000 } };
  })
  .filter(({ change }) => change.members.some(({ voter }) => voter));

/** Every configuration that the change goes through, the settled one at its end. */
function walk(current: Configuration, change: MembershipChange): readonly Configuration[] {
  const first = firstStep(current, change, 5000);
  if (typeof first === 'string') throw new Error(first);
  const steps = [first];
  if (first.target !== null) steps.push(jointStep(first));
  if (isJoint(steps.at(-1)!)) steps.push(leaveStep(steps.at(-1)!));
  return steps;
}

function subsets(ids: readonly number[]): readonly (readonly number[])[] {
  return ids.reduce<number[][]>((sets, id) => [...sets, ...sets.map((set) => [...set, id])], [[]]);
}

/** By the definition: more than half of each half that there is. */
function decides({ voters, outgoing }: Configuration, set: readonly number[]): boolean {
  return [voters, outgoing].every(
    (half) => half.length === 0 || 2 * half.filter((id) => set.includes(id)).length > half.length,
  );
}

describe('the steps of a change of the membership', () => {
  it('trap 24: one after the other, they have no two sets of replicas that both decide and have none in common', () => {
    fc.assert(
      fc.property(changes, ({ current, change }) => {
        const all = [current, ...walk(current, change)];
        for (let at = 1; at < all.length; at++) {
          const [before, after] = [all[at - 1]!, all[at]!];
          const ids = [...new Set([before, after].flatMap(({ voters, outgoing }) => [...voters, ...outgoing]))];
          for (const set of subsets(ids)) {
            const others = ids.filter((id) => !set.includes(id));
            expect(decides(before, set) && decides(after, others)).toBe(false);
          }
        }
      }),
    );
  });

  it('are sound each, and end where they were to: the members asked for, with the votes asked for, new ones under new ids', () => {
    fc.assert(
      fc.property(changes, ({ current, change }) => {
        const steps = walk(current, change);
        steps.forEach(checkConfiguration);
        const end = steps.at(-1)!;
        expect([isJoint(end), end.target]).toEqual([false, null]);
        const asked = change.members.map(({ name, voter }) => `${name} ${voter}`).toSorted();
        const found = end.members.map(({ id, name }) => `${name} ${end.voters.includes(id)}`).toSorted();
        expect(found).toEqual(asked);
        for (const { id, name } of end.members) {
          const isNew = memberById(current, id) === undefined;
          expect(isNew).toBe(!current.members.some((each) => each.name === name));
          if (isNew) expect(id).toBeGreaterThanOrEqual(current.nextReplicaId);
        }
      }),
    );
  });

  it('trap 19: never take an id back: who goes is removed for good, through all steps that follow', () => {
    fc.assert(
      fc.property(changes, ({ current, change }) => {
        let gone: readonly number[] = [];
        for (const step of walk(current, change)) {
          for (const id of gone) expect(wasRemoved(step, id)).toBe(true);
          gone = [...Array.from({ length: step.nextReplicaId - 1 }, (_, at) => at + 1)].filter((id) =>
            wasRemoved(step, id),
          );
        }
      }),
    );
  });

  it('a change that is given up takes nobody’s vote and gives none', () => {
    fc.assert(
      fc.property(changes, ({ current, change }) => {
        const first = firstStep(current, change, 5000) as Configuration;
        if (first.target === null) return;
        const left = giveUpStep(first, []);
        checkConfiguration(left);
        expect([left.voters, left.outgoing, left.target]).toEqual([current.voters, [], null]);
      }),
    );
  });

  it('a change that is cancelled while members catch up leaves no trace but the ids that it gave out', () => {
    fc.assert(
      fc.property(changes, ({ current, change }) => {
        const first = firstStep(current, change, 5000) as Configuration;
        if (first.target === null) return;
        const cancelled = cancelStep(first);
        checkConfiguration(cancelled);
        expect({ ...cancelled, nextReplicaId: current.nextReplicaId }).toEqual(current);
      }),
    );
  });

  it('a joint configuration is left to where it came from, without the members that the change brought in', () => {
    fc.assert(
      fc.property(changes, ({ current, change }) => {
        const joint = walk(current, change).find(isJoint);
        if (joint === undefined) return;
        const back = returnStep(joint);
        checkConfiguration(back);
        expect([back.voters, back.outgoing, back.added, back.learnersNext]).toEqual([current.voters, [], [], []]);
        for (const { id } of back.members) expect(memberById(current, id)).toBeDefined();
        // Two majorities decide it: no two sets that both decide have none in common.
        const ids = [...new Set([...joint.voters, ...joint.outgoing])];
        for (const set of subsets(ids))
          expect(
            decides(joint, set) &&
              decides(
                back,
                ids.filter((id) => !set.includes(id)),
              ),
          ).toBe(false);
      }),
    );
  });

  it('of a change that is given up only those go that it brought in and nobody has heard', () => {
    fc.assert(
      fc.property(changes, ({ current, change }) => {
        const first = firstStep(current, change, 5000) as Configuration;
        if (first.target === null) return;
        const everybody = first.members.map(({ id }) => id);
        const left = giveUpStep(first, everybody);
        expect(left.members.map(({ id }) => id)).toEqual(everybody.filter((id) => !first.added.includes(id)));
        expect(giveUpStep(first, []).members).toEqual(first.members);
      }),
    );
  });

  it('a deadline is moved on, and never beyond the end that was set with it first', () => {
    const target = { voters: [1, 2], learners: [], catchUpTimeoutMs: 60_000, deadlineMs: null, endsMs: null };
    const set = timedTarget(target, 1000);
    expect([set.deadlineMs, set.endsMs]).toEqual([61_000, 3_601_000]);
    expect(timedTarget(set, 100_000)).toEqual({ ...set, deadlineMs: 160_000 });
    expect(timedTarget(set, 3_600_000).deadlineMs).toBe(3_601_000);
    expect(timedTarget({ ...target, catchUpTimeoutMs: 7_200_000 }, 1000).endsMs).toBe(7_201_000);
  });

  it('come back as they were from their entries', () => {
    fc.assert(
      fc.property(changes, ({ current, change }) => {
        for (const step of walk(current, change)) expect(decodeConfiguration(encodeConfiguration(step))).toEqual(step);
      }),
    );
  });
});
