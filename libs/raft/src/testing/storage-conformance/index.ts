export { describeStorageConformance, STORAGE_CONFORMANCE_CASES } from './describe-storage-conformance';
export type { StorageConformanceCase, StorageUnderTest } from './storage-under-test';
