import { CounterMachine } from '../../libs/raft/src/nest/primitives/counter/counter.machine';
import { RaftCounter } from '../../libs/raft/src/nest/primitives/counter/raft-counter';
import { RaftSequence, type RaftSequenceOptions } from '../../libs/raft/src/nest/primitives/sequence/raft-sequence';
import { SequenceMachine } from '../../libs/raft/src/nest/primitives/sequence/sequence.machine';
import { RaftError, createReplicated, StateMachineHost } from 'nestjs-raft';
import { makeEntry } from '../../libs/raft/src/core/base/entry';
import { NEVER } from 'rxjs';
import type { PrimitiveParts } from '../../libs/raft/src/nest/common/primitive';

/** One machine whose commands are applied as they are called. */
class DirectNode {
  commands = 0;
  /** Applies the next command, and then loses its answer. */
  losesAnswer = false;
  readonly parts: PrimitiveParts;
  private index = 0;

  constructor(machine: object) {
    const host = new StateMachineHost([machine]);
    const caller = createReplicated(machine.constructor as new () => object, {
      propose: async (data) => {
        this.commands++;
        const entry = makeEntry(++this.index, 1, { kind: 'command', schemaVersion: 0, data });
        const [value] = await host.apply([entry], () => true);
        if (this.losesAnswer) {
          this.losesAnswer = false;
          throw new RaftError('RAFT_INDETERMINATE', 'the connection broke');
        }
        return { value: value!, index: this.index };
      },
      query: async (query) => ({ value: await host.query(query), index: this.index }),
    });
    this.parts = { caller, events: NEVER, scheduler: undefined as never, logger: { warn: () => undefined } };
  }
}

describe('a counter', () => {
  let counter: RaftCounter;
  beforeEach(() => {
    counter = new RaftCounter('visits', new DirectNode(new CounterMachine()).parts);
  });

  it('counts up and down from 0', async () => {
    expect(await counter.get()).toBe(0);
    expect(await counter.increment()).toBe(1);
    expect(await counter.increment(5)).toBe(6);
    expect(await counter.decrement(2)).toBe(4);
    expect(await counter.set(10)).toBe(4);
    expect(await counter.get()).toBe(10);
  });

  it('compares and sets', async () => {
    await counter.compareAndSet(0, 7);
    await expect(counter.compareAndSet(0, 8)).rejects.toMatchObject({ code: 'RAFT_CONFLICT', details: { value: 7 } });
    expect(await counter.get()).toBe(7);
  });

  it('refuses steps that are no whole numbers, and to leave the safe ones', async () => {
    await expect(counter.increment(0.5)).rejects.toMatchObject({ code: 'RAFT_CONFIGURATION' });
    await counter.set(Number.MAX_SAFE_INTEGER);
    await expect(counter.increment()).rejects.toMatchObject({ code: 'RAFT_REJECTED', reason: 'OVERFLOW' });
    expect(await counter.get()).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('a sequence', () => {
  const sequence = (node: DirectNode, options: RaftSequenceOptions = {}) =>
    new RaftSequence('ids', options, node.parts);

  it('gives out each number once, on all nodes together, and ascending on each', async () => {
    const node = new DirectNode(new SequenceMachine());
    const nodes = [1, 2, 3].map(() => sequence(node, { blockSize: 10 }));
    const given = await Promise.all(
      nodes.map(async (each) => {
        const numbers: number[] = [];
        for (let count = 0; count < 35; count++) numbers.push(await each.next());
        return numbers;
      }),
    );
    for (const numbers of given) expect(numbers).toEqual(numbers.toSorted((left, right) => left - right));
    expect(new Set(given.flat()).size).toBe(3 * 35);
    expect(node.commands).toBe(3 * 4);
  });

  it('asks once for those who come at the same time', async () => {
    const node = new DirectNode(new SequenceMachine());
    const one = sequence(node, { blockSize: 50, startAt: 1_000 });
    const numbers = await Promise.all(Array.from({ length: 50 }, () => one.next()));
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, at) => 1_000 + at));
    expect(node.commands).toBe(1);
  });

  it('leaves out a block whose answer was lost: a gap, and no number twice', async () => {
    const node = new DirectNode(new SequenceMachine());
    const one = sequence(node, { blockSize: 10 });
    expect(await one.next()).toBe(1);
    node.losesAnswer = true;
    expect(await sequence(node, { blockSize: 10 }).next()).toBe(21);
  });

  it('leaves out what a node had reserved when it stopped', async () => {
    const node = new DirectNode(new SequenceMachine());
    expect(await sequence(node).next()).toBe(1);
    expect(await sequence(node).next()).toBe(101);
  });

  it('reserves blocks of any size, and refuses what cannot be', async () => {
    const node = new DirectNode(new SequenceMachine());
    expect(await sequence(node).reserve(3)).toEqual({ first: 1, last: 3 });
    expect(await sequence(node).reserve(1)).toEqual({ first: 4, last: 4 });
    await expect(sequence(node).reserve(0)).rejects.toMatchObject({ code: 'RAFT_CONFIGURATION' });
    expect(() => sequence(node, { blockSize: 0 })).toThrow("blockSize of raftSequence('ids') is 0");
    const last = new DirectNode(new SequenceMachine());
    await expect(sequence(last, { startAt: Number.MAX_SAFE_INTEGER - 1 }).next()).rejects.toMatchObject({
      code: 'RAFT_REJECTED',
      reason: 'EXHAUSTED',
    });
  });
});
