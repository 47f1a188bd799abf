import type { DurableState, PersistBatch, WithheldMessage } from '../base/effects';
import { makeEntry } from '../base/entry';
import { InvariantError } from '../base/invariant';
import type { KernelOptions } from '../base/options';
import { RaftLog } from '../log/log';
import { initialConfiguration } from '../membership/membership';
import type { Message } from '../base/messages';
import { PersistPipeline } from './persist-pipeline';
import { ORIGIN } from '../base/types';

const ENTRY_BYTES = 100;
const configuration = {
  index: 0,
  configuration: initialConfiguration([{ name: 'a', peer: 'a:1', http: '', incarnation: 'a' }]),
};

/** An answer, told apart by its sequence number. */
const answer = (sequence: number): Message => ({
  kind: 'heartbeatReply',
  clusterId: 'c',
  groupId: 'default',
  from: 1,
  to: 2,
  incarnation: 'a',
  term: 1,
  sequence,
  round: 1,
  sentAtMs: 0,
  repliedAtMs: 0,
  storeStalls: false,
  appliedIndex: 0,
});

/** A log of three durable entries, the last batch being the seventh. */
class Store {
  readonly log: RaftLog;
  readonly persistence: PersistPipeline;
  private hardState = { term: 1, votedFor: 0 };
  /** What left, by the batch that it had to wait for; 0 for none. */
  readonly left: [after: number, sequence: number][] = [];

  constructor(maxPersistBytes = 1_000_000) {
    const durable: DurableState = {
      hardState: this.hardState,
      commitIndex: 0,
      lastBatch: 7,
      snapshot: ORIGIN,
      lastIndex: 3,
      terms: [{ firstIndex: 1, term: 1 }],
      configuration,
      configurationEntries: [],
    };
    this.log = new RaftLog(durable, 0, 1_000_000);
    this.persistence = new PersistPipeline({ durable, maxPersistBytes } as KernelOptions);
  }

  append(count: number, term = 1): this {
    for (; count > 0; count--) {
      const data = new Uint8Array(ENTRY_BYTES - 32);
      this.log.append(makeEntry(this.log.lastIndex + 1, term, { kind: 'command', schemaVersion: 0, data }));
    }
    return this;
  }

  cut(from: number): this {
    this.log.truncateFrom(from);
    this.persistence.truncated(from);
    return this;
  }

  vote(term: number): this {
    this.hardState = { term, votedFor: 2 };
    this.persistence.markHardState();
    return this;
  }

  say(sequence: number, upTo = 0): this {
    const sending = this.persistence.withhold(answer(sequence), upTo);
    if (sending !== undefined)
      this.left.push('now' in sending ? [0, sequence] : [sending.later.after, sending.later.message.sequence]);
    return this;
  }

  /** Takes the next batch, and with it what waits for it. */
  write(): PersistBatch | undefined {
    const taken = this.persistence.takeBatch(this.log, this.hardState, configuration);
    this.left.push(
      ...(taken?.withheld ?? []).map(({ after, message }: WithheldMessage): [number, number] => [
        after,
        message.sequence,
      ]),
    );
    return taken?.batch;
  }

  landed(batch: number): this {
    this.persistence.persisted(batch);
    return this;
  }
}

const indexesOf = (batch: PersistBatch | undefined): number[] | undefined => batch?.entries.map((entry) => entry.index);

