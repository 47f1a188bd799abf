export { TableCommandContext, TableQueryContext } from './table-context';
export type { EntityClass, TypeOrmTablesOptions } from './tables-options';
export { typeOrmTables } from './typeorm-tables';
export { withReplicatedTablesWritable } from './writable-tables';
