import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { GroupWrite, RaftStorage } from 'nestjs-raft';
import { describeStorageConformance } from 'nestjs-raft/testing';
import { damageEntry, damageState } from './file-storage-damage';
import { FileStorage } from './file-storage';

/** Its next `persist` fails like a full disk, or like one that answers too late. */
class FailingFileStorage extends FileStorage {
  failure: { readonly landed: boolean } | undefined;

  override async persist(writes: readonly GroupWrite[]): Promise<void> {
    const { failure } = this;
    this.failure = undefined;
    if (!failure || failure.landed) await super.persist(writes);
    if (failure) throw new Error('no space left on the device');
  }
}

describeStorageConformance('The file store of the guide', { create: fileStorageUnderTest });

it('goes on behind a last line that was torn by a crash, and stops at a damaged one before it', async () => {
  const under = fileStorageUnderTest();
  const journal = path.join(under.folder, 'journal');
  const boot = { nodeName: 'n1', newIncarnation: 'a', bootNonce: 'b' };
  try {
    await under.storage.open(boot);
    await under.kill(under.storage);
    appendFileSync(journal, '12345 {"open":{"node');
    const second = under.another();
    expect((await second.open({ ...boot, newIncarnation: 'c' })).incarnation).toBe('a');
    await under.kill(second);

    writeFileSync(journal, readFileSync(journal, 'utf8').replace('bootNonce', 'bootNance'));
    await expect(under.another().open(boot)).rejects.toThrow('Line 1 of');
  } finally {
    await under.dispose();
  }
});

it('has fewer than 170 lines of code, as the guide says', () => {
  const source = readFileSync(path.join(__dirname, 'file-storage.ts'), 'utf8');
  expect(linesOfCode(source)).toBeLessThan(170);
});

function fileStorageUnderTest() {
  const folder = mkdtempSync(path.join(tmpdir(), 'file-storage-'));
  const made: FileStorage[] = [];
  const make = (): FileStorage => {
    const storage = new FailingFileStorage(folder);
    made.push(storage);
    return storage;
  };
  return {
    folder,
    storage: make(),
    another: make,
    kill: (storage: RaftStorage) => (storage as FileStorage).letGo(),
    failNextPersist: (storage: RaftStorage, landed: boolean) => {
      (storage as FailingFileStorage).failure = { landed };
    },
    damage: (index: number, what: 'kind' | 'format' | 'data' | 'missing') =>
      damageEntry(path.join(folder, 'journal'), index, what),
    damageState: (what: 'vote' | 'commit' | 'configuration' | 'snapshot' | 'chunk') =>
      damageState(path.join(folder, 'journal'), what),
    dispose: async () => {
      for (const storage of made) await storage.letGo();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function linesOfCode(source: string): number {
  return source.split('\n').filter((line) => !/^\s*($|\/\/|\/\*|\*)/.test(line)).length;
}
