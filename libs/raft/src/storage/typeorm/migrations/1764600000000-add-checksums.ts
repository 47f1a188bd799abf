import type { MigrationInterface, QueryRunner } from 'typeorm';
import { schemaOf } from './schema-of';
import { tablesOf } from '../entities/tables';

/**
 * Sums over the rows that say what this node promised. A row that was there before has none until the store is opened; a build
 * that knows nothing of them can no longer write a batch or a snapshot, so that no sum goes stale.
 */
export class AddRaftChecksums1764600000000 implements MigrationInterface {
  readonly name = 'AddRaftChecksums1764600000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    const { store, group, batch, snapshot } = tablesOf(schemaOf(queryRunner));
    await queryRunner.query(`ALTER TABLE ${store} ADD COLUMN summed boolean NOT NULL DEFAULT false`);
    for (const table of [group, batch, snapshot])
      await queryRunner.query(`ALTER TABLE ${table} ADD COLUMN checksum integer`);
    for (const table of [batch, snapshot])
      await queryRunner.query(
        `ALTER TABLE ${table} ADD CONSTRAINT raft_has_checksum CHECK (checksum IS NOT NULL) NOT VALID`,
      );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const { store, group, batch, snapshot } = tablesOf(schemaOf(queryRunner));
    for (const table of [group, batch, snapshot]) await queryRunner.query(`ALTER TABLE ${table} DROP COLUMN checksum`);
    await queryRunner.query(`ALTER TABLE ${store} DROP COLUMN summed`);
  }
}
