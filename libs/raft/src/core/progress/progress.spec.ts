import { Progress } from './progress';

function replicating(matchIndex: number): Progress {
  const progress = new Progress(2, 11, 2, 1000, 0);
  progress.matched(matchIndex);
  progress.becomeReplicate();
  return progress;
}

describe('Progress', () => {
  it('begins as a probe at the end of the leader’s log, with nothing known to match', () => {
    const progress = new Progress(2, 11, 2, 1000, 0);

    expect(progress.view(0, 1000)).toEqual({
      id: 2,
      state: 'probe',
      matchIndex: 0,
      nextIndex: 11,
      inflightMessages: 0,
      inflightBytes: 0,
      active: true,
      appliedIndex: 0,
      isCaughtUp: false,
      storeStalls: false,
      wasHeard: false,
      silentMs: 0,
    });
  });

  it('a match never goes back, and takes the next index along', () => {
    const progress = replicating(7);

    expect(progress.matched(9)).toBe(true);
    expect(progress.matched(9)).toBe(false);
    expect(progress.matched(4)).toBe(false);

    expect([progress.matchIndex, progress.nextIndex]).toEqual([9, 10]);
  });

  it('a match of what was sent ahead leaves the next index where it is, and frees the window', () => {
    const progress = replicating(7);
    progress.inflights.add(9, 10);
    progress.inflights.add(12, 10);
    progress.nextIndex = 13;

    progress.matched(9);

    expect([progress.nextIndex, progress.inflights.messages]).toEqual([13, 1]);
  });

  it('replicates from the entry behind the match, with an empty window', () => {
    const progress = replicating(7);

    expect([progress.state, progress.nextIndex, progress.inflights.messages]).toEqual(['replicate', 8, 0]);
  });

  it.each([
    ['above the match', 9, 9],
    ['at the match: what is known to match is not asked for again', 7, 8],
    ['below the match', 1, 8],
  ])('trap 18: a probe that is to begin %s', (_, from, expected) => {
    const progress = replicating(7);

    progress.becomeProbe(from);

    expect([progress.state, progress.nextIndex, progress.matchIndex]).toEqual(['probe', expected, 7]);
  });

  it('a probe gives up its window and what it was loading', () => {
    const progress = replicating(7);
    progress.inflights.add(9, 10);
    progress.loadId = 3;

    progress.becomeProbe(8);

    expect(progress.paused).toBe(false);
    expect(progress.view(0, 1000)).toMatchObject({ inflightMessages: 0, inflightBytes: 0 });
  });

  it.each<[string, boolean, (progress: Progress) => void]>([
    ['a probe without an append on its way', false, (progress) => progress.becomeProbe(8)],
    [
      'a probe with an append on its way',
      true,
      (progress) => {
        progress.becomeProbe(8);
        progress.probeSequence = 5;
      },
    ],
    ['a replica with room in its window', false, (progress) => progress.inflights.add(8, 10)],
    [
      'a replica with a window full of messages',
      true,
      (progress) => {
        progress.inflights.add(8, 10);
        progress.inflights.add(9, 10);
      },
    ],
    ['a replica with a window full of bytes', true, (progress) => progress.inflights.add(8, 1000)],
    ['a replica whose next entries are being loaded', true, (progress) => (progress.loadId = 1)],
    ['a replica that needs a snapshot', true, (progress) => (progress.state = 'snapshot')],
  ])('%s is paused: %s', (_, paused, prepare) => {
    const progress = replicating(7);

    prepare(progress);

    expect(progress.paused).toBe(paused);
  });
});
