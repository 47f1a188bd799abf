import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SAFE_INTEGER } from './safe-integer';

/** One row for each write that landed; all but the newest are swept away after a while. @publicApi */
@Entity({ name: 'raft_batch' })
export class RaftBatchEntity {
  @PrimaryColumn({ name: 'group_id', type: 'integer' })
  groupId!: number;

  @PrimaryColumn({ name: 'number', type: 'bigint', transformer: SAFE_INTEGER })
  number!: number;

  /** Of the owner that wrote it. */
  @Column({ name: 'epoch', type: 'bigint', transformer: SAFE_INTEGER })
  epoch!: number;

  @Column({ name: 'commit_index', type: 'bigint', transformer: SAFE_INTEGER })
  commitIndex!: number;

  /** The log's end once this batch had landed. */
  @Column({ name: 'last_index', type: 'bigint', transformer: SAFE_INTEGER })
  lastIndex!: number;

  @Column({ name: 'generation', type: 'integer' })
  generation!: number;

  @Column({ name: 'written_at', type: 'timestamptz', default: () => 'now()' })
  writtenAt!: Date;

  /** crc32c over the row, as a signed 32-bit number; null where an earlier build wrote it, until the store is opened. */
  @Column({ name: 'checksum', type: 'integer', nullable: true })
  checksum!: number | null;
}
