export { type MemoryGroup, MemoryMedium, type MemorySnapshot } from './memory-medium';
export { MemoryStorage, memoryStorage } from './memory-storage';
