import type { ConfigurationInForce } from '../core/base/configuration';
import type { DurableState, PersistBatch } from '../core/base/effects';
import type { Entry } from '../core/base/entry';
import type { GroupId, LogId, ReplicaId } from '../core/base/types';

/** What a process says of itself when it opens its store. @publicApi */
export interface StoreBoot {
  /** The node's name. A store belongs to one node for good; another name is refused with {@link StoreOwnerError}. */
  readonly nodeName: string;
  /** The incarnation that the store gets if it is new: 32 hexadecimal characters. */
  readonly newIncarnation: string;
  /** Drawn again at each start: 32 hexadecimal characters. */
  readonly bootNonce: string;
}

/** Whose the new store is that takes the place of one that is set aside. @publicApi */
export interface NewOwner {
  readonly nodeName: string;
  /** What the next `open` gives as its incarnation. */
  readonly newIncarnation: string;
  /** What the next `open` gives as its notes. */
  readonly notes: string;
  /** Eight hexadecimal characters that tell this time from others: a part of the name under which the old store is kept. */
  readonly label: string;
}

/** @publicApi */
export interface StoreIdentity {
  /** Drawn once, when the store was made. A wiped store has another. */
  readonly incarnation: string;
  /** Raised by each open; a write with an older one doesn't land. */
  readonly epoch: number;
  /** The nonce of the start before this one, or null: a chain that peers check, to find a store that was rolled back. */
  readonly previousBootNonce: string | null;
  /**
   * Whether the owner before this one never released its lock (it was killed, or its connection was cut). Its process may
   * still be alive and unaware, so the new owner stays silent for a while.
   */
  readonly takenOver: boolean;
  /** What {@link RaftStorage.saveNotes} wrote last; empty where it never did. */
  readonly notes: string;
  /**
   * Why this store may not hold what its node wrote last, as far as the store itself can tell: a sentence that says what
   * happened and what to do. Null where nothing speaks against it, and where it has no group yet.
   */
  readonly moved: string | null;
}

/** Which replica of which cluster a group's log belongs to; written once, with the first batch. @publicApi */
export interface GroupIdentity {
  readonly clusterId: string;
  readonly replicaId: ReplicaId;
}

/** A group's part of one atomic write. @publicApi */
export interface GroupWrite extends PersistBatch {
  readonly group: GroupId;
  /** Present in the first batch of a group, and never again. */
  readonly identity?: GroupIdentity;
}

/** @publicApi */
export interface LoadedGroup extends DurableState {
  readonly identity: GroupIdentity;
}

/** The end of a log, up to an index that was asked for. @publicApi */
export interface LogTail {
  /** The first entry of it. */
  readonly firstIndex: number;
  readonly sizeBytes: number;
}

/** What a snapshot is a snapshot of. @publicApi */
export interface SnapshotMetadata {
  /** The last entry that it covers. */
  readonly last: LogId;
  readonly configuration: ConfigurationInForce;
  /** Version of the encoding of the chunks. */
  readonly format: number;
}

/** A snapshot in a store. @publicApi */
export interface StoredSnapshot {
  readonly metadata: SnapshotMetadata;
  /** How many chunks it has, and how many bytes they are. */
  readonly chunkCount: number;
  readonly sizeBytes: number;
  /** As they were written: the same chunks with the same bytes, each time. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * Where a node keeps what it must not forget. All groups of a node share one.
 *
 * What an implementation promises, and the conformance suite of `nestjs-raft/testing` checks:
 * - one owner at a time: `open` takes a lock that ends with the process, then raises the epoch, then reads;
 * - `persist` is atomic and ordered: all of it or nothing, and only behind the batch before; what resolved survives a power cut;
 * - a rejected `persist` may have landed. `recover` says, and no late write of a lost session lands after it.
 *
 * @publicApi
 */
export interface RaftStorage {
  /**
   * Takes the lock, raises the epoch and makes the tables or files where they are missing.
   *
   * @throws StoreLockedError another process owns the store
   * @throws StoreOwnerError the store belongs to a node of another name
   * @throws StoreUnavailableError it can't be reached, or isn't usable (a transaction-pooling proxy, `fsync` off); the sentence says which
   */
  open(boot: StoreBoot): Promise<StoreIdentity>;

  /**
   * @returns the group's state, or undefined where it was never written
   * @throws StoreCorruptError it isn't what was written: the hard state's checksum (`stateChecksum`) doesn't fit, entries or
   *   the snapshot's chunks are gone. `open` may throw it, too
   */
  load(group: GroupId): Promise<LoadedGroup | undefined>;

  /**
   * Writes all of it in one commit; durable when it resolves. Called again only after it has settled.
   *
   * @throws StoreFencedError the epoch is no longer ours, or a batch is out of sequence: nothing was written, and nothing ever will be
   * @throws any other error: it may have landed; `recover` tells
   */
  persist(writes: readonly GroupWrite[]): Promise<void>;

