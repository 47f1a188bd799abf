import { ExpiryClock } from './expiry-clock';

describe('the clock of a leader', () => {
  const proposed: number[] = [];
  let dueMs: number | undefined;
  let wantsDigest = false;
  let timeMs = 0;
  let clock: ExpiryClock;

  beforeEach(() => {
    proposed.length = 0;
    dueMs = undefined;
    wantsDigest = false;
    clock = new ExpiryClock({
      nextExpiryMs: () => dueMs,
      wantsDigest: () => wantsDigest,
      clusterTimeMs: () => timeMs,
      propose: (at) => proposed.push(at),
    });
  });

  function ticksUntil(endMs: number): void {
    for (timeMs = 0; timeMs <= endMs; timeMs += 20) clock.tick(timeMs);
  }

  it('writes nothing while nothing is due and nothing has changed', () => {
    dueMs = 10_000;
    ticksUntil(9_980);
    expect(proposed).toEqual([]);
  });

  it('writes an entry when something ends', () => {
    dueMs = 3000;
    ticksUntil(3980);
    expect(proposed).toEqual([3000]);
  });

  it('writes one each second in which there is something to compare', () => {
    wantsDigest = true;
    ticksUntil(3500);
    expect(proposed).toEqual([0, 1000, 2000, 3000]);
  });
});
