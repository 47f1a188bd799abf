import { Column, Entity, PrimaryColumn } from 'typeorm';
import { SAFE_INTEGER } from './safe-integer';

/** The one row that says whose store this is. Written at start and at the end of a process, never in between. @publicApi */
@Entity({ name: 'raft_store' })
export class RaftStoreEntity {
  @PrimaryColumn({ name: 'singleton', type: 'boolean', default: true })
  singleton!: boolean;

  @Column({ name: 'node_name', type: 'text' })
  nodeName!: string;

  /** Drawn when the store was made. */
  @Column({ name: 'incarnation', type: 'text' })
  incarnation!: string;

  /** Raised by each start; a write with an older one doesn't land. */
  @Column({ name: 'epoch', type: 'bigint', transformer: SAFE_INTEGER })
  epoch!: number;

  @Column({ name: 'boot_nonce', type: 'text' })
  bootNonce!: string;

  /** Whether the last owner ended in order. */
  @Column({ name: 'released', type: 'boolean' })
  released!: boolean;

  @Column({ name: 'opened_at', type: 'timestamptz' })
  openedAt!: Date;

  /** What the node keeps beside its logs: which lives of this store and of others it knows, and whether it is in quarantine. */
  @Column({ name: 'notes', type: 'text', default: '' })
  notes!: string;

  /** The server that wrote it: null lets the next start take whichever it finds. */
  @Column({ name: 'server', type: 'text', nullable: true })
  server!: string | null;

  /** Whether every row that counts has its checksum: one without it was changed by hand from then on. */
  @Column({ name: 'summed', type: 'boolean', default: false })
  summed!: boolean;
}
