import type { Entry } from '../../../core/base/entry';
import type { GroupId, LogId } from '../../../core/base/types';
import {
  type GroupWrite,
  type LoadedGroup,
  type LogTail,
  type RaftStorage,
  type SnapshotMetadata,
  type StoreBoot,
  StoreFencedError,
  type StoreIdentity,
  type StoredSnapshot,
  StoreLockedError,
  StoreOwnerError,
  StoreUnavailableError,
} from '../../../storage/contract';
import { snapshotWentBack } from '../../../storage/refusals';
import type { Chance } from '../base/chance';
import { describeWrite } from '../base/describe-write';
import { copyOf, type SimulatedDisk } from './simulated-disk';
import type { SimulatedProcess } from './simulated-process';
import type { VirtualEvent } from '../base/virtual-time';
import type { World } from '../base/world';

/** How a disk behaves just now; faults change it. */
export interface DiskConditions {
  /** Mean of an exponential distribution. */
  writeMs: number;
  readMs: number;
  /** The share of writes that end in an error, in equal parts without a trace, with the answer lost, and landing later. */
  writeFailures: number;
  readFailures: number;
  /** The store can't be reached at all: what is under way ends in an error, and nothing new gets through. */
  away: boolean;
  /** Until then nothing is answered, and nothing lands. */
  stalledUntilMs: number;
}

/** Told of what this process hands to its store. */
export interface StorageObserver {
  persisting(write: GroupWrite): void;
  storingSnapshot(metadata: SnapshotMetadata): void;
}

type Outcome = 'lands' | 'fails' | 'answerLost' | 'landsLater';

interface WriteUnderWay {
  readonly writes: readonly GroupWrite[];
  state: 'sent' | 'landed' | 'adrift';
  readonly landing: VirtualEvent | undefined;
  readonly reject: (error: Error) => void;
}

/** Which disk belongs to which process just now: one session holds the lock. */
export interface DiskLock {
  owner: SimulatedStorage | undefined;
}

const SLOW_MS = 100;
/** Longer than the watch over the store waits: half of the longest of the smallest election time-outs. */
const STALL_MS = 500;
/** So long does a new session try to get through to a store that stands still. */
const RECOVERY_LIMIT_MS = 1000;

/** The storage contract over a simulated disk: slow, failing, indeterminate, and cut off by crashes, as its conditions say. */
export class SimulatedStorage implements RaftStorage {
  private epoch = 0;
  private connected = false;
  private troubled = false;
  /** The way to the store swallows everything: nothing answers, and no error says so. */
  private mute = false;
  private underWay: WriteUnderWay | undefined;
  private lastTried: GroupWrite | undefined;
  private onNextWrite: (() => void) | undefined;
  private breaksSnapshot = false;
  private onNextFetched: { readonly afterMs: number; readonly run: () => void } | undefined;

  constructor(
    private readonly disk: SimulatedDisk,
    private readonly lock: DiskLock,
    private readonly conditions: DiskConditions,
    private readonly process: SimulatedProcess,
    private readonly chance: Chance,
    private readonly world: World,
    private readonly watched: StorageObserver,
  ) {}

  async open(boot: StoreBoot): Promise<StoreIdentity> {
    await this.delay(this.conditions.readMs);
    if (this.conditions.away) {
      this.world.paths.count('store was away at a start');
      throw new StoreUnavailableError('the simulated store is away');
    }
    const { disk, lock } = this;
    if (lock.owner !== undefined && lock.owner !== this) throw new StoreLockedError('another process owns the disk');
    if (disk.nodeName !== undefined && disk.nodeName !== boot.nodeName)
      throw new StoreOwnerError(`the disk belongs to ${disk.nodeName}`);
    const takenOver = !disk.released;
    const previousBootNonce = disk.bootNonce;
    lock.owner = this;
    disk.released = false;
    disk.nodeName = boot.nodeName;
    disk.incarnation ??= boot.newIncarnation;
    disk.bootNonce = boot.bootNonce;
    this.epoch = ++disk.epoch;
    this.connected = true;
    this.note('opened', disk.epoch);
    const { incarnation, notes } = disk;
    return { incarnation, epoch: this.epoch, previousBootNonce, takenOver, notes, moved: null };
  }

