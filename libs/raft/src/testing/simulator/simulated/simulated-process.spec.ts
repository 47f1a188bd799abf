import { Chance } from '../base/chance';
import { SimulatedProcess } from './simulated-process';
import { PHASES, VirtualTime } from '../base/virtual-time';

function setUp() {
  const time = new VirtualTime();
  const seen: string[] = [];
  const process = new SimulatedProcess(time, 'n1.1', () => undefined);
  const runTo = (untilMs: number) => {
    while (time.runNext(untilMs));
  };
  return { time, seen, process, runTo, note: (what: string) => () => void seen.push(what) };
}

describe('virtual time', () => {
  it('runs events in the order of their time, and those of one instant as an event loop does', () => {
    const { time, seen, note, runTo } = setUp();
    time.schedule(5, PHASES.deferred, note('deferred'));
    time.schedule(5, PHASES.input, note('input'));
    time.schedule(5, PHASES.timer, note('timer 1'));
    time.schedule(5, PHASES.timer, note('timer 2'));
    time.schedule(1, PHASES.deferred, note('early'));
    runTo(10);
    expect(seen).toEqual(['early', 'timer 1', 'timer 2', 'input', 'deferred']);
  });

  it('keeps the order of thousands of events, and leaves out those that were taken back', () => {
    const { time } = setUp();
    const chance = new Chance(7);
    const seen: number[] = [];
    const due: number[] = [];
    for (let count = 0; count < 3000; count++) {
      const atMs = chance.between(0, 500);
      const event = time.schedule(atMs, PHASES.timer, () => seen.push(atMs));
      if (chance.happens(0.3)) time.cancel(event);
      else due.push(atMs);
    }
    while (time.runNext(1000));
    expect(seen).toEqual(due.sort((left, right) => left - right));
  });

  it('stops at the end that it is given', () => {
    const { time, seen, note } = setUp();
    time.schedule(5, PHASES.timer, note('later'));
    expect(time.runNext(4)).toBe(false);
    expect(seen).toEqual([]);
    expect(time.runNext(5)).toBe(true);
    expect(time.nowMs).toBe(5);
  });
});

describe('a simulated process', () => {
  it('does nothing more once it has crashed', () => {
    const { seen, process, note, runTo } = setUp();
    process.input(5, note('input'));
    process.after(5, PHASES.timer, note('timer'));
    process.crash();
    runTo(10);
    expect(seen).toEqual([]);
  });

  it('fires its timers before it reads what waits, when it goes on after a pause', () => {
    const { seen, process, note, runTo } = setUp();
    process.pause();
    process.input(1, note('heartbeat'));
    process.after(2, PHASES.timer, note('election timer'));
    process.after(3, PHASES.deferred, note('behind the poll'));
    runTo(10);
    expect(seen).toEqual([]);
    process.resume(false, new Chance(1));
    runTo(10);
    expect(seen).toEqual(['election timer', 'heartbeat', 'behind the poll']);
  });

  it('keeps the order of one socket, and not that between sockets', () => {
    const orders = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const { seen, process, note, runTo } = setUp();
      const [one, other] = [{}, {}];
      process.pause();
      process.input(1, note('a1'), one);
      process.input(2, note('b1'), other);
      process.input(3, note('a2'), one);
      runTo(10);
      process.resume(true, new Chance(seed));
      runTo(10);
      orders.add(seen.join(' '));
    }
    expect([...orders].sort()).toEqual(['a1 a2 b1', 'b1 a1 a2']);
  });

  it('doesn’t fire a timer that is cleared while it waits for the end of a pause', () => {
    const { seen, process, note, runTo } = setUp();
    process.pause();
    const timer = process.after(1, PHASES.timer, note('timer'));
    runTo(10);
    process.cancel(timer);
    process.resume(false, new Chance(1));
    runTo(10);
    expect(seen).toEqual([]);
  });
});
