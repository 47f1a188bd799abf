import fc from 'fast-check';
import { InvariantError } from '../base/invariant';
import { TermList } from './term-list';
import { ORIGIN, type TermRun } from '../base/types';

/** A list that was grown entry by entry, as the terms are given. */
function grown(...terms: number[]): TermList {
  const list = new TermList(ORIGIN, 0, []);
  terms.forEach((term, at) => list.append(at + 1, term));
  return list;
}

const termSequences = fc
  .array(fc.nat(3), { maxLength: 40 })
  .map((steps) => steps.reduce<number[]>((terms, step) => [...terms, (terms.at(-1) ?? 1) + (step === 3 ? 1 : 0)], []));

describe('TermList', () => {
  it('knows the term of each index that it holds, its origin included, and of no other', () => {
    const list = new TermList({ index: 10, term: 3 }, 14, [
      { firstIndex: 11, term: 3 },
      { firstIndex: 13, term: 5 },
    ]);

    expect([9, 10, 11, 12, 13, 14, 15].map((index) => list.termAt(index))).toEqual([
      undefined,
      3,
      3,
      3,
      5,
      5,
      undefined,
    ]);
    expect(list.lastId).toEqual({ term: 5, index: 14 });
    expect(list.originId).toEqual({ term: 3, index: 10 });
  });

  it('is its origin where the log is empty', () => {
    const list = new TermList({ index: 10, term: 3 }, 10, []);

    expect(list.lastId).toEqual({ term: 3, index: 10 });
    expect(list.termAt(10)).toBe(3);
  });

  it('agrees with a plain array, whatever is appended and cut', () => {
    fc.assert(
      fc.property(termSequences, fc.nat(45), termSequences, (terms, cut, more) => {
        const list = grown(...terms);
        const expected = [...terms];
        if (cut > 0) {
          list.truncateFrom(cut);
          expected.splice(cut - 1);
        }
        for (const step of more) {
          const term = (expected.at(-1) ?? 0) + step;
          list.append(expected.length + 1, term);
          expected.push(term);
        }
        expect(list.lastIndex).toBe(expected.length);
        expect(expected.map((_, at) => list.termAt(at + 1))).toEqual(expected);
        expect(list.termAt(expected.length + 1)).toBeUndefined();
        expect(list.lastTerm).toBe(expected.at(-1) ?? 0);
      }),
    );
  });

  it('finds the last entry of a term that is not above another, as a search one by one does', () => {
    fc.assert(
      fc.property(termSequences, fc.nat(45), fc.nat(12), (terms, index, term) => {
        let at = Math.min(index, terms.length);
        while (at > 0 && terms[at - 1]! > term) at--;
        expect(grown(...terms).lastIdNotAbove(index, term)).toEqual({ index: at, term: terms[at - 1] ?? 0 });
      }),
    );
  });

  it('needs one run for a term, however many entries it has', () => {
    const list = new TermList(ORIGIN, 1_000_000, [{ firstIndex: 1, term: 7 }]);

    expect(list.termAt(999_999)).toBe(7);
    list.append(1_000_001, 7);
    expect(list.lastIdNotAbove(2_000_000, 7)).toEqual({ index: 1_000_001, term: 7 });
  });

  it('refuses an entry that leaves a gap, or whose term goes back', () => {
    const list = grown(1, 2);

    expect(() => list.append(4, 2)).toThrow(InvariantError);
    expect(() => list.append(3, 1)).toThrow(InvariantError);
  });

  it('refuses to be cut at or below its origin', () => {
    const list = new TermList({ index: 10, term: 3 }, 11, [{ firstIndex: 11, term: 3 }]);

    expect(() => list.truncateFrom(10)).toThrow(InvariantError);
  });

  it.each<[string, number, TermRun[]]>([
    ['do not begin behind the origin', 12, [{ firstIndex: 12, term: 3 }]],
    ['are missing', 12, []],
    [
      'go back',
      13,
      [
        { firstIndex: 11, term: 4 },
        { firstIndex: 12, term: 3 },
      ],
    ],
    ['go back behind the origin', 11, [{ firstIndex: 11, term: 2 }]],
    [
      'begin beyond the end',
      11,
      [
        { firstIndex: 11, term: 3 },
        { firstIndex: 12, term: 4 },
      ],
    ],
    ['belong to an empty log', 10, [{ firstIndex: 11, term: 3 }]],
    ['end before the origin', 9, []],
  ])('refuses terms from a store that %s', (_, lastIndex, runs) => {
    expect(() => new TermList({ index: 10, term: 3 }, lastIndex, runs)).toThrow(InvariantError);
  });
});
