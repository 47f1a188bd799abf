import { ClusterClock } from './cluster-clock';
import type { Scheduler } from '../base/scheduler';

function setUp(wallMs: number) {
  const at = { nowMs: 0, wallMs };
  const scheduler = { nowMs: () => at.nowMs, wallMs: () => at.wallMs } as Scheduler;
  const pass = (ms: number): void => {
    at.nowMs += ms;
    at.wallMs += ms;
  };
  return { clock: new ClusterClock(scheduler), at, pass };
}

describe('ClusterClock', () => {
  it('begins with the wall clock where nothing was ever stamped', () => {
    const { clock, pass } = setUp(1_000_000);
    expect(clock.read()).toBe(1_000_000);
    pass(250);
    expect(clock.read()).toBe(1_000_250);
  });

  it('goes on from the last time in the log, not from the wall clock', () => {
    const { clock, pass } = setUp(9_000_000);
    clock.observe(1_000_000);
    expect(clock.read()).toBe(1_000_000);
    pass(10_000);
    expect(clock.read()).toBe(1_010_010);
  });

  it('leans towards a wall clock that jumped by at most 0.1 %, and never goes back', () => {
    const { clock, at, pass } = setUp(1_000_000);
    clock.read();
    at.wallMs -= 3_600_000;
    pass(100_000);
    expect(clock.read()).toBe(1_099_900);
    at.wallMs += 7_200_000;
    pass(100_000);
    expect(clock.read()).toBe(1_200_000);
    let last = clock.read();
    at.wallMs = 0;
    for (let step = 0; step < 1000; step++) {
      at.nowMs += step % 3;
      const next = clock.read();
      expect(next).toBeGreaterThanOrEqual(last);
      last = next;
    }
  });

  it('catches up with a leader whose clock is ahead, and is not set back by one behind', () => {
    const { clock } = setUp(1_000_000);
    clock.observe(1_000_000);
    clock.observe(1_000_700);
    expect(clock.read()).toBe(1_000_700);
    clock.observe(1_000_200);
    clock.observe(0);
    expect(clock.read()).toBe(1_000_700);
  });
});
