import { ORIGIN } from '../../core/base/types';
import type { GroupId, LogId } from '../../core/base/types';
import { crc32c } from '../../core/base/checksum';
import { type Entry, entrySizeBytes, isIntact } from '../../core/base/entry';
import {
  type GroupWrite,
  type LoadedGroup,
  type LogTail,
  type NewOwner,
  type RaftStorage,
  type SnapshotMetadata,
  type StoreBoot,
  StoreCorruptError,
  StoreFencedError,
  type StoreIdentity,
  type StoredSnapshot,
  StoreLockedError,
} from '../contract';
import { GroupPosition } from '../group-position';
import { tailOf } from '../log-tail';
import { ownedByAnother, snapshotOfUnknownGroup, snapshotWentBack } from '../refusals';
import { snapshotChecksum, stateChecksum } from '../state-checksum';
import { type MemoryGroup, MemoryMedium, type MemorySnapshot } from './memory-medium';

/**
 * Keeps everything in this process: what is written is gone when it ends. For a cluster of one, for trying things out, and
 * for tests. A node on it comes back as a new replica.
 *
 * @publicApi
 */
export class MemoryStorage implements RaftStorage {
  private epoch = 0;

  /** @param medium what to write on; a new one where it is left out */
  constructor(readonly medium: MemoryMedium = new MemoryMedium()) {}

  async open(boot: StoreBoot): Promise<StoreIdentity> {
    const { medium } = this;
    this.refuseOtherOwner(boot.nodeName);
    const isNew = medium.incarnation === undefined;
    const previousBootNonce = medium.bootNonce;
    const takenOver = !medium.released;
    medium.owner = this;
    medium.released = false;
    medium.nodeName = boot.nodeName;
    medium.incarnation ??= boot.newIncarnation;
    medium.bootNonce = boot.bootNonce;
    this.epoch = ++medium.epoch;
    const { incarnation, notes } = medium;
    return {
      incarnation,
      epoch: this.epoch,
      previousBootNonce,
      takenOver: !isNew && takenOver,
      notes,
      moved: null,
    };
  }

  async load(group: GroupId): Promise<LoadedGroup | undefined> {
    this.requireOwnership();
    const stored = this.medium.groups.get(group);
    if (!stored) return undefined;
    const { identity, position, hardState, configuration, entries } = stored;
    if (stored.checksum !== memoryChecksum(group, stored))
      throw new StoreCorruptError(`The state of group '${group}' isn't what was written: its checksum doesn't fit.`);
    if (entries.length !== position.lastIndex - position.origin.index)
      throw new StoreCorruptError(
        `The log of group '${group}' should hold the entries ${position.origin.index + 1} to ${position.lastIndex}; ` +
          `${entries.length} are there.`,
      );
    return {
      identity,
      hardState,
      commitIndex: Math.max(position.commitIndex, position.origin.index),
      lastBatch: position.lastBatch,
      snapshot: position.origin,
      lastIndex: position.lastIndex,
      terms: [...position.terms],
      configuration,
      configurationEntries: entries.filter(
        ({ kind, index }) => kind === 'configuration' && index > configuration.index,
      ),
    };
  }

  async persist(writes: readonly GroupWrite[]): Promise<void> {
    this.requireOwnership();
    // All are checked before the first is applied: one commit for many groups lands whole or not at all.
    for (const write of writes)
      (this.medium.groups.get(write.group)?.position ?? new GroupPosition()).refuseUnlessNext(write);
    for (const write of writes) this.apply(write);
  }

  private apply(write: GroupWrite): void {
    const { group, identity, configuration, hardState, truncateFrom } = write;
    let stored = this.medium.groups.get(group);
    if (!stored) {
      if (!identity || !configuration) throw new StoreFencedError(`Group '${group}' has no identity`);
      const fresh: MemoryGroup = {
        identity,
        configuration,
        position: new GroupPosition(),
        hardState: { term: 0, votedFor: 0 },
        entries: [],
        checksum: 0,
      };
      this.medium.groups.set(group, fresh);
      stored = fresh;
    }
    if (hardState) stored.hardState = hardState;
    if (configuration) stored.configuration = configuration;
    if (truncateFrom !== undefined) stored.entries.length = truncateFrom - 1 - stored.position.origin.index;
    for (const entry of write.entries) stored.entries.push(entry);
    stored.position.advance(write);
    stored.checksum = memoryChecksum(group, stored);
  }

  async recover(): Promise<ReadonlyMap<GroupId, number>> {
    const { medium } = this;
    if (medium.epoch !== this.epoch || (medium.owner && medium.owner !== this)) throw this.fenced();
    medium.owner = this;
    return new Map([...medium.groups].map(([group, { position }]) => [group, position.lastBatch]));
  }

  async probe(): Promise<void> {
    this.requireOwnership();
  }