  /**
   * Makes a new session after a failed write or a lost connection: lock, check of the epoch, and the numbers of the last
   * batches. When it resolves, no write of the old session can land.
   *
   * It is called, too, while a `persist` or a `probe` of the old session has had no answer for long: then it ends that one, so
   * that it settles, and doesn't wait for its answer. It settles itself within bounded time, however silent the store is.
   *
   * @throws StoreFencedError another process opened the store meanwhile
   * @throws any other error: the store can't be reached; try again
   */
  recover(): Promise<ReadonlyMap<GroupId, number>>;

  /** Resolves when the session has just shown that it is alive and still holds the lock. */
  probe(): Promise<void>;

  /**
   * Reads entries in a page, on a connection that doesn't hold up writes.
   *
   * @param from the first index
   * @param to the last index, inclusive
   * @param maxBytes the page ends with the entry that reaches it; at least one entry is returned where there is one
   * @returns contiguous entries from `from` on, fewer where the page is full; none where `from` is compacted or not there yet
   * @throws StoreCorruptError an entry isn't what was written, or is gone
   * @throws StoreNewerError an entry is intact, and of a kind or format that this version doesn't know
   */
  entries(group: GroupId, from: number, to: number, maxBytes: number): Promise<readonly Entry[]>;

  /**
   * Measures the log's end, without reading its data: what is kept in it for slow followers is bounded in bytes.
   *
   * @param from the first index that may count
   * @param to the last index, inclusive
   * @param maxBytes of entries, each counted as its data and 32 bytes
   * @returns the longest run of entries that ends at `to` and takes at most `maxBytes`; an empty one begins at `to + 1`
   */
  tail(group: GroupId, from: number, to: number, maxBytes: number): Promise<LogTail>;

  /**
   * Stores a snapshot in chunks, whole or not at all, and replaces the one before. The log isn't touched.
   *
   * @param chunks read one at a time, so that memory stays bounded
   */
  writeSnapshot(group: GroupId, metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<void>;

  /**
   * Reads beside writes, whatever is written meanwhile: a snapshot that is being read stays until it is read.
   *
   * @param fromChunk the first chunk that is given, counted from 0, so that a transfer which broke off can go on
   * @returns the newest whole snapshot, or undefined
   * @throws StoreCorruptError it isn't what was written; the iteration of its chunks may throw it, too
   */
  readSnapshot(group: GroupId, fromChunk?: number): Promise<StoredSnapshot | undefined>;

  /**
   * Cuts the log's head: the cut itself is one small write, rows go afterwards in small portions.
   *
   * @param to the last entry that goes; its term is kept, as the log's new origin
   */
  compact(group: GroupId, to: LogId): Promise<void>;

  /**
   * Replaces the node's notes: a text of some kilobytes at most, beside the logs, whole or not at all. Durable when it
   * resolves. Never called twice at a time, but beside a `persist`.
   *
   * @throws StoreFencedError the epoch is no longer ours: nothing was written
   * @throws any other error: it may have landed
   */
  saveNotes(notes: string): Promise<void>;

  /** Ends the session and says that it was released. Idempotent; never fails because the connection is gone. */
  close(): Promise<void>;

  /**
   * Puts everything that is stored out of the way, whole, under a name that nobody has yet, and leaves a new and empty store with
   * this owner in its place: one step, so that a crash leaves the one or the other. Called while the storage isn't open, also
   * where `open` fails because of damage. Left out: a damaged node on such a storage can't be repaired by a call.
   *
   * @returns where it is kept, in words for an operator
   * @throws StoreLockedError another process owns the store
   * @throws StoreOwnerError the store belongs to a node of another name
   */
  setAside?(owner: NewOwner): Promise<string>;
}

/** @publicApi */
export class StoreLockedError extends Error {
  override readonly name = 'StoreLockedError';
}

/** @publicApi */
export class StoreOwnerError extends Error {
  override readonly name = 'StoreOwnerError';
}

/** @publicApi */
export class StoreFencedError extends Error {
  override readonly name = 'StoreFencedError';
}

/** @publicApi */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

/**
 * What is stored isn't what was written: a checksum that doesn't fit, rows that are gone. The message says what is damaged; the
 * node goes into quarantine, as leaving it out would let replicas differ. It comes back by a repair. @publicApi
 */
export class StoreCorruptError extends Error {
  override readonly name = 'StoreCorruptError';
}

/** An entry that is intact, of a kind or format that this version doesn't know: the node stops, and needs a newer version. @publicApi */
export class StoreNewerError extends Error {
  override readonly name = 'StoreNewerError';
}
