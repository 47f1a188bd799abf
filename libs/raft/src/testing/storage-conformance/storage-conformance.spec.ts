import type { GroupId, LogId } from '../../core/base/types';
import type { Entry } from '../../core/base/entry';
import type {
  GroupWrite,
  LoadedGroup,
  LogTail,
  SnapshotMetadata,
  StoreBoot,
  StoredSnapshot,
  StoreIdentity,
} from '../../storage/contract';
import type { MemoryMedium, MemoryStorage } from '../../storage/memory';
import { memoryChecksum } from '../../storage/memory/memory-storage';
import { STORAGE_CONFORMANCE_CASES } from '.';
import { FailingMemoryStorage, memoryUnderTest } from './memory-under-test';
import { chunksOf } from './sample-writes';
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
          await super.writeSnapshot(group, metadata, chunksOf(...written));
        }
        await super.writeSnapshot(group, metadata, chunksOf(...written));
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

  it('catches a storage that believes whatever state it finds', async () => {
    class Trusting extends FailingMemoryStorage {
      override async load(group: GroupId): Promise<LoadedGroup | undefined> {
        const stored = this.medium.groups.get(group);
        if (stored) stored.checksum = memoryChecksum(group, stored);
        return super.load(group);
      }
    }
    const found = await findings(using(Trusting));
    expect(found).toContain('a vote that changed is not loaded');
    expect(found).toContain('a commit index that changed is not loaded');
    expect(found).toContain('a configuration that changed is not loaded');
  });

  it('catches a storage that takes the entries that it finds for the log', async () => {
    class Counting extends FailingMemoryStorage {
      override async load(group: GroupId): Promise<LoadedGroup | undefined> {
        const stored = this.medium.groups.get(group);
        if (stored) {
          stored.position.lastIndex = stored.position.origin.index + stored.entries.length;
          stored.checksum = memoryChecksum(group, stored);
        }
        return super.load(group);
      }
    }
    const found = await findings(using(Counting));
    expect(found).toContain('a log whose last entry is missing is not loaded');
    expect(found).toContain('a log with a missing entry is not loaded');
  });

  it('catches a storage that makes an empty snapshot up where the one that it had is gone', async () => {
    class Inventing extends FailingMemoryStorage {
      override async readSnapshot(group: GroupId): Promise<StoredSnapshot | undefined> {
        const stored = this.medium.groups.get(group);
        const found = await super.readSnapshot(group);
        if (found || !stored || stored.position.origin.index === 0) return found;
        const metadata = { last: stored.position.origin, configuration: stored.configuration, format: 1 };
        return { metadata, chunkCount: 0, sizeBytes: 0, chunks: chunksOf() };
      }
    }
    expect(await findings(using(Inventing))).toContain(
      'a log that begins behind a snapshot which is gone is not loaded',
    );
  });

  it('catches a storage that reads the chunks that are left', async () => {
    class Generous extends FailingMemoryStorage {
      override async readSnapshot(group: GroupId): Promise<StoredSnapshot | undefined> {
        const stored = this.medium.snapshots.get(group);
        if (!stored) return undefined;
        const { metadata, chunks } = stored;
        return { metadata, chunkCount: chunks.length, sizeBytes: 0, chunks: chunksOf(...chunks) };
      }
    }
    expect(await findings(using(Generous))).toContain('a snapshot of which a chunk is gone is not read');
  });

  it('catches a storage that reads entries without a look at their checksums', async () => {
    class Unchecked extends FailingMemoryStorage {
      override async entries(group: GroupId, from: number, to: number): Promise<readonly Entry[]> {
        return this.medium.groups.get(group)?.entries.slice(from - 1, to) ?? [];
      }
    }
    expect(await findings(using(Unchecked))).toContain('an entry whose bytes changed stops the reader');
  });

  it('catches a storage that measures no end of the log', async () => {
    class Unmeasured extends FailingMemoryStorage {
      override async tail(_group: GroupId, from: number): Promise<LogTail> {
        return { firstIndex: from, sizeBytes: 0 };
      }
    }
    expect(await findings(using(Unmeasured))).toContain(
      'the end of the log is measured: as many entries as fit, from the last one back',
    );
  });
});
