export { MemoryMedium } from './memory-medium';
export { MemoryStorage, memoryStorage } from './memory-storage';
