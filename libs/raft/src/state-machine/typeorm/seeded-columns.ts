import type { DataSource, EntityMetadata, EntitySubscriberInterface, InsertEvent, UpdateEvent } from 'typeorm';
import type { TableCommandContext } from './table-context';
import { quoted } from './sql-names';

const TIME_DEFAULT = /^\s*\(?(now\s*\(\)|CURRENT_TIMESTAMP|LOCALTIMESTAMP|transaction_timestamp\s*\(\))/i;
const UUID_DEFAULT = /^\s*\(?(uuid_generate_v4|gen_random_uuid)\s*\(/i;

type ColumnMetadata = EntityMetadata['columns'][number];
type Filling = 'uuid' | 'time';

/** What of an entity's columns the database would compute itself, and another database otherwise. */
export function fillingOf(column: ColumnMetadata): Filling | undefined {
  if (column.generationStrategy === 'uuid') return 'uuid';
  if (column.isCreateDate || column.isUpdateDate) return 'time';
  if (typeof column.default !== 'function') return undefined;
  const expression = column.default();
  if (TIME_DEFAULT.test(expression)) return 'time';
  return UUID_DEFAULT.test(expression) ? 'uuid' : undefined;
}

/** @returns qualified table name → the columns that {@link SeededColumns} fills */
export function filledColumns(dataSource: DataSource): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(
    dataSource.entityMetadatas.map((metadata) => [
      metadata.tablePath.split('.').map(quoted).join('.'),
      new Set(
        metadata.columns.filter((column) => fillingOf(column) !== undefined).map((column) => column.databaseName),
      ),
    ]),
  );
}

/** Fills generated ids and dates from the command's context, before TypeORM leaves them to the database. */
export class SeededColumns implements EntitySubscriberInterface<object> {
  private context: TableCommandContext | undefined;

  constructor(private readonly queryRunner: object) {}

  /** @param context of the command that runs; undefined between commands */
  use(context: TableCommandContext | undefined): void {
    this.context = context;
  }

  beforeInsert({ entity, metadata, queryRunner }: InsertEvent<object>): void {
    const { context } = this;
    if (context === undefined || queryRunner !== this.queryRunner || entity === undefined) return;
    for (const column of metadata.columns) {
      const filling = fillingOf(column);
      if (filling === undefined || column.getEntityValue(entity) !== undefined) continue;
      column.setEntityValue(entity, filling === 'uuid' ? context.uuid() : context.date());
    }
  }

  beforeUpdate({ entity, metadata, queryRunner, updatedColumns }: UpdateEvent<object>): void {
    const { context } = this;
    const column = metadata.updateDateColumn;
    if (context === undefined || queryRunner !== this.queryRunner || entity === undefined || column === undefined)
      return;
    if (updatedColumns.length > 0 && !updatedColumns.includes(column)) column.setEntityValue(entity, context.date());
  }
}
