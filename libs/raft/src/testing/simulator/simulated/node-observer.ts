import type { LogId } from '../../../core/base/types';
import type { Entry } from '../../../core/base/entry';
import type { RaftStatus } from '../../../runtime/status/status';
import type { GroupWrite, SnapshotMetadata } from '../../../storage/contract';
import type { ObservedProcess } from './observed-process';
import type { DiskObserver, SimulatedDisk } from './simulated-disk';

/** Told of each step of a node that its store, its state machine or its status shows. */
export interface NodeObserver extends DiskObserver {
  /** A process of a node begins. @returns what is known of it from here on */
  begin(label: string, disk: SimulatedDisk, wiped: boolean, isStalled: () => boolean): ObservedProcess;
  /** The disk is about to be wiped. */
  wiping(disk: SimulatedDisk): void;
  /** A batch is handed to the store, at the very step in which the kernel made it. */
  persisting(life: ObservedProcess, write: GroupWrite, status: RaftStatus): void;
  /** A node writes a snapshot, its own or another's. */
  storingSnapshot(life: ObservedProcess, metadata: SnapshotMetadata): void;
  /** A state machine is handed entries. */
  applying(life: ObservedProcess, entries: readonly Entry[]): void;
  /** A state machine is done with everything up to this index. */
  appliedTo(life: ObservedProcess, index: number): void;
  /** A state machine took over a snapshot that ends at `last`. */
  restored(life: ObservedProcess, last: LogId): void;
  /** What a node says of itself. */
  status(life: ObservedProcess, status: RaftStatus): void;
  /** A node says that it was removed. */
  saysRemoved(life: ObservedProcess, status: RaftStatus): void;
}
