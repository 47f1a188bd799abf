import type { QueryRunner } from 'typeorm';

/** @returns the schema that the data source of a migration was made for */
export function schemaOf(queryRunner: QueryRunner): string {
  const { options } = queryRunner.dataSource;
  if (!('schema' in options) || !options.schema) throw new Error('The data source has no schema');
  return options.schema;
}
