import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Configuration } from '../../../core/base/configuration';
import { SAFE_INTEGER } from './safe-integer';

/** A whole snapshot; `raft_group.snapshot_id` says which one counts. @publicApi */
@Entity({ name: 'raft_snapshot' })
export class RaftSnapshotEntity {
  @PrimaryColumn({ name: 'id', type: 'bigint', transformer: SAFE_INTEGER })
  id!: number;

  @Column({ name: 'group_id', type: 'integer' })
  groupId!: number;

  @Column({ name: 'last_index', type: 'bigint', transformer: SAFE_INTEGER })
  lastIndex!: number;

  @Column({ name: 'last_term', type: 'bigint', transformer: SAFE_INTEGER })
  lastTerm!: number;

  @Column({ name: 'format', type: 'integer' })
  format!: number;

  @Column({ name: 'configuration_index', type: 'bigint', transformer: SAFE_INTEGER })
  configurationIndex!: number;

  @Column({ name: 'configuration', type: 'jsonb' })
  configuration!: Configuration;

  @Column({ name: 'chunks', type: 'integer' })
  chunks!: number;

  @Column({ name: 'bytes', type: 'bigint', transformer: SAFE_INTEGER })
  bytes!: number;

  @Column({ name: 'written_at', type: 'timestamptz', default: () => 'now()' })
  writtenAt!: Date;

  /** crc32c over the row, as a signed 32-bit number; null where an earlier build wrote it, until the store is opened. */
  @Column({ name: 'checksum', type: 'integer', nullable: true })
  checksum!: number | null;
}

/** A piece of a snapshot. Pieces without a row in `raft_snapshot` belong to one that was never finished. @publicApi */
@Entity({ name: 'raft_snapshot_chunk' })
export class RaftSnapshotChunkEntity {
  @PrimaryColumn({ name: 'snapshot_id', type: 'bigint', transformer: SAFE_INTEGER })
  snapshotId!: number;

  @PrimaryColumn({ name: 'sequence', type: 'integer' })
  sequence!: number;

  /** crc32c over sequence and data, as a signed 32-bit number. */
  @Column({ name: 'checksum', type: 'integer' })
  checksum!: number;

  @Column({ name: 'data', type: 'bytea' })
  data!: Buffer;
}
