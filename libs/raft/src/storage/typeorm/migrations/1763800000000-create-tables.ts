import type { MigrationInterface, QueryRunner } from 'typeorm';
import { schemaOf } from './schema-of';
import { tablesOf } from '../entities/tables';

/** The tables, each qualified with the schema: TypeORM's `schema` option leaves the search path as it is. */
export class CreateRaftTables1763800000000 implements MigrationInterface {
  readonly name = 'CreateRaftTables1763800000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    const t = tablesOf(schemaOf(queryRunner));
    const statements = [
      `CREATE TABLE ${t.store} (
        singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
        node_name text NOT NULL,
        incarnation text NOT NULL,
        epoch bigint NOT NULL,
        boot_nonce text NOT NULL,
        released boolean NOT NULL,
        opened_at timestamptz NOT NULL
      )`,
      `CREATE TABLE ${t.group} (
        id integer PRIMARY KEY,
        name text NOT NULL UNIQUE,
        cluster_id text NOT NULL,
        replica_id bigint NOT NULL,
        term bigint NOT NULL,
        voted_for bigint NOT NULL,
        origin_index bigint NOT NULL,
        origin_term bigint NOT NULL,
        generation integer NOT NULL,
        configuration_index bigint NOT NULL,
        configuration jsonb NOT NULL,
        snapshot_id bigint
      )`,
      `CREATE TABLE ${t.batch} (
        group_id integer NOT NULL,
        number bigint NOT NULL,
        epoch bigint NOT NULL,
        commit_index bigint NOT NULL,
        last_index bigint NOT NULL,
        generation integer NOT NULL,
        written_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (group_id, number)
      )`,
      // Wide columns first, so that no padding stands between them. No foreign keys: a check for each row of the hot path.
      `CREATE TABLE ${t.entry} (
        index bigint NOT NULL,
        term bigint NOT NULL,
        group_id integer NOT NULL,
        generation integer NOT NULL,
        checksum integer NOT NULL,
        format integer NOT NULL,
        schema_version integer NOT NULL,
        kind smallint NOT NULL,
        starts_term boolean NOT NULL,
        data bytea NOT NULL,
        PRIMARY KEY (group_id, generation, index)
      )`,
      // Commands bring their own compression if any; trying again costs time on the way of every write.
      `ALTER TABLE ${t.entry} ALTER COLUMN data SET STORAGE EXTERNAL`,
      `CREATE INDEX raft_entry_starts_term ON ${t.entry} (group_id, generation, index) WHERE starts_term`,
      `CREATE INDEX raft_entry_configuration ON ${t.entry} (group_id, generation, index) WHERE kind = 1`,
      `CREATE SEQUENCE ${t.snapshotId}`,
      `CREATE TABLE ${t.snapshot} (
        id bigint PRIMARY KEY,
        group_id integer NOT NULL,
        last_index bigint NOT NULL,
        last_term bigint NOT NULL,
        format integer NOT NULL,
        configuration_index bigint NOT NULL,
        configuration jsonb NOT NULL,
        chunks integer NOT NULL,
        bytes bigint NOT NULL,
        written_at timestamptz NOT NULL DEFAULT now()
      )`,
      `CREATE TABLE ${t.chunk} (
        snapshot_id bigint NOT NULL,
        sequence integer NOT NULL,
        checksum integer NOT NULL,
        data bytea NOT NULL,
        PRIMARY KEY (snapshot_id, sequence)
      )`,
      `ALTER TABLE ${t.chunk} ALTER COLUMN data SET STORAGE EXTERNAL`,
    ];
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const t = tablesOf(schemaOf(queryRunner));
    await queryRunner.query(`DROP TABLE ${t.chunk}, ${t.snapshot}, ${t.entry}, ${t.batch}, ${t.group}, ${t.store}`);
    await queryRunner.query(`DROP SEQUENCE ${t.snapshotId}`);
  }
}
