import { DAMAGE_CASES } from './damage.cases';
import { OWNERSHIP_CASES } from './ownership.cases';
import { READING_CASES } from './reading.cases';
import { RECOVERY_CASES } from './recovery.cases';
import { SNAPSHOT_CASES } from './snapshot.cases';
import type { StorageConformanceCase, StorageUnderTest } from './storage-under-test';
import { WRITING_CASES } from './writing.cases';

/** Every case, for a test runner of one's own. @publicApi */
export const STORAGE_CONFORMANCE_CASES: readonly StorageConformanceCase[] = [
  ...OWNERSHIP_CASES,
  ...WRITING_CASES,
  ...READING_CASES,
  ...RECOVERY_CASES,
  ...SNAPSHOT_CASES,
  ...DAMAGE_CASES,
];

type DeclareTest = (name: string, body: () => Promise<void>) => void;

/** The part of Jest's, Vitest's or Mocha's globals that is used. */
interface TestGlobals {
  describe(name: string, body: () => void): void;
  it: DeclareTest & { readonly skip: DeclareTest };
}

/**
 * Checks that a storage keeps what `RaftStorage` promises. Call it in a spec; it uses the runner's `describe` and `it`.
 *
 * @param name of the storage, in the names of the tests
 * @param options `create` makes a storage on new, empty data for each case; `has`: which optional parts `create` provides; cases that need another are skipped
 * @example
 * describeStorageConformance('file store', { create: () => fileStoreUnderTest() });
 * @publicApi
 */
export function describeStorageConformance(
  name: string,
  {
    create,
    has = ['failNextPersist', 'damage', 'damageState'],
  }: {
    readonly create: () => StorageUnderTest | Promise<StorageUnderTest>;
    has?: readonly ('failNextPersist' | 'damage' | 'damageState')[];
  },
): void {
  const { describe, it } = globalThis as unknown as Partial<TestGlobals>;
  if (!describe || !it)
    throw new Error('describeStorageConformance() needs the globals describe and it of a test runner.');
  describe(`${name} is a storage`, () => {
    for (const { name, needs, run } of STORAGE_CONFORMANCE_CASES) {
      const isLacking = needs !== undefined && !has.includes(needs);
      const test = isLacking ? it.skip : it;
      test(isLacking ? `${name} [needs ${needs}(): this store under test does not provide it]` : name, async () => {
        const under = await create();
        try {
          if (needs && !under[needs])
            throw new Error(`This case needs ${needs}(): provide it, or leave it out of 'has'.`);
          await run(under);
        } finally {
          await under.dispose();
        }
      });
    }
  });
}
