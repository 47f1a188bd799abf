import { SeededRandom } from '../../core/base/random';
import { Chance } from '../../testing/simulator/base/chance';
import { MachineClock, SimulatedScheduler } from '../../testing/simulator/simulated/simulated-scheduler';
import { SimulatedProcess } from '../../testing/simulator/simulated/simulated-process';
import { VirtualTime } from '../../testing/simulator/base/virtual-time';
import { Ticker } from './ticker';

function setUp() {
  const time = new VirtualTime();
  const process = new SimulatedProcess(time, 'n1', () => undefined);
  const scheduler = new SimulatedScheduler(process, new MachineClock(time, 1, 0, 0), new SeededRandom(1));
  const log: string[] = [];
  const ticker = new Ticker(scheduler, 20, (ticks) => log.push(`tick ${ticks}`));
  const pass = (ms: number): void => {
    const untilMs = time.nowMs + ms;
    while (time.runNext(untilMs)) continue;
  };
  return { time, process, ticker, log, pass };
}

describe('Ticker', () => {
  it('ticks once for each interval that has passed', () => {
    const { ticker, log, pass } = setUp();
    ticker.start();
    pass(100);
    expect(log).toEqual(Array(5).fill('tick 1'));
  });

  it('counts two where a turn of the event loop took so long, and one for any longer gap', () => {
    const { ticker } = setUp();
    expect(ticker.due(19)).toBe(0);
    expect(ticker.due(45)).toBe(2);
    expect(ticker.due(60)).toBe(1);
    expect(ticker.due(2000)).toBe(1);
    expect(ticker.due(2019)).toBe(0);
  });

  it('ticks behind the input that waits, after a pause of the whole process', () => {
    const { time, process, ticker, log, pass } = setUp();
    ticker.start();
    pass(10);
    process.pause();
    pass(1800);
    process.input(0, () => log.push('heartbeat'));
    pass(1);
    process.resume(false, new Chance(1));
    const [first] = [time.runNext(time.nowMs), pass(5)];
    expect(first).toBe(true);
    expect(log).toEqual(['heartbeat', 'tick 1']);
  });

  it('leaves no timer behind when it is stopped', () => {
    const { time, ticker, log, pass } = setUp();
    ticker.start();
    pass(50);
    ticker.stop();
    expect(time.runNext(100_000)).toBe(false);
    expect(log).toHaveLength(2);
  });
});
