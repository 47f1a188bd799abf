import type { GroupId, LogId } from '../../core/types';
import type { Entry } from '../../core/entry';
import type { GroupWrite, LoadedGroup, SnapshotMetadata, StoreBoot, StoreIdentity } from '../../storage/contract';
import type { MemoryMedium, MemoryStorage } from '../../storage/memory';
import { STORAGE_CONFORMANCE_CASES } from '.';
import { FailingMemoryStorage, memoryUnderTest } from './memory-under-test';
import type { StorageUnderTest } from './storage-under-test';

/** Runs every case and tells which ones found something. */
async function findings(create: () => StorageUnderTest): Promise<string[]> {
  const found: string[] = [];
  for (const { name, needs, run } of STORAGE_CONFORMANCE_CASES) {
    const under = create();
    if (needs && !under[needs]) continue;
    await run(under).catch(() => found.push(name));
    await under.dispose();
  }
  return found;
}

function using(broken: new (medium: MemoryMedium) => MemoryStorage): () => StorageUnderTest {
  return () => memoryUnderTest((medium) => new broken(medium));
}

describe('the storage conformance suite', () => {
  it('finds nothing wrong with a sound storage', async () => {
    expect(await findings(() => memoryUnderTest())).toEqual([]);
  });

  it('catches a storage that writes one group after the other', async () => {
    class NotAtomic extends FailingMemoryStorage {
      override async persist(writes: readonly GroupWrite[]): Promise<void> {
        for (const write of writes) await super.persist([write]);
      }
    }
    expect(await findings(using(NotAtomic))).toContain('where one of several writes is refused, none of them lands');
  });

  it('catches a storage that gives entries back in another order', async () => {
    class Reordered extends FailingMemoryStorage {
      override async persist(writes: readonly GroupWrite[]): Promise<void> {
        await super.persist(writes);
        for (const { group, entries } of writes) {
          const stored = this.medium.groups.get(group)?.entries ?? [];
          stored.push(...stored.splice(stored.length - entries.length).reverse());
        }
      }
    }
    expect(await findings(using(Reordered))).toContain(
      'a log of thousands of entries comes back in order, page by page',
    );
  });

  it('catches a storage that takes batches in any order', async () => {
    class AnyNumber extends FailingMemoryStorage {
      override async persist(writes: readonly GroupWrite[]): Promise<void> {
        await super.persist(
          writes.map((write) => ({
            ...write,
            number: (this.medium.groups.get(write.group)?.position.lastBatch ?? 0) + 1,
          })),
        );
      }
    }
    const found = await findings(using(AnyNumber));
    expect(found).toContain('a batch is refused, and changes nothing, where a number is left out');
    expect(found).toContain('a batch is refused, and changes nothing, where a number comes again');
  });

  it('catches a storage that loses its tail when it is killed', async () => {
    const loseTail = (medium: MemoryMedium) => {
      for (const { entries, position } of medium.groups.values()) {
        if (!entries.pop()) continue;
        position.lastIndex--;
        position.terms = position.terms.filter(({ firstIndex }) => firstIndex <= position.lastIndex);
      }
    };
    expect(await findings(() => memoryUnderTest(undefined, loseTail))).toContain(
      'each batch that resolved is there after a kill, one by one',
    );
  });

  it('catches a storage that resolves before it has written', async () => {
    class Lying extends FailingMemoryStorage {
      private unwritten: readonly GroupWrite[] = [];

      override async persist(writes: readonly GroupWrite[]): Promise<void> {
        await this.flush();
        this.unwritten = writes;
      }

      override async load(group: GroupId): Promise<LoadedGroup | undefined> {
        await this.flush();
        return super.load(group);
      }

      private async flush(): Promise<void> {
        const writes = this.unwritten;
        this.unwritten = [];
        await super.persist(writes);
      }
    }
    expect(await findings(using(Lying))).toContain('everything of a batch that resolved is there after a kill');
  });

  it('catches a storage that takes entries with a gap', async () => {
    class WithGaps extends FailingMemoryStorage {
      override async persist(writes: readonly GroupWrite[]): Promise<void> {
        for (const write of writes) {
          const [first] = write.entries;
          const position = this.medium.groups.get(write.group)?.position;
          if (first && position && first.index > position.lastIndex + 1) position.lastIndex = first.index - 1;
        }
        await super.persist(writes);
      }
    }
    expect(await findings(using(WithGaps))).toContain(
      'a batch is refused, and changes nothing, where the first entry leaves a gap',
    );
  });

  it('catches a storage that lets two owners in', async () => {
    class Unlocked extends FailingMemoryStorage {
      override async open(boot: StoreBoot): Promise<StoreIdentity> {
        this.medium.owner = undefined;
        return super.open(boot);
      }
    }
    expect(await findings(using(Unlocked))).toContain('a second owner is refused for as long as the first is there');
  });

  it('catches a storage that forgets the vote', async () => {
    class Forgetful extends FailingMemoryStorage {
      override async load(group: GroupId): Promise<LoadedGroup | undefined> {
        const state = await super.load(group);
        return state && { ...state, hardState: { ...state.hardState, votedFor: 0 } };
      }
    }
    expect(await findings(using(Forgetful))).toContain('term and vote stay as they were until a batch changes them');
  });

  it('catches a storage that leaves the commit index out of the batch', async () => {
    class WithoutCommit extends FailingMemoryStorage {
      override async persist(writes: readonly GroupWrite[]): Promise<void> {
        await super.persist(writes.map((write) => (write.entries.length > 0 ? { ...write, commitIndex: 0 } : write)));
      }
    }
    expect(await findings(using(WithoutCommit))).toContain('everything of a batch that resolved is there after a kill');
  });

  it('catches a storage that shows a snapshot before it is whole', async () => {
    class Partial extends FailingMemoryStorage {
      override async writeSnapshot(
        group: GroupId,
        metadata: SnapshotMetadata,
        chunks: AsyncIterable<Uint8Array>,
      ): Promise<void> {
        const written: Uint8Array[] = [];
        for await (const chunk of chunks) {
          written.push(chunk);
          this.medium.snapshots.set(group, { metadata, chunks: written });
        }
        await super.writeSnapshot(group, metadata, (async function* () {})());
        this.medium.snapshots.set(group, { metadata, chunks: written });
      }
    }
    expect(await findings(using(Partial))).toContain(
      'a snapshot that breaks off is not there, and the one before stays',
    );
  });

  it('catches a storage that forgets the term of what it compacted', async () => {
    class WithoutOriginTerm extends FailingMemoryStorage {
      override async load(group: GroupId): Promise<LoadedGroup | undefined> {
        const state = await super.load(group);
        return state && { ...state, snapshot: { term: 0, index: state.snapshot.index } };
      }
    }
    expect(await findings(using(WithoutOriginTerm))).toContain(
      'compaction takes the head and keeps the tail, with the term of what it took last',
    );
  });

  it('catches a storage that keeps a log which the snapshot contradicts', async () => {
    class KeepsConflict extends FailingMemoryStorage {
      override async compact(group: GroupId, to: LogId): Promise<void> {
        const term = this.medium.groups.get(group)?.position.termAt(to.index) ?? to.term;
        await super.compact(group, { index: to.index, term });
      }
    }
    expect(await findings(using(KeepsConflict))).toContain(
      'trap 39: the log is dropped where the cut has another term than the entry there, and goes on behind it',
    );
  });

  it('catches a storage that recovers by hope', async () => {
    class Hopeful extends FailingMemoryStorage {
      private lastTried = new Map<GroupId, number>();

      override async persist(writes: readonly GroupWrite[]): Promise<void> {
        for (const { group, number } of writes) this.lastTried.set(group, number);
        await super.persist(writes);
      }

      override async recover(): Promise<ReadonlyMap<GroupId, number>> {
        await super.recover();
        return this.lastTried;
      }
    }
    expect(await findings(using(Hopeful))).toContain(
      'after a write that was lost, recovery tells the number before, and the same write goes again',
    );
  });

  it('catches a storage that ignores the bytes of a page', async () => {
    class Unbounded extends FailingMemoryStorage {
      override entries(group: GroupId, from: number, to: number): Promise<readonly Entry[]> {
        return super.entries(group, from, to, Infinity);
      }
    }
    expect(await findings(using(Unbounded))).toContain('a page ends with the entry that reaches the bytes asked for');
  });
});