  async load(group: GroupId): Promise<LoadedGroup | undefined> {
    await this.delay(this.conditions.readMs);
    this.requireSession();
    return this.disk.load(group);
  }

  persist(writes: readonly GroupWrite[]): Promise<void> {
    this.world.verdict.check(
      this.underWay === undefined || this.underWay.state === 'adrift',
      'one write at a time',
      () => `${this.process.label} writes before the write before has settled`,
    );
    if (!this.connected) {
      this.troubled = true;
      return this.refuse(this.sessionIsLost());
    }
    const copies = writes.map((write) => ({ ...write, entries: write.entries.map(copyOf) }));
    this.checkRepetition(copies[0]!);
    if (this.mute) return new Promise(() => undefined);
    // Behind a failure a batch waits for the recovery, and is older than what its node knows by then.
    if (!this.troubled) this.watched.persisting(copies[0]!);
    return new Promise((resolve, reject) => this.begin(copies, resolve, reject));
  }

  async recover(): Promise<ReadonlyMap<GroupId, number>> {
    this.troubled = true;
    if (this.underWay?.state !== 'adrift') this.cutSession();
    const pending = this.underWay;
    if (this.stallMs > RECOVERY_LIMIT_MS) {
      await new Promise<void>((resolve) => void this.process.input(RECOVERY_LIMIT_MS, resolve));
      throw new StoreUnavailableError('the simulated store stands still');
    }
    // What was sent on the lost session may land until the new one has the lock, and not after.
    if (pending?.state === 'adrift' && this.chance.happens(0.5))
      this.world.time.after(this.chance.uniform(0, this.conditions.readMs), () => this.landAdrift(pending));
    await this.delay(2 * this.conditions.readMs);
    if (this.conditions.away || this.chance.happens(this.conditions.readFailures)) {
      this.world.paths.count('failed to recover the store');
      throw new StoreUnavailableError('the simulated store is away');
    }
    if (this.disk.epoch !== this.epoch) throw new StoreFencedError('another process opened the disk meanwhile');
    this.underWay = undefined;
    this.connected = true;
    this.lock.owner = this;
    this.world.paths.count('recovered the store');
    const batches = new Map([...this.disk.groups].map(([group, { lastBatch }]) => [group, lastBatch]));
    this.note('recovered', [...batches.values()][0] ?? 0);
    return batches;
  }

  async probe(): Promise<void> {
    await this.delay(this.conditions.readMs);
    if (this.conditions.away) this.cutSession();
    this.requireSession();
  }

  async entries(group: GroupId, from: number, to: number, maxBytes: number): Promise<readonly Entry[]> {
    this.world.paths.count('loaded entries from the store');
    const early = this.chance.happens(0.5) ? this.disk.page(group, from, to, maxBytes) : undefined;
    await this.delay(this.conditions.readMs);
    if (this.conditions.away || this.chance.happens(this.conditions.readFailures)) {
      this.world.paths.count('failed to load entries');
      throw new StoreUnavailableError('the simulated store could not be read');
    }
    // The page may be as old as its request: what was truncated or compacted meanwhile is in it, or not.
    return early ?? this.disk.page(group, from, to, maxBytes);
  }

  async writeSnapshot(group: GroupId, metadata: SnapshotMetadata, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const copies: Uint8Array[] = [];
    const { paths, time } = this.world;
    this.watched.storingSnapshot(metadata);
    const outcome = this.breaksSnapshot ? 'fails' : this.drawOutcome();
    this.breaksSnapshot = false;
    for await (const chunk of chunks) {
      copies.push(chunk.slice());
      // Commands go on between two chunks.
      await this.delay(this.conditions.writeMs / 2);
      if (outcome !== 'lands' && outcome !== 'answerLost') {
        paths.count('snapshot broke off while it was written');
        throw new StoreUnavailableError('the connection to the simulated store was lost in the middle of a snapshot');
      }
    }
    await this.delay(this.conditions.writeMs);
    this.requireSession();
    const before = this.disk.snapshots.get(group)?.metadata.last;
    if (before !== undefined && metadata.last.index < before.index)
      throw snapshotWentBack(group, metadata.last, before);
    this.disk.snapshots.set(group, { metadata, chunks: copies });
    paths.count('stored a snapshot');
    const fetched = this.onNextFetched;
    if (fetched !== undefined && metadata.last.index > (this.disk.groups.get(group)?.commitIndex ?? 0)) {
      this.onNextFetched = undefined;
      time.after(fetched.afterMs, fetched.run);
    }
    if (outcome === 'answerLost') throw new StoreUnavailableError('the connection was lost behind the last chunk');
  }

