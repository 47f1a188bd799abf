import type { ConfigurationInForce } from '../../../core/base/configuration';
import { entrySizeBytes, type Entry } from '../../../core/base/entry';
import { NO_REPLICA, ORIGIN, type GroupId, type HardState, type LogId, type TermRun } from '../../../core/base/types';
import { StoreFencedError } from '../../../storage/contract';
import { tailOf } from '../../../storage/log-tail';
import type { GroupIdentity, GroupWrite, LoadedGroup, LogTail, SnapshotMetadata } from '../../../storage/contract';

/** What a disk holds of one group. */
export interface DiskGroup {
  readonly identity: GroupIdentity;
  hardState: HardState;
  commitIndex: number;
  lastBatch: number;
  /** The position before the first entry. */
  origin: LogId;
  readonly entries: Entry[];
  configuration: ConfigurationInForce;
}

/** Everything that is on a disk. */
export type DiskContents = Pick<
  SimulatedDisk,
  'incarnation' | 'nodeName' | 'epoch' | 'bootNonce' | 'notes' | 'released' | 'groups' | 'snapshots'
>;

/** Told of each write that lands, before it changes anything and after. */
export interface DiskObserver {
  landing(disk: SimulatedDisk, write: GroupWrite, before: DiskGroup | undefined): void;
  landed(disk: SimulatedDisk, write: GroupWrite, after: DiskGroup): void;
}

/** One node's disk: it survives crashes with exactly what has landed. */
export class SimulatedDisk {
  incarnation: string | undefined;
  nodeName: string | undefined;
  epoch = 0;
  bootNonce: string | null = null;
  notes = '';
  released = true;
  readonly groups = new Map<GroupId, DiskGroup>();
  readonly snapshots = new Map<
    GroupId,
    { readonly metadata: SnapshotMetadata; readonly chunks: readonly Uint8Array[] }
  >();

  constructor(
    readonly name: string,
    private readonly observer: DiskObserver,
  ) {}

  /** All of it is written, or none. */
  land(writes: readonly GroupWrite[], epoch: number): void {
    if (epoch !== this.epoch) throw new StoreFencedError(`epoch ${epoch} is over: another process has raised it`);
    for (const write of writes) {
      const lastBatch = this.groups.get(write.group)?.lastBatch ?? 0;
      if (write.number !== lastBatch + 1)
        throw new StoreFencedError(`batch ${write.number} doesn't follow batch ${lastBatch}`);
    }
    for (const write of writes) this.observer.landing(this, write, this.groups.get(write.group));
    for (const write of writes) this.observer.landed(this, write, this.write(write));
  }

  load(groupId: GroupId): LoadedGroup | undefined {
    const group = this.groups.get(groupId);
    if (group === undefined) return undefined;
    const { identity, hardState, commitIndex, lastBatch, origin, entries, configuration } = group;
    return {
      identity,
      hardState,
      commitIndex,
      lastBatch,
      snapshot: origin,
      lastIndex: origin.index + entries.length,
      terms: termRunsOf(entries),
      configuration,
      configurationEntries: entries
        .filter((entry) => entry.kind === 'configuration' && entry.index > configuration.index)
        .map(copyOf),
    };
  }

  page(groupId: GroupId, from: number, to: number, maxBytes: number): readonly Entry[] {
    const group = this.groups.get(groupId);
    const page: Entry[] = [];
    if (group === undefined || from <= group.origin.index) return page;
    let bytes = 0;
    for (let index = from; index <= to && bytes < maxBytes; index++) {
      const entry = entryAt(group, index);
      if (entry === undefined) break;
      page.push(copyOf(entry));
      bytes += entrySizeBytes(entry);
    }
    return page;
  }

  tail(groupId: GroupId, from: number, to: number, maxBytes: number): LogTail {
    const { entries = [], origin } = this.groups.get(groupId) ?? {};
    return tailOf(entries, origin?.index ?? 0, from, to, maxBytes);
  }

  compact(groupId: GroupId, to: LogId): void {
    const group = this.groups.get(groupId);
    if (group === undefined || to.index <= group.origin.index) return;
    // A log that doesn't hold the entry has nothing that follows it.
    const holds = termAt(group, to.index) === to.term;
    group.entries.splice(0, holds ? to.index - group.origin.index : group.entries.length);
    group.origin = to;
  }

  /** As if its node had campaigned so often, alone, and nobody had heard of it. @returns false where there is nothing on it yet */
  raiseTerms(by: number): boolean {
    for (const group of this.groups.values())
      group.hardState = { term: group.hardState.term + by, votedFor: NO_REPLICA };
    return this.groups.size > 0;
  }

  /** The disk is replaced by an empty one. */
  wipe(): void {
    this.incarnation = undefined;
    this.nodeName = undefined;
    this.epoch++;
    this.bootNonce = null;
    this.notes = '';
    this.released = true;
    this.groups.clear();
    this.snapshots.clear();
  }

  /** @returns what is on it now, for {@link putBack} */
  copy(): DiskContents {
    const { incarnation, nodeName, epoch, bootNonce, notes, released } = this;
    const groups = new Map([...this.groups].map(([id, group]) => [id, { ...group, entries: [...group.entries] }]));
    return { incarnation, nodeName, epoch, bootNonce, notes, released, groups, snapshots: new Map(this.snapshots) };
  }

  /** The disk is replaced by an older copy of it, which is used up. */
  putBack({ groups, snapshots, ...rest }: DiskContents): void {
    this.wipe();
    Object.assign(this, rest);
    for (const [id, group] of groups) this.groups.set(id, group);
    for (const [id, snapshot] of snapshots) this.snapshots.set(id, snapshot);
  }

  private write(write: GroupWrite): DiskGroup {
    const group = this.groups.get(write.group) ?? this.makeGroup(write);
    group.lastBatch = write.number;
    group.commitIndex = write.commitIndex;
    if (write.hardState !== undefined) group.hardState = { ...write.hardState };
    if (write.truncateFrom !== undefined)
      group.entries.length = Math.min(group.entries.length, write.truncateFrom - 1 - group.origin.index);
    for (const entry of write.entries) group.entries.push(entry);
    if (write.configuration !== undefined) group.configuration = write.configuration;
    return group;
  }

  private makeGroup(write: GroupWrite): DiskGroup {
    if (write.identity === undefined || write.configuration === undefined)
      throw new Error(`the first batch of group ${write.group} has no identity or no configuration`);
    const group: DiskGroup = {
      identity: write.identity,
      hardState: { term: 0, votedFor: 0 },
      commitIndex: 0,
      lastBatch: 0,
      origin: ORIGIN,
      entries: [],
      configuration: write.configuration,
    };
    this.groups.set(write.group, group);
    return group;
  }
}

export function lastIndexOf(group: DiskGroup): number {
  return group.origin.index + group.entries.length;
}

export function entryAt(group: DiskGroup, index: number): Entry | undefined {
  return group.entries[index - group.origin.index - 1];
}

/** @returns the term of an index, of the position before the first entry too; undefined outside of the log */
export function termAt(group: DiskGroup, index: number): number | undefined {
  return index === group.origin.index ? group.origin.term : entryAt(group, index)?.term;
}

/** Nothing that two nodes, or a node and its disk, could both change. */
export function copyOf(entry: Entry): Entry {
  return { ...entry, data: entry.data.slice() };
}

function termRunsOf(entries: readonly Entry[]): readonly TermRun[] {
  const runs: TermRun[] = [];
  for (const { index, term } of entries) if (runs.at(-1)?.term !== term) runs.push({ firstIndex: index, term });
  return runs;
}
