import type { GroupWrite, RaftStorage } from '../../storage/contract';
import { MemoryMedium, MemoryStorage } from '../../storage/memory';
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
    dispose: () => undefined,
  };
}
