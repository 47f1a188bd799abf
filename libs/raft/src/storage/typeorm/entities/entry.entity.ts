import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SAFE_INTEGER } from './safe-integer';

/** One entry of a group's log. @publicApi */
@Entity({ name: 'raft_entry' })
export class RaftEntryEntity {
  @PrimaryColumn({ name: 'index', type: 'bigint', transformer: SAFE_INTEGER })
  index!: number;

  @Column({ name: 'term', type: 'bigint', transformer: SAFE_INTEGER })
  term!: number;

  @PrimaryColumn({ name: 'group_id', type: 'integer' })
  groupId!: number;

  @PrimaryColumn({ name: 'generation', type: 'integer' })
  generation!: number;

  /** crc32c as a signed 32-bit number. */
  @Column({ name: 'checksum', type: 'integer' })
  checksum!: number;

  @Column({ name: 'format', type: 'integer' })
  format!: number;

  @Column({ name: 'schema_version', type: 'integer' })
  schemaVersion!: number;

  /** 0 noop, 1 configuration, 2 command, 3 clock, 4 session, 5 clusterVersion. */
  @Column({ name: 'kind', type: 'smallint' })
  kind!: number;

  /** Whether the entry before it is of another term: the list of terms is read from these rows alone. */
  @Column({ name: 'starts_term', type: 'boolean' })
  startsTerm!: boolean;

  @Column({ name: 'data', type: 'bytea' })
  data!: Buffer;
}
