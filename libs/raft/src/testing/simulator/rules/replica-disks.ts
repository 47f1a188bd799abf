import { DEFAULT_GROUP, type ReplicaId } from '../../../core/base/types';
import type { DiskGroup, SimulatedDisk } from '../simulated/simulated-disk';
import type { Verdict } from '../base/violation';

/** Which replica is on which disk, and what disks that are gone held. */
export class ReplicaDisks {
  private readonly disks = new Map<ReplicaId, SimulatedDisk>();
  /** What wiped disks held: their replicas never come back, and what they held was durable when it was counted. */
  private readonly lost = new Map<ReplicaId, DiskGroup>();
  private readonly stores = new Map<ReplicaId, string>();

  constructor(private readonly verdict: Verdict) {}

  /** A replica id is bound to one store, and never given to another. */
  see(disk: SimulatedDisk, replica: ReplicaId): void {
    this.disks.set(replica, disk);
    const store = `${disk.name} ${disk.incarnation}`;
    const known = this.stores.get(replica);
    if (known === store) return;
    this.verdict.check(
      known === undefined,
      'a replica id is bound to one store',
      () => `replica ${replica} is on ${store}, and was on ${known}`,
    );
    this.stores.set(replica, store);
  }

  /** The disk is about to be wiped. */
  wiping(disk: SimulatedDisk): void {
    const group = disk.groups.get(DEFAULT_GROUP);
    if (group === undefined) return;
    this.lost.set(group.identity.replicaId, { ...group, entries: [...group.entries] });
    this.disks.delete(group.identity.replicaId);
  }

  /** @returns what this replica's store holds; undefined where it has none (any more) */
  groupOf(replica: ReplicaId): DiskGroup | undefined {
    return this.disks.get(replica)?.groups.get(DEFAULT_GROUP);
  }

  /** @returns what it holds, or held when its disk was wiped */
  logOf(replica: ReplicaId): DiskGroup | undefined {
    return this.groupOf(replica) ?? this.lost.get(replica);
  }

  get groups(): readonly DiskGroup[] {
    return [...this.disks.keys()].flatMap((id) => this.groupOf(id) ?? []);
  }
}
