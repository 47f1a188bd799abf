import fc from 'fast-check';
import { ENTRY_OVERHEAD_BYTES, makeEntry, type Entry } from '../base/entry';
import { EntryWindow } from './entry-window';
import { InvariantError } from '../base/invariant';

const SIZE = ENTRY_OVERHEAD_BYTES + 68;

function entry(index: number): Entry {
  return makeEntry(index, 1, { kind: 'command', schemaVersion: 1, data: new Uint8Array(SIZE - ENTRY_OVERHEAD_BYTES) });
}

function windowOf(first: number, last: number, budgetBytes = 100 * SIZE): EntryWindow {
  const window = new EntryWindow(first - 1, budgetBytes);
  for (let index = first; index <= last; index++) window.append(entry(index));
  return window;
}

const indexesOf = (entries: readonly Entry[] | undefined): number[] | undefined => entries?.map((entry) => entry.index);

describe('EntryWindow', () => {
  it('holds nothing of a log that was there before it', () => {
    const window = new EntryWindow(5, 1000);

    expect(window.firstIndex).toBe(6);
    expect(window.at(5)).toBeUndefined();
    expect(window.slice(5, 5, 1000)).toBeUndefined();
    expect(window.slice(6, 5, 1000)).toEqual([]);
  });

  it.each<[string, number, number, number, number[] | undefined]>([
    ['up to the index that was asked for', 6, 8, 1000 * SIZE, [6, 7, 8]],
    ['up to the bytes that were asked for', 6, 9, 2 * SIZE, [6, 7]],
    ['no byte more', 6, 9, 3 * SIZE - 1, [6, 7]],
    ['at least one, however large', 7, 9, 1, [7]],
    ['up to its own end', 8, 99, 1000 * SIZE, [8, 9]],
    ['nothing where the first is not held', 5, 9, 1000 * SIZE, undefined],
    ['nothing from beyond the end', 10, 12, 1000 * SIZE, undefined],
  ])('slices entries %s', (_, from, to, maxBytes, expected) => {
    expect(indexesOf(windowOf(6, 9).slice(from, to, maxBytes))).toEqual(expected);
  });

  it('drops the oldest while it holds more than its budget', () => {
    const window = windowOf(1, 10, 4 * SIZE);

    window.shrink(10);

    expect(window.firstIndex).toBe(7);
    expect(window.sizeBytes).toBe(4 * SIZE);
    expect(indexesOf(window.slice(7, 10, 1000 * SIZE))).toEqual([7, 8, 9, 10]);
  });

  it('keeps what must stay, even beyond its budget', () => {
    const window = windowOf(1, 10, 4 * SIZE);

    window.shrink(2);

    expect(window.firstIndex).toBe(3);
    expect(window.at(3)?.index).toBe(3);
  });

  it('forgets its tail when the log is cut, and goes on from there', () => {
    const window = windowOf(6, 9);

    window.truncateFrom(8);
    window.append(entry(8));

    expect(window.sizeBytes).toBe(3 * SIZE);
    expect(indexesOf(window.slice(6, 9, 1000 * SIZE))).toEqual([6, 7, 8]);
  });

  it('is empty when the log is cut below what it holds', () => {
    const window = windowOf(6, 9);

    window.truncateFrom(3);

    expect(window.firstIndex).toBe(3);
    expect(window.sizeBytes).toBe(0);
    window.append(entry(3));
    expect(window.at(3)?.index).toBe(3);
  });

  it('refuses an entry that leaves a gap', () => {
    expect(() => windowOf(6, 9).append(entry(11))).toThrow(InvariantError);
  });

  it('agrees with a plain array, whatever is appended, dropped and cut', () => {
    const step = fc.oneof(
      fc.record({ append: fc.integer({ min: 1, max: 900 }) }),
      fc.record({ shrinkTo: fc.nat(4000) }),
      fc.record({ cutBehind: fc.nat(300) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const window = new EntryWindow(0, 5 * SIZE);
        let last = 0;
        let first = 1;
        for (const action of steps) {
          if ('append' in action) for (let count = 0; count < action.append; count++) window.append(entry(++last));
          else if ('shrinkTo' in action) {
            window.shrink(action.shrinkTo);
            while (last - first + 1 > 5 && first <= action.shrinkTo) first++;
          } else {
            const from = Math.max(1, last - action.cutBehind);
            window.truncateFrom(from);
            last = Math.min(last, from - 1);
            first = Math.min(first, last + 1);
          }
          expect(window.firstIndex).toBe(first);
          expect(window.sizeBytes).toBe((last - first + 1) * SIZE);
          expect(window.at(first)?.index).toBe(first <= last ? first : undefined);
          expect(window.at(last)?.index).toBe(first <= last ? last : undefined);
          expect(window.at(first - 1)).toBeUndefined();
          expect(window.at(last + 1)).toBeUndefined();
        }
      }),
      { numRuns: 50 },
    );
  });
});