describe('Persistence', () => {
  it('writes nothing where nothing changed, or where nothing but the commit index did', () => {
    const store = new Store();
    expect(store.write()).toBeUndefined();

    store.log.commitTo(2);
    expect(store.write()).toBeUndefined();
  });

  it('numbers batches on from the last one that landed', () => {
    const store = new Store().append(1);
    expect(store.write()?.number).toBe(8);
    store.landed(8).append(1);
    expect(store.write()?.number).toBe(9);
  });

  it('gathers the next batch while one is under way', () => {
    const store = new Store().append(1);
    expect(indexesOf(store.write())).toEqual([4]);

    store.append(1);
    expect(store.write()).toBeUndefined();
    store.append(1);
    store.landed(8);

    expect(indexesOf(store.write())).toEqual([5, 6]);
  });

  it('trap 3: term, vote and entries of one instant are one batch, with the commit index that they allow', () => {
    const store = new Store().vote(2).append(2, 2);
    store.log.commitTo(5);

    const batch = store.write();

    expect(batch).toMatchObject({ hardState: { term: 2, votedFor: 2 }, commitIndex: 5 });
    expect(indexesOf(batch)).toEqual([4, 5]);
  });

  it('trap 3: a batch that is split by size has the term in its first part, and no commit index beyond its entries', () => {
    const store = new Store(2 * ENTRY_BYTES).vote(2).append(5, 2).say(1).say(2, 5).say(3, 6).say(4, 8);
    store.log.commitTo(8);

    const first = store.write();
    expect([indexesOf(first), first?.hardState?.term, first?.commitIndex]).toEqual([[4, 5], 2, 5]);
    const second = store.landed(8).write();
    expect([indexesOf(second), second?.hardState, second?.commitIndex]).toEqual([[6, 7], undefined, 7]);
    const third = store.landed(9).write();
    expect([indexesOf(third), third?.commitIndex]).toEqual([[8], 8]);

    expect(store.left).toEqual([
      [8, 1],
      [8, 2],
      [9, 3],
      [10, 4],
    ]);
  });

  it('a single entry above the limit is written alone', () => {
    const store = new Store(ENTRY_BYTES / 2).append(2);

    expect(indexesOf(store.write())).toEqual([4]);
    expect(indexesOf(store.landed(8).write())).toEqual([5]);
  });

  describe('a message leaves', () => {
    it('at once, where all that it says is durable', () => {
      expect(new Store().say(1).say(2, 3).left).toEqual([
        [0, 1],
        [0, 2],
      ]);
    });

    it('at once, where a write is under way that it does not depend on', () => {
      const store = new Store().append(1);
      store.write();

      expect(store.say(1).say(2, 3).left).toEqual([
        [0, 1],
        [0, 2],
      ]);
    });

    it('trap 4: behind the write under way, where that has the entry, the term or the vote', () => {
      const withEntry = new Store().append(1);
      withEntry.write();
      expect(withEntry.say(1, 4).left).toEqual([[8, 1]]);

      const withVote = new Store().vote(2);
      withVote.write();
      expect(withVote.say(1).left).toEqual([[8, 1]]);
    });

    it('trap 4: behind the next write, where the one under way has not all of it', () => {
      const store = new Store().append(1);
      store.write();
      store.append(1).say(1, 5).vote(2).say(2);
      expect(store.left).toEqual([]);

      store.landed(8).write();

      expect(store.left).toEqual([
        [9, 1],
        [9, 2],
      ]);
    });

    it('trap 4: not before the next write, where term or vote changed since, though its entries are durable', () => {
      const store = new Store().vote(2).say(1, 3);

      expect(store.left).toEqual([]);
      store.write();
      expect(store.left).toEqual([[8, 1]]);
    });

    it('trap 16: never, where the entries that it speaks of were cut off', () => {
      const store = new Store().append(2).say(1, 5).say(2, 4).cut(5);
      store.append(1, 2);

      store.write();

      expect(store.left).toEqual([[8, 2]]);
    });
  });

  describe('a cut', () => {
    it('trap 16: of what the store holds goes with the entries that replace it, in one batch; nothing of it counts as durable', () => {
      const store = new Store().cut(2).append(1, 2);

      const batch = store.write();

      expect([batch?.truncateFrom, indexesOf(batch)]).toEqual([2, [2]]);
      expect(store.persistence.durableIndex).toBe(1);
      store.landed(8).append(1, 2);
      expect(store.write()?.truncateFrom).toBeUndefined();
    });

    it('of what the store never got is no cut to the store', () => {
      const batch = new Store().append(2).cut(4).append(1, 2).write();

      expect([batch?.truncateFrom, indexesOf(batch)]).toEqual([undefined, [4]]);
    });

    it('is remembered at its lowest, where the log is cut twice before a write', () => {
      const store = new Store().cut(2).append(2, 2).cut(3).append(1, 3);

      const batch = store.write();

      expect([batch?.truncateFrom, indexesOf(batch)]).toEqual([2, [2, 3]]);
    });

    it('trap 16: of a write under way makes that write prove nothing of the entries that came in their place', () => {
      const store = new Store().append(2);
      store.write();
      store.cut(4).append(2, 2).say(1, 5);

      store.landed(8);

      expect(store.persistence.durableIndex).toBe(3);
      expect(store.left).toEqual([]);
      const batch = store.write();
      expect([batch?.truncateFrom, indexesOf(batch)]).toEqual([4, [4, 5]]);
      expect(store.left).toEqual([[9, 1]]);
      expect(store.landed(9).persistence.durableIndex).toBe(5);
    });
  });

  it.each([
    ['that was never handed over', 9],
    ['that landed before', 7],
  ])('trap 17: a store that reports a batch %s is stopped', (_, number) => {
    const store = new Store().append(1);
    store.write();

    expect(() => store.landed(number)).toThrow(InvariantError);
  });

  it('trap 17: a store that reports a batch twice is stopped', () => {
    const store = new Store().append(1);
    store.write();
    store.landed(8);

    expect(() => store.landed(8)).toThrow(/batch 8, while none is under way/);
  });
});
