import { type BootChain, continuationOf, nextBoot, REMEMBERED_BOOTS } from './boots';

const life = (number: number, nonce = `n${number}`) => ({ number, nonce });

/** The lives of one store, one after the other; those in `silent` were killed before they wrote or said anything. */
function lived(count: number, silent: readonly number[] = []): BootChain[] {
  const told: BootChain[] = [];
  let notes: readonly ReturnType<typeof life>[] = [];
  for (let number = 1; number <= count; number++) {
    const own = nextBoot(notes, number, `n${number}`, number === 1 ? null : `n${number - 1}`);
    if (silent.includes(number)) continue;
    notes = [life(number), ...own.earlier];
    told.push(own);
  }
  return told;
}

describe('The chain of lives', () => {
  it('goes on with each start, also where nobody heard of the starts in between', () => {
    const told = lived(5);
    expect(continuationOf(life(5), told.at(-1)!)).toBe('same');
    expect(continuationOf(life(4), told.at(-1)!)).toBe('later');
    expect(continuationOf(life(1), told.at(-1)!)).toBe('later');
  });

  it('goes on over starts that were killed before they said who they are', () => {
    const [first, last] = lived(6, [2, 3, 4, 5]);
    expect(first!.number).toBe(1);
    expect(last!.earlier.map(({ number }) => number)).toEqual([5, 1]);
    expect(continuationOf(life(1), last!)).toBe('later');
  });

  it('is broken where the store was put back, whether it has been started as often since or not', () => {
    // Put back to what it was after its third life, and started anew: another fourth life, and others behind it.
    const putBack = nextBoot([life(3), life(2), life(1)], 4, 'other4', 'n3');
    expect(continuationOf(life(5), putBack)).toBe('earlier');
    expect(continuationOf(life(4), putBack)).toBe('earlier');
    const later = nextBoot([life(4, 'other4'), life(3), life(2), life(1)], 5, 'other5', 'other4');
    expect(continuationOf(life(4), later)).toBe('earlier');
    expect(continuationOf(life(3), later)).toBe('later');
  });

  it('is broken where a life is unknown to a store that knows the lives before and after it', () => {
    const told = { ...life(9), earlier: [life(8), life(6)] };
    expect(continuationOf(life(7), told)).toBe('earlier');
  });

  it('says nothing of lives so old that the store has forgotten them', () => {
    const told = lived(REMEMBERED_BOOTS + 10).at(-1)!;
    expect(told.earlier).toHaveLength(REMEMBERED_BOOTS);
    expect(continuationOf(life(3), told)).toBe('unknown');
    expect(continuationOf(life(11), told)).toBe('later');
  });
});