  async entries(group: GroupId, from: number, to: number, maxBytes: number): Promise<readonly Entry[]> {
    const stored = this.medium.groups.get(group);
    const page: Entry[] = [];
    if (!stored) return page;
    const first = stored.position.origin.index + 1;
    let bytes = 0;
    for (let at = from - first; at >= 0 && at <= to - first && bytes < maxBytes; at++) {
      const entry = stored.entries[at];
      if (!entry) break;
      if (!isIntact(entry) || entry.index !== first + at)
        throw new StoreCorruptError(
          `Entry ${first + at} of group '${group}' isn't what was written: its checksum doesn't fit.`,
        );
      page.push(entry);
      bytes += entrySizeBytes(entry);
    }
    return page;
  }

  async tail(group: GroupId, from: number, to: number, maxBytes: number): Promise<LogTail> {
    const { entries = [], position } = this.medium.groups.get(group) ?? {};
    return tailOf(entries, position?.origin.index ?? 0, from, to, maxBytes);
  }

  async writeSnapshot(group: GroupId, metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.requireOwnership();
    const copies: Uint8Array[] = [];
    for await (const chunk of chunks) copies.push(chunk.slice());
    this.requireOwnership();
    if (!this.medium.groups.has(group)) throw snapshotOfUnknownGroup(group);
    const before = this.medium.snapshots.get(group)?.metadata.last ?? ORIGIN;
    if (metadata.last.index < before.index) throw snapshotWentBack(group, metadata.last, before);
    this.medium.snapshots.set(group, {
      metadata,
      chunks: copies,
      checksum: snapshotChecksum(group, metadata, copies.length),
      chunkChecksums: copies.map((chunk) => crc32c(0, chunk)),
    });
  }

  async readSnapshot(group: GroupId, fromChunk = 0): Promise<StoredSnapshot | undefined> {
    const snapshot = this.medium.snapshots.get(group);
    if (!snapshot) return undefined;
    const { metadata, chunks, checksum } = snapshot;
    if (checksum !== snapshotChecksum(group, metadata, chunks.length))
      throw new StoreCorruptError(`The snapshot of group '${group}' isn't what was written: its checksum doesn't fit.`);
    const sizeBytes = chunks.reduce((bytes, chunk) => bytes + chunk.length, 0);
    return { metadata, chunkCount: chunks.length, sizeBytes, chunks: intactChunks(group, snapshot, fromChunk) };
  }

  async compact(group: GroupId, to: LogId): Promise<void> {
    this.requireOwnership();
    const stored = this.medium.groups.get(group);
    if (!stored) return;
    const first = stored.position.origin.index + 1;
    const became = stored.position.cut(to);
    if (became === 'cut') stored.entries = stored.entries.slice(to.index + 1 - first);
    if (became === 'dropped') stored.entries = [];
    stored.checksum = memoryChecksum(group, stored);
  }

  async saveNotes(notes: string): Promise<void> {
    this.requireOwnership();
    this.medium.notes = notes;
  }

  async close(): Promise<void> {
    if (this.medium.owner !== this) return;
    this.medium.owner = undefined;
    this.medium.released = true;
  }

  async setAside({ nodeName, newIncarnation, notes, label }: NewOwner): Promise<string> {
    const { medium } = this;
    this.refuseOtherOwner(nodeName);
    const where = `the memory of this process, as 'damaged_${label}'`;
    medium.setAside(where, nodeName, newIncarnation, notes);
    return where;
  }

  /** @throws StoreOwnerError or StoreLockedError */
  private refuseOtherOwner(nodeName: string): void {
    const { medium } = this;
    if (medium.nodeName !== undefined && medium.nodeName !== nodeName)
      throw ownedByAnother(medium.nodeName, nodeName, 'this memory store', 'Give each node a store of its own.');
    if (medium.owner)
      throw new StoreLockedError(
        `This memory store is open already, by node '${medium.nodeName}'. Give each node a store of its own, or close it first.`,
      );
  }

  private requireOwnership(): void {
    if (this.medium.owner !== this || this.medium.epoch !== this.epoch) throw this.fenced();
  }

  private fenced(): StoreFencedError {
    return new StoreFencedError(
      this.epoch === 0
        ? 'This memory store is not open. Call open() first.'
        : 'This memory store was closed or opened by another owner; nothing was written.',
    );
  }
}

/** The checksum that a group's state has to have. */
export function memoryChecksum(group: GroupId, { identity, position, hardState, configuration }: MemoryGroup): number {
  const { commitIndex, lastBatch, origin, lastIndex } = position;
  return stateChecksum(group, {
    identity,
    hardState,
    commitIndex,
    lastBatch,
    snapshot: origin,
    lastIndex,
    configuration,
  });
}

async function* intactChunks(
  group: GroupId,
  { chunks, chunkChecksums }: MemorySnapshot,
  from: number,
): AsyncGenerator<Uint8Array> {
  for (let at = from; at < chunks.length; at++) {
    const chunk = chunks[at]!;
    if (crc32c(0, chunk) !== chunkChecksums[at])
      throw new StoreCorruptError(`Chunk ${at} of the snapshot of group '${group}' isn't what was written.`);
    yield chunk;
  }
}

/**
 * A store that lives and ends with this process.
 *
 * @publicApi
 */
export function memoryStorage(): MemoryStorage {
  return new MemoryStorage();
}