  async tail(group: GroupId, from: number, to: number, maxBytes: number): Promise<LogTail> {
    return this.disk.tail(group, from, to, maxBytes);
  }

  async readSnapshot(group: GroupId, fromChunk = 0): Promise<StoredSnapshot | undefined> {
    await this.delay(this.conditions.readMs);
    const snapshot = this.disk.snapshots.get(group);
    if (snapshot === undefined) return undefined;
    const { metadata, chunks } = snapshot;
    const sizeBytes = chunks.reduce((bytes, chunk) => bytes + chunk.length, 0);
    return { metadata, chunkCount: chunks.length, sizeBytes, chunks: inOrder(chunks.slice(fromChunk)) };
  }

  async compact(group: GroupId, to: LogId): Promise<void> {
    await this.delay(this.conditions.writeMs);
    this.requireSession();
    this.disk.compact(group, to);
    this.world.paths.count('cut the head of a log');
  }

  async saveNotes(notes: string): Promise<void> {
    await this.delay(this.conditions.writeMs);
    this.requireSession();
    if (this.conditions.away || this.chance.happens(this.conditions.writeFailures))
      throw new StoreUnavailableError('the simulated store could not be written');
    this.disk.notes = notes;
  }

  async close(): Promise<void> {
    await this.delay(this.conditions.readMs);
    if (this.lock.owner !== this) return;
    this.lock.owner = undefined;
    this.connected = false;
    this.disk.released = this.disk.epoch === this.epoch;
  }

  /** The process was killed: what was in flight has landed or not, whatever it would have known. */
  crashed(): void {
    const { underWay } = this;
    this.underWay = undefined;
    this.connected = false;
    if (this.lock.owner === this) this.lock.owner = undefined;
    if (underWay === undefined || underWay.state === 'landed') return;
    if (underWay.landing !== undefined) this.world.time.cancel(underWay.landing);
    if (this.disk.epoch === this.epoch && this.chance.happens(0.5)) {
      this.world.paths.count('persist landed as the process was killed');
      this.disk.land(underWay.writes, this.epoch);
      return;
    }
    this.world.paths.count('persist was lost as the process was killed');
  }

  /** Calls `then` once, when the next write is under way. */
  whenWriting(then: () => void): void {
    this.onNextWrite = then;
  }

  /** The connection breaks in the middle of the next snapshot. */
  breakNextSnapshot(): void {
    this.breaksSnapshot = true;
  }

  /** Calls `run` once, so long after the next snapshot of another node is whole in the store. */
  whenFetched(afterMs: number, run: () => void): void {
    this.onNextFetched = { afterMs, run };
  }

  /** The store has given the session up, and this side doesn't hear of it. */
  fallSilent(): void {
    this.mute = true;
    if (this.lock.owner === this) this.lock.owner = undefined;
  }

  /** The connection breaks: the lock is free, and what was in flight is not known. */
  cutSession(): void {
    if (!this.connected) return;
    this.connected = false;
    if (this.lock.owner === this) this.lock.owner = undefined;
    const { underWay } = this;
    if (underWay === undefined || underWay.state === 'adrift') return;
    if (underWay.landing !== undefined) this.world.time.cancel(underWay.landing);
    const landed = underWay.state === 'landed';
    if (landed) this.world.paths.count('persist landed, answer lost');
    this.giveUp(underWay, !landed);
  }

