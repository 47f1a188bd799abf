export { TableCommandContext, TableQueryContext } from './table-context';
export type { EntityClass, TypeOrmTablesOptions } from './tables-options';
export { withReplicatedTablesWritable } from './tables-state';
export { typeOrmTables } from './typeorm-tables';
