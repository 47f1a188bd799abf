import type { StoreIdentity } from '../../storage/contract';
import type { Hello } from '../../transport/contract';
import { BootHistory } from './boot-history';

const logger = { debug: jest.fn(), log: jest.fn(), warn: jest.fn(), error: jest.fn() };

/** A store with notes, and a clock that stands. */
class Notebook {
  notes = '';
  writes = 0;
  nowMs = 0;
  failure: Error | undefined;

  readonly ports = {
    logger,
    nowMs: () => this.nowMs,
    storage: {
      saveNotes: async (notes: string): Promise<void> => {
        this.writes++;
        await Promise.resolve();
        if (this.failure !== undefined) throw this.failure;
        this.notes = notes;
      },
    },
  };

  open(epoch: number, nonce: string, previousBootNonce: string | null): Promise<BootHistory> {
    const identity: StoreIdentity = {
      incarnation: 'i1',
      epoch,
      previousBootNonce,
      takenOver: false,
      notes: this.notes,
      moved: null,
    };
    return BootHistory.open(this.ports, identity, nonce);
  }
}

function hello(replicaId: number, epoch: number, bootNonce: string, more: Partial<Hello> = {}): Hello {
  return { nodeName: `n${replicaId}`, replicaId, epoch, bootNonce, earlierBoots: [], knownBoots: [], ...more } as Hello;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('A node’s book of lives', () => {
  it('has the own life in the store before anybody can hear of it', async () => {
    const notebook = new Notebook();
    notebook.failure = new Error('disk full');
    await expect(notebook.open(1, 'a', null)).rejects.toThrow('disk full');
    notebook.failure = undefined;
    // That start said nothing to anybody; the next one knows of it by the store's own chain.
    expect((await notebook.open(2, 'b', 'a')).own.earlier).toEqual([{ number: 1, nonce: 'a' }]);
    expect((await notebook.open(3, 'c', 'b')).own.earlier.map(({ nonce }) => nonce)).toEqual(['b', 'a']);
  });

  it('remembers peers over its own restarts, and refuses one whose store knows nothing of what it was heard to be', async () => {
    const notebook = new Notebook();
    const first = await notebook.open(1, 'a', null);
    first.remember(hello(2, 7, 'x7'));
    await settled();
    const second = await notebook.open(2, 'b', 'a');
    expect(second.knownBoots).toEqual([{ replicaId: 2, number: 7, nonce: 'x7' }]);
    expect(second.refusalOf(hello(2, 7, 'x7'))).toBeUndefined();
    expect(second.refusalOf(hello(2, 9, 'x9', { earlierBoots: [{ number: 7, nonce: 'x7' }] }))).toBeUndefined();
    expect(second.refusalOf(hello(2, 7, 'y7'))).toMatch(/put back to an earlier state.*Repair it: POST/);
    expect(second.refusalOf(hello(3, 1, 'z'))).toBeUndefined();
  });

  it('suspects its own store by what a peer remembers of it', async () => {
    const notebook = new Notebook();
    const book = await notebook.open(4, 'd', 'c');
    const knows = (number: number, nonce: string) =>
      hello(2, 1, 'x', { knownBoots: [{ replicaId: 1, number, nonce }] });
    expect(book.suspicionBy(knows(3, 'c'), 1)).toBeUndefined();
    expect(book.suspicionBy(knows(4, 'd'), 1)).toBeUndefined();
    expect(book.suspicionBy(knows(4, 'other'), 5)).toBeUndefined();
    expect(book.suspicionBy(knows(4, 'other'), 1)).toMatch(/start 4 of this store, which has no record of it/);
    expect(book.suspicionBy(knows(6, 'f'), 1)).toMatch(/put back to an earlier state/);
  });

  it('never goes back to an older life of a peer, and writes nothing twice', async () => {
    const notebook = new Notebook();
    const book = await notebook.open(1, 'a', null);
    book.remember(hello(2, 3, 'x3'));
    book.remember(hello(2, 2, 'x2'));
    book.remember(hello(2, 3, 'x3'));
    book.remember(hello(3, 1, 'y1'));
    await settled();
    expect(book.knownBoots.map(({ nonce }) => nonce)).toEqual(['x3', 'y1']);
    expect(notebook.writes).toBe(3);
  });

  it('tries again later where a peer’s life could not be written, and holds nothing up meanwhile', async () => {
    const notebook = new Notebook();
    const book = await notebook.open(1, 'a', null);
    notebook.failure = new Error('away');
    book.remember(hello(2, 3, 'x3'));
    await settled();
    book.tick(500);
    await settled();
    expect(notebook.writes).toBe(2);
    notebook.failure = undefined;
    notebook.nowMs = 1000;
    book.tick(1000);
    await settled();
    expect((await notebook.open(2, 'b', 'a')).knownBoots).toEqual([{ replicaId: 2, number: 3, nonce: 'x3' }]);
  });

  it('stays in quarantine over restarts', async () => {
    const notebook = new Notebook();
    const book = await notebook.open(1, 'a', null);
    book.remember(hello(2, 3, 'x3'));
    await book.condemn('it was put back');
    expect((await notebook.open(2, 'b', 'a')).quarantine).toBe('it was put back');
  });

  it('does not start on notes of a version that it does not know', async () => {
    const notebook = new Notebook();
    notebook.notes = '{"format":2}';
    await expect(notebook.open(1, 'a', null)).rejects.toThrow('start the newer version');
  });
});
