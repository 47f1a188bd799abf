import type { ConfigurationInForce } from '../../core/base/configuration';
import type { Entry } from '../../core/base/entry';
import type { GroupId, HardState } from '../../core/base/types';
import type { GroupIdentity, SnapshotMetadata } from '../contract';
import type { GroupPosition } from '../group-position';

export interface MemoryGroup {
  readonly identity: GroupIdentity;
  readonly position: GroupPosition;
  hardState: HardState;
  configuration: ConfigurationInForce;
  /** The entries after the origin. */
  entries: Entry[];
  /** Over everything of it but the entries, which bring their own. */
  checksum: number;
}

export interface MemorySnapshot {
  readonly metadata: SnapshotMetadata;
  readonly chunks: readonly Uint8Array[];
  /** crc32c of the metadata, and of each chunk. */
  readonly checksum: number;
  readonly chunkChecksums: readonly number[];
}

/**
 * What a {@link MemoryStorage} writes on: the part that would be the disk. It outlives the storage that has it open, so that
 * several can be made on one, as several processes can be pointed at one database.
 */
export class MemoryMedium {
  /** Who has it open. A test that takes this away has killed the owner, which then never released it. */
  owner: object | undefined;
  released = true;
  nodeName: string | undefined;
  incarnation: string | undefined;
  epoch = 0;
  bootNonce: string | null = null;
  notes = '';
  readonly groups = new Map<GroupId, MemoryGroup>();
  readonly snapshots = new Map<GroupId, MemorySnapshot>();
  /** Stores that were set aside, by where they are kept. */
  readonly kept = new Map<string, MemoryMedium>();

  /** @returns another medium with the same on it, which nobody has open */
  copy(): MemoryMedium {
    const { nodeName, incarnation, epoch, bootNonce, notes, released } = this;
    const copy = new MemoryMedium();
    Object.assign(copy, { nodeName, incarnation, epoch, bootNonce, notes, released });
    for (const [id, group] of this.groups)
      copy.groups.set(id, { ...group, position: group.position.copy(), entries: [...group.entries] });
    for (const [id, snapshot] of this.snapshots) copy.snapshots.set(id, snapshot);
    for (const [where, medium] of this.kept) copy.kept.set(where, medium);
    return copy;
  }

  /** Keeps what is on it, and begins empty. */
  setAside(where: string, nodeName: string, incarnation: string, notes: string): void {
    const kept = this.copy();
    this.kept.set(where, kept);
    this.groups.clear();
    this.snapshots.clear();
    Object.assign(this, { nodeName, incarnation, notes, epoch: 0, bootNonce: null, released: true });
  }
}
