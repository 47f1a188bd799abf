import type { MigrationInterface, QueryRunner } from 'typeorm';
import { schemaOf } from './schema-of';
import { tablesOf } from '../entities/tables';

/** What a node keeps beside its logs, and which server its store was written by. */
export class AddRaftNotes1764000000000 implements MigrationInterface {
  readonly name = 'AddRaftNotes1764000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    const { store } = tablesOf(schemaOf(queryRunner));
    await queryRunner.query(`ALTER TABLE ${store} ADD COLUMN notes text NOT NULL DEFAULT '', ADD COLUMN server text`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const { store } = tablesOf(schemaOf(queryRunner));
    await queryRunner.query(`ALTER TABLE ${store} DROP COLUMN notes, DROP COLUMN server`);
  }
}
