import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Configuration } from '../../../core/base/configuration';
import { SAFE_INTEGER } from './safe-integer';

/**
 * The state of one group on this node. Updated only when term, vote, configuration, origin or snapshot change; what changes
 * with each commit travels in {@link RaftBatchEntity}.
 *
 * @publicApi
 */
@Entity({ name: 'raft_group' })
export class RaftGroupEntity {
  @PrimaryColumn({ name: 'id', type: 'integer' })
  id!: number;

  @Column({ name: 'name', type: 'text', unique: true })
  name!: string;

  @Column({ name: 'cluster_id', type: 'text' })
  clusterId!: string;

  @Column({ name: 'replica_id', type: 'bigint', transformer: SAFE_INTEGER })
  replicaId!: number;

  @Column({ name: 'term', type: 'bigint', transformer: SAFE_INTEGER })
  term!: number;

  /** 0 for none. */
  @Column({ name: 'voted_for', type: 'bigint', transformer: SAFE_INTEGER })
  votedFor!: number;

  /** The log begins behind this index. */
  @Column({ name: 'origin_index', type: 'bigint', transformer: SAFE_INTEGER })
  originIndex!: number;

  @Column({ name: 'origin_term', type: 'bigint', transformer: SAFE_INTEGER })
  originTerm!: number;

  /** Entries of other generations were replaced by a snapshot, and are swept away. */
  @Column({ name: 'generation', type: 'integer' })
  generation!: number;

  @Column({ name: 'configuration_index', type: 'bigint', transformer: SAFE_INTEGER })
  configurationIndex!: number;

  @Column({ name: 'configuration', type: 'jsonb' })
  configuration!: Configuration;

  @Column({ name: 'snapshot_id', type: 'bigint', nullable: true, transformer: SAFE_INTEGER })
  snapshotId!: number | null;

  /** crc32c over the row, as a signed 32-bit number; null where an earlier build wrote it, until the store is opened. */
  @Column({ name: 'checksum', type: 'integer', nullable: true })
  checksum!: number | null;
}
