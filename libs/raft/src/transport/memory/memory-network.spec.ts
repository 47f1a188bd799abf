import { RecordingNode } from '../../testing/transport-conformance/recording-node';
import type { RequestMessage } from '../contract';
import { MemoryNetwork, type DeliveryScheduler } from './index';

/** Time that stands still until a test moves it: tasks run in the order of their times, then of their coming. */
class ManualScheduler implements DeliveryScheduler {
  private nowMs = 0;
  private tasks: { readonly atMs: number; readonly task: () => void }[] = [];

  setTimer(delayMs: number, task: () => void): object {
    const timer = { atMs: this.nowMs + delayMs, task };
    this.tasks.push(timer);
    return timer;
  }

  clearTimer(timer: object): void {
    this.tasks = this.tasks.filter((task) => task !== timer);
  }

  advance(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    for (;;) {
      const due = this.tasks.filter(({ atMs }) => atMs <= untilMs).sort((left, right) => left.atMs - right.atMs)[0];
      if (due === undefined) break;
      this.clearTimer(due);
      this.nowMs = due.atMs;
      due.task();
    }
    this.nowMs = untilMs;
  }
}

const call = (id: number): RequestMessage => ({
  kind: 'request',
  groupId: 'g',
  id,
  method: 'm',
  timeoutMs: 1,
  body: Uint8Array.of(id),
});

async function threeNodes(seed = 1) {
  const scheduler = new ManualScheduler();
  const network = new MemoryNetwork({ scheduler, seed });
  const nodes = ['a', 'b', 'c'].map((name) => new RecordingNode(name, network.transport(name)));
  for (const node of nodes) await node.start();
  for (const from of nodes) for (const to of nodes) if (from !== to) from.transport.connect(to.address);
  scheduler.advance(1);
  const [a, b, c] = nodes as [RecordingNode, RecordingNode, RecordingNode];
  return { scheduler, network, a, b, c };
}

describe('the memory network', () => {
  it('loses what crosses a partition, both ways, without telling anybody', async () => {
    const { scheduler, network, a, b, c } = await threeNodes();
    network.partition(['a'], ['b', 'c']);
    expect(a.transport.send('b', call(1))).toBe(true);
    b.transport.send('a', call(2));
    b.transport.send('c', call(3));
    scheduler.advance(100);

    expect(b.received).toEqual([]);
    expect(a.received).toEqual([]);
    expect(c.requestIds()).toEqual([3]);
    expect(a.stateOf('b')).toBe('connected');

    network.heal();
    a.transport.send('b', call(4));
    scheduler.advance(1);
    expect(b.requestIds()).toEqual([4]);
  });

  it('cuts one way only, where asked to', async () => {
    const { scheduler, network, a, b } = await threeNodes();
    network.cut('a', 'b');
    a.transport.send('b', call(1));
    b.transport.send('a', call(2));
    scheduler.advance(1);
    expect(b.received).toEqual([]);
    expect(a.requestIds()).toEqual([2]);
    network.mend('a', 'b');
    a.transport.send('b', call(3));
    scheduler.advance(1);
    expect(b.requestIds()).toEqual([3]);
  });

  it('loses what is under way when the cut is made', async () => {
    const { scheduler, network, a, b } = await threeNodes();
    network.setFaults({ minDelayMs: 10, maxDelayMs: 10 });
    a.transport.send('b', call(1));
    scheduler.advance(5);
    network.cut('a', 'b');
    scheduler.advance(50);
    expect(b.received).toEqual([]);
    expect(a.transport.backlogBytes('b')).toBe(0);
  });

  it('drops, repeats and reorders as its seed says, the same in each run', async () => {
    const run = async (seed: number) => {
      const { scheduler, network, a, b } = await threeNodes(seed);
      network.setFaults({ dropRate: 0.3, duplicateRate: 0.3, minDelayMs: 1, maxDelayMs: 30 });
      for (let id = 1; id <= 60; id++) a.transport.send('b', call(id));
      scheduler.advance(100);
      return b.requestIds();
    };
    const arrived = await run(5);
    const distinct = new Set(arrived);

    expect(distinct.size).toBeLessThan(60);
    expect(arrived.length).toBeGreaterThan(distinct.size);
    expect(arrived).not.toEqual([...arrived].sort((left, right) => left - right));
    expect(await run(5)).toEqual(arrived);
    expect(await run(6)).not.toEqual(arrived);
  });
});
