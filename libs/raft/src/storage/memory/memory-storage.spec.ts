import { describeStorageConformance } from '../../testing/storage-conformance';
import { memoryUnderTest } from '../../testing/storage-conformance/memory-under-test';
import { boot } from '../../testing/storage-conformance/sample-writes';
import { memoryStorage } from '.';

describeStorageConformance('memory', { create: () => memoryUnderTest() });

describe('a memory storage', () => {
  it('can be opened by one owner at a time, and again after it was closed', async () => {
    const storage = memoryStorage();
    await storage.open(boot(1));
    await expect(storage.open(boot(2))).rejects.toThrow("This memory store is open already, by node 'n1'");
    await storage.close();
    await expect(storage.open(boot(3))).resolves.toMatchObject({ epoch: 2, takenOver: false });
  });
});
