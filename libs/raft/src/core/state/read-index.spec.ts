import { ReadIndex } from './read-index';

const contexts = (reads: readonly { readonly context: number }[]): number[] => reads.map((read) => read.context);

describe('ReadIndex', () => {
  it('trap 32: a read is not confirmed by a round that was sent before it came', () => {
    const readIndex = new ReadIndex();
    const earlier = readIndex.startRound();
    readIndex.add(1, 10);

    expect(readIndex.confirm(earlier)).toEqual([]);

    const later = readIndex.startRound();
    expect(readIndex.confirm(later)).toEqual([{ context: 1, index: 10, round: later }]);
  });

  it('a round is due for reads that came since the last one, unless one is on its way', () => {
    const readIndex = new ReadIndex();
    expect(readIndex.roundDue).toBe(false);

    readIndex.add(1, 10);
    expect(readIndex.roundDue).toBe(true);

    const first = readIndex.startRound();
    expect(readIndex.roundDue).toBe(false);
    readIndex.add(2, 11);
    readIndex.add(3, 11);
    expect(readIndex.roundDue).toBe(false);

    expect(contexts(readIndex.confirm(first))).toEqual([1]);
    expect(readIndex.roundDue).toBe(true);
    expect(contexts(readIndex.confirm(readIndex.startRound()))).toEqual([2, 3]);
    expect(readIndex.roundDue).toBe(false);
  });

  it('the answer to a later round confirms the reads of the lost ones before it, once', () => {
    const readIndex = new ReadIndex();
    readIndex.add(1, 10);
    const lost = readIndex.startRound();
    readIndex.add(2, 12);
    const answered = readIndex.startRound();

    expect(contexts(readIndex.confirm(answered))).toEqual([1, 2]);
    expect(readIndex.confirm(lost)).toEqual([]);
    expect(readIndex.confirm(answered)).toEqual([]);
  });

  it('trap 37: all reads are given back when leadership is lost, the parked ones included', () => {
    const readIndex = new ReadIndex();
    readIndex.park(1);
    readIndex.add(2, 10);
    readIndex.startRound();
    readIndex.add(3, 10);

    expect(readIndex.clear()).toEqual([1, 2, 3]);
    expect(readIndex.clear()).toEqual([]);
    expect(readIndex.confirm(99)).toEqual([]);
  });

  it('rounds are never numbered twice, so that a late answer of an earlier leadership confirms nothing', () => {
    const readIndex = new ReadIndex();
    const before = readIndex.startRound();
    readIndex.clear();

    readIndex.add(1, 10);

    expect(readIndex.roundDue).toBe(true);
    expect(readIndex.confirm(before)).toEqual([]);
    expect(readIndex.startRound()).toBeGreaterThan(before);
  });

  it('parked reads are taken out once', () => {
    const readIndex = new ReadIndex();
    readIndex.park(1);
    readIndex.park(2);

    expect(readIndex.takeParked()).toEqual([1, 2]);
    expect(readIndex.takeParked()).toEqual([]);
  });
});