  private begin(writes: readonly GroupWrite[], resolve: () => void, reject: (error: Error) => void): void {
    const { conditions, chance } = this;
    const { paths, time } = this.world;
    const outcome = this.drawOutcome();
    const landsInMs = this.stallMs + chance.exponential(conditions.writeMs);
    if (this.stallMs > STALL_MS) paths.count('a write stalled');
    const answersInMs = chance.exponential(conditions.writeMs / 4);
    if (landsInMs + answersInMs > SLOW_MS) paths.count('persist was slow');
    if (writes[0]!.entries.length > 1) paths.count('wrote many entries in one batch');
    this.note('persist', writes[0]!.number, outcome);

    const landing =
      outcome === 'lands' || outcome === 'answerLost'
        ? time.after(landsInMs, () => {
            if (this.underWay !== underWay || this.disk.epoch !== this.epoch) return;
            this.disk.land(writes, this.epoch);
            underWay.state = 'landed';
          })
        : undefined;
    const underWay: WriteUnderWay = { writes, state: 'sent', landing, reject };
    this.underWay = underWay;
    const { onNextWrite } = this;
    this.onNextWrite = undefined;
    if (onNextWrite !== undefined) time.after(chance.uniform(0, landsInMs + answersInMs), onNextWrite);
    time.after(landsInMs + answersInMs, () => {
      if (this.underWay !== underWay || underWay.state === 'adrift' || !this.connected || this.mute) return;
      if (outcome === 'lands') {
        this.underWay = undefined;
        this.troubled = false;
        this.process.input(0, resolve);
        return;
      }
      this.connected = false;
      if (outcome === 'answerLost') paths.count('persist landed, answer lost');
      if (outcome === 'fails') paths.count('persist failed without a trace');
      this.giveUp(underWay, outcome === 'landsLater');
    });
  }

  /**
   * An error is all that the process gets.
   *
   * @param adrift whether it may still land, until the next session has the lock
   */
  private giveUp(underWay: WriteUnderWay, adrift: boolean): void {
    this.troubled = true;
    underWay.state = adrift ? 'adrift' : underWay.state;
    if (!adrift) this.underWay = undefined;
    const error = new StoreUnavailableError('the connection to the simulated store was lost');
    this.process.input(0, () => underWay.reject(error));
  }

  private landAdrift(pending: WriteUnderWay): void {
    if (this.underWay !== pending || this.disk.epoch !== this.epoch) return;
    this.underWay = undefined;
    this.world.paths.count('persist landed after its error');
    this.disk.land(pending.writes, this.epoch);
  }

  private drawOutcome(): Outcome {
    const { writeFailures, away } = this.conditions;
    if (!away && !this.chance.happens(writeFailures)) return 'lands';
    return this.chance.pick(['fails', 'answerLost', 'landsLater'] as const);
  }

  /** A batch that is sent again is the same batch: a receiver may have the first one. */
  private checkRepetition(write: GroupWrite): void {
    const before = this.lastTried;
    this.lastTried = write;
    if (before === undefined || before.number !== write.number) return;
    this.world.paths.count('sent a batch again');
    this.world.verdict.check(
      describeWrite(before) === describeWrite(write),
      'a repeated batch is the same',
      () => `${this.process.label}: ${describeWrite(before)}, then ${describeWrite(write)}`,
    );
  }

  private get stallMs(): number {
    return Math.max(0, this.conditions.stalledUntilMs - this.world.time.nowMs);
  }

  private delay(meanMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.process.input(this.stallMs + this.chance.exponential(meanMs), () => {
        if (!this.mute) resolve();
      });
    });
  }

  private refuse(error: Error): Promise<never> {
    return new Promise((_, reject) => this.process.input(0, () => reject(error)));
  }

  private requireSession(): void {
    if (!this.connected) throw this.sessionIsLost();
    if (this.disk.epoch !== this.epoch) throw new StoreFencedError('another process opened the disk');
  }

  private sessionIsLost(): Error {
    return this.disk.epoch === this.epoch
      ? new StoreUnavailableError('the session to the simulated store is lost')
      : new StoreFencedError('another process opened the disk');
  }

  private note(what: string, value: number, detail = ''): void {
    this.world.trace.add('store', this.process.label, value, () => `${what} ${value} ${detail}`);
  }
}

async function* inOrder(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield chunk;
}
