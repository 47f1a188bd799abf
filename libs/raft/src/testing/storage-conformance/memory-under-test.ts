import type { GroupWrite, RaftStorage } from '../../storage/contract';
import { MemoryMedium, MemoryStorage } from '../../storage/memory';
import { ALPHA } from './sample-writes';
import type { StorageUnderTest } from './storage-under-test';

/** A memory storage whose next `persist` can be made to fail. */
export class FailingMemoryStorage extends MemoryStorage {
  private failure: { readonly landed: boolean } | undefined;

  failNext(landed: boolean): void {
    this.failure = { landed };
  }

  override async persist(writes: readonly GroupWrite[]): Promise<void> {
    const { failure } = this;
    this.failure = undefined;
    if (!failure || failure.landed) await super.persist(writes);
    if (failure) throw new Error('The connection was lost');
  }
}

/**
 * The suite's harness for a storage in memory.
 *
 * @param make makes a storage on the medium
 * @param crash what the medium loses when its owner is killed
 */
export function memoryUnderTest(
  make: (medium: MemoryMedium) => MemoryStorage = (medium) => new FailingMemoryStorage(medium),
  crash: (medium: MemoryMedium) => void = () => undefined,
): StorageUnderTest {
  const medium = new MemoryMedium();
  return {
    storage: make(medium),
    another: () => make(medium),
    kill: () => {
      medium.owner = undefined;
      crash(medium);
    },
    failNextPersist: (storage: RaftStorage, landed) => (storage as FailingMemoryStorage).failNext(landed),
    damage: (index, what) => {
      const { entries, position } = medium.groups.get(ALPHA)!;
      const at = index - position.origin.index - 1;
      const entry = entries[at]!;
      if (what === 'missing') entries.splice(at, 1);
      else if (what === 'kind') entries[at] = { ...entry, kind: 'noop' };
      else if (what === 'format') entries[at] = { ...entry, format: 99 };
      else entries[at] = { ...entry, data: entry.data.map((byte, place) => (place === 5 ? byte ^ 1 : byte)) };
    },
    damageState: (what) => damageMemory(medium, what),
    dispose: () => undefined,
  };
}

/** Changes what is beside the entries, and leaves the checksums as they are. */
export function damageMemory(
  medium: MemoryMedium,
  what: 'vote' | 'commit' | 'configuration' | 'snapshot' | 'chunk',
  groupId = ALPHA,
): void {
  const group = medium.groups.get(groupId)!;
  const { hardState, configuration } = group;
  if (what === 'vote') group.hardState = { ...hardState, votedFor: hardState.votedFor ^ 2 };
  if (what === 'commit') group.position.commitIndex ^= 1;
  if (what === 'configuration') {
    const { voters } = configuration.configuration;
    group.configuration = {
      ...configuration,
      configuration: { ...configuration.configuration, voters: voters.slice(1) },
    };
  }
  const snapshot = medium.snapshots.get(groupId);
  if (what === 'snapshot') medium.snapshots.delete(groupId);
  if (what === 'chunk') medium.snapshots.set(groupId, { ...snapshot!, chunks: snapshot!.chunks.slice(0, -1) });
}
