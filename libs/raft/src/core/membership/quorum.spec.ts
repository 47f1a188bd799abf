import fc from 'fast-check';
import { majorityOf, quorumValue, voteResult, type Electorate } from './quorum';
import type { ReplicaId } from '../base/types';

const IDS = [1, 2, 3, 4, 5, 6, 7];

const half = fc.subarray(IDS, { minLength: 1 });
const electorates = fc.record({ voters: half, outgoing: fc.oneof(fc.constant<number[]>([]), half) });

/** Every set of replicas that may decide, by definition: more than half of each half that isn't empty. */
function isQuorum({ voters, outgoing }: Electorate, members: readonly ReplicaId[]): boolean {
  return [voters, outgoing]
    .filter((list) => list.length > 0)
    .every((list) => 2 * list.filter((id) => members.includes(id)).length > list.length);
}

describe('quorum', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
    [7, 4],
  ])('a majority of %i is %i', (count, majority) => {
    expect(majorityOf(count)).toBe(majority);
  });

  it.each<[string, number[], number[], number[], number]>([
    ['a single voter decides by itself', [1], [], [9], 9],
    ['two voters have to agree', [1, 2], [], [9, 4], 4],
    ['the middle of three', [1, 2, 3], [], [9, 4, 7], 7],
    ['a silent third does not count against the others', [1, 2, 3], [], [9, 9, 0], 9],
    ['the second lowest of four', [1, 2, 3, 4], [], [9, 4, 7, 5], 5],
    ['the middle of five', [1, 2, 3, 4, 5], [], [1, 2, 3, 4, 5], 3],
    ['a joint configuration takes the lesser of its halves', [1, 2, 3], [3, 4, 5], [9, 9, 2, 3, 1], 2],
    ['the new half alone does not decide', [1, 2], [3], [9, 9, 0], 0],
    ['nor does the old half', [3], [1, 2], [9, 9, 0], 0],
  ])('%s', (_, voters, outgoing, values, expected) => {
    expect(quorumValue({ voters, outgoing }, (id) => values[id - 1]!)).toBe(expected);
  });

  it('trap 22: what a quorum has reached is what brute force over all sets of replicas finds', () => {
    fc.assert(
      fc.property(
        electorates,
        fc.array(fc.nat(6), { minLength: IDS.length, maxLength: IDS.length }),
        (electorate, values) => {
          const valueOf = (id: ReplicaId): number => values[id - 1]!;
          const reachedBy = (value: number): ReplicaId[] => IDS.filter((id) => valueOf(id) >= value);
          const expected = Math.max(
            ...[0, ...values].filter((value) => isQuorum(electorate, reachedBy(value)) || value === 0),
          );
          expect(quorumValue(electorate, valueOf)).toBe(expected);
        },
      ),
    );
  });

  it('trap 22: any two sets of replicas that decide have one in common, in each half', () => {
    fc.assert(
      fc.property(electorates, fc.subarray(IDS), fc.subarray(IDS), (electorate, one, other) => {
        const wins = (members: readonly ReplicaId[]): boolean =>
          voteResult(electorate, (id) => members.includes(id)) === 'won';
        if (!wins(one) || !wins(other)) return;
        expect(electorate.voters.some((id) => one.includes(id) && other.includes(id))).toBe(true);
        expect(
          electorate.outgoing.length === 0 || electorate.outgoing.some((id) => one.includes(id) && other.includes(id)),
        ).toBe(true);
      }),
    );
  });

  it('trap 22: a vote is won or lost exactly where no answer that is still to come could change it', () => {
    const answers = fc.array(fc.constantFrom(true, false, undefined), {
      minLength: IDS.length,
      maxLength: IDS.length,
    });
    fc.assert(
      fc.property(electorates, answers, (electorate, votes) => {
        const granted = IDS.filter((id) => votes[id - 1] === true);
        const notRefused = IDS.filter((id) => votes[id - 1] !== false);
        const expected = isQuorum(electorate, granted) ? 'won' : isQuorum(electorate, notRefused) ? 'pending' : 'lost';
        expect(voteResult(electorate, (id) => votes[id - 1])).toBe(expected);
      }),
    );
  });
});
