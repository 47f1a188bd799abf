export { MemoryDatabase } from './memory-database';
export { type HasMemoryDatabase, memoryRows, RowsCommandContext, RowsQueryContext } from './memory-rows';
