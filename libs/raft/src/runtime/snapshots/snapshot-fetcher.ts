import type { SnapshotWanted } from '../../core/base/effects';
import { isRaftError } from '../../errors/raft-error';
import { type GroupId, type LogId, type ReplicaId, sameLogId } from '../../core/base/types';
import type { RaftStorage, SnapshotMetadata } from '../../storage/contract';
import { errorMessage } from '../base/error-message';
import type { PeerCalls } from '../peers/peer-calls';
import type { MemberRoutes } from '../peers/member-routes';
import type { RaftLogger } from '../base/logger';
import type { Scheduler } from '../base/scheduler';
import { decodeOffer, encodeChunkRequest, type OfferedSnapshot, SNAPSHOT_CHUNK, SNAPSHOT_INFO } from './snapshot-calls';
import type { InstallStatus, SnapshotInfo } from '../status/snapshot-status';

/** Chunks on their way at once: more would stand between heartbeats and their answers. */
const WINDOW = 2;
const RETRY_MS = 100;
/** So often are the members asked for a snapshot before the leader has to say again that it is needed. */
const PATIENCE = 20;
/**
 * For how long a node is waited for that had the snapshot and is away: for what to begin again would cost, within bounds. The least is
 * what a restart takes on a busy machine, the recovery of its database included.
 */
const AWAY_MS = { least: 30_000, most: 300_000 };
/** So often may a node that is there give no chunk, as its store may hang, before another is asked. */
const SILENT_CALLS = 3;

/** Where a snapshot comes from, and when it was first asked for. */
export interface SnapshotFetch {
  readonly sourceName: string;
  readonly startedMs: number;
}

/** A member that may have the snapshot. */
export interface SnapshotHolder {
  readonly id: ReplicaId;
  readonly address: string;
  readonly name: string;
}

interface Fetch {
  readonly required: LogId;
  readonly startedMs: number;
  offer: OfferedSnapshot | undefined;
  source: SnapshotHolder | undefined;
  /** The last chunk that was handed on. */
  latest: { readonly number: number; readonly bytes: Uint8Array } | undefined;
  receivedBytes: number;
  resumptions: number;
  isInstalling: boolean;
}

interface Chunk {
  readonly bytes: Uint8Array;
  readonly source: SnapshotHolder;
}

export interface FetcherPorts {
  readonly storage: RaftStorage;
  readonly groupId: GroupId;
  readonly scheduler: Scheduler;
  readonly logger: RaftLogger;
  readonly routes: Pick<MemberRoutes, 'stateOf'>;
  readonly calls: PeerCalls;
  readonly callTimeoutMs: number;
  /** The members that are connected, those first that shall be asked first. */
  sources(): readonly SnapshotHolder[];
  /** Whether what this member had is lost for good: it is a member no more, or another store answers in its place. */
  isGone(source: ReplicaId): boolean;
  /** A whole snapshot is in the store. @returns when it is installed, or found to be of no use */
  install(metadata: SnapshotMetadata, info: SnapshotInfo): Promise<void>;
}

/**
 * Fetches a snapshot that the leader says is needed: from a follower that has a good one, else from the leader. It asks for
 * each chunk, so that a way which breaks off is gone on with where it broke off, with the same node or with another that has
 * the very same snapshot.
 */
export class SnapshotFetcher {
  private fetch: Fetch | undefined;
  private closed = false;
  private fetched = 0;

  constructor(private readonly ports: FetcherPorts) {}

  /** Bytes of snapshots that came in, in this life. */
  get receivedBytes(): number {
    return this.fetched;
  }

  /** Where the snapshot comes from that is being installed, and when it was first asked for. */
  get underWay(): SnapshotFetch | undefined {
    const { fetch } = this;
    return fetch && { sourceName: fetch.source?.name ?? '', startedMs: fetch.startedMs };
  }

  get status(): InstallStatus | null {
    const { fetch } = this;
    if (fetch === undefined) return null;
    return {
      stage: fetch.isInstalling ? 'installing' : 'fetching',
      index: fetch.offer?.metadata.last.index ?? fetch.required.index,
      source: fetch.source?.name ?? '',
      receivedBytes: fetch.receivedBytes,
      totalBytes: fetch.offer?.sizeBytes ?? 0,
      resumptions: fetch.resumptions,
    };
  }

  /** The leader says so again and again; one fetch at a time. */
  wanted({ required }: SnapshotWanted): void {
    if (this.fetch !== undefined || this.closed) return;
    const fetch: Fetch = {
      required,
      startedMs: this.ports.scheduler.nowMs(),
      offer: undefined,
      source: undefined,
      latest: undefined,
      receivedBytes: 0,
      resumptions: 0,
      isInstalling: false,
    };
    this.fetch = fetch;
    this.run(fetch)
      .catch((error: unknown) => {
        if (!this.closed) this.ports.logger.warn(`A snapshot could not be fetched: ${errorMessage(error)}`);
      })
      .finally(() => {
        this.fetch = undefined;
      });
  }

  close(): void {
    this.closed = true;
  }

  private async run(fetch: Fetch): Promise<void> {
    const { storage, groupId, logger } = this.ports;
    const offer = await this.findOffer(fetch, (each) => each.metadata.last.index >= fetch.required.index);
    if (offer === undefined) return;
    fetch.offer = offer;
    const { metadata, chunkCount, sizeBytes } = offer;
    logger.log(
      `This node lacks what the log no longer has: it gets the snapshot of entry ${metadata.last.index} from '${fetch.source?.name ?? ''}', ${sizeBytes} bytes.`,
    );
    await storage.writeSnapshot(groupId, metadata, this.chunks(fetch, offer));
    if (this.closed) return;
    fetch.isInstalling = true;
    await this.ports.install(metadata, {
      index: metadata.last.index,
      term: metadata.last.term,
      chunks: chunkCount,
      sizeBytes,
    });
  }

  private async *chunks(fetch: Fetch, offer: OfferedSnapshot): AsyncGenerator<Uint8Array, void, undefined> {
    const { last } = offer.metadata;
    const ahead: Promise<Chunk>[] = [];
    const ask = (number: number): void => {
      const chunk = this.chunk(fetch, last, number);
      chunk.catch(() => undefined);
      ahead.push(chunk);
    };
    let asked = 0;
    while (asked < Math.min(WINDOW, offer.chunkCount)) ask(asked++);
    for (let number = 0; number < offer.chunkCount; number++) {
      let chunk = await ahead.shift()!;
      // Another node goes on meanwhile, whose next chunks may be others.
      while (chunk.source !== fetch.source) chunk = await this.chunk(fetch, last, number);
      const { bytes } = chunk;
      fetch.latest = { number, bytes };
      if (asked < offer.chunkCount) ask(asked++);
      fetch.receivedBytes += bytes.length;
      this.fetched += bytes.length;
      yield bytes;
    }
  }

  /** Goes on until it has the chunk, with any member that has that snapshot. */
  private async chunk(fetch: Fetch, last: LogId, number: number): Promise<Chunk> {
    const { calls, callTimeoutMs, routes, scheduler } = this.ports;
    let failingSinceMs: number | undefined;
    for (let failures = 0; ; failures++) {
      if (this.closed) throw new Error('this node is being stopped');
      const source = fetch.source!;
      try {
        const request = encodeChunkRequest(last, number);
        return { bytes: await calls.call(source.address, SNAPSHOT_CHUNK, request, callTimeoutMs), source };
      } catch (error) {
        failingSinceMs ??= scheduler.nowMs();
        await this.pause();
        if (fetch.source !== source || this.closed) continue;
        fetch.resumptions++;
        const mayHaveIt = !saysItHasNone(error) && !this.ports.isGone(source.id);
        const isThere = mayHaveIt && routes.stateOf(source.address).state === 'connected';
        if (isThere && failures < SILENT_CALLS) continue;
        const isTheSame = async ({ metadata }: OfferedSnapshot, holder: SnapshotHolder): Promise<boolean> =>
          sameLogId(metadata.last, last) &&
          !(isThere && holder.id === source.id) &&
          (await this.continues(fetch, last, holder));
        const isFound = (await this.findOffer(fetch, isTheSame, 1)) !== undefined;
        const spentMs = failingSinceMs - fetch.startedMs;
        const patienceMs = Math.min(Math.max(spentMs, AWAY_MS.least), AWAY_MS.most);
        if (!isFound && (!mayHaveIt || scheduler.nowMs() - failingSinceMs > patienceMs))
          throw new Error(`no member has the snapshot of entry ${last.index} now`, { cause: error });
      }
    }
  }

  /**
   * Snapshots of one entry may differ in their bytes, as in what a node knows of the digest that is under way. The checksum of a
   * chunk covers every byte before it, so a receiver of the latest one has all of them.
   */
  private async continues(fetch: Fetch, last: LogId, { address }: SnapshotHolder): Promise<boolean> {
    const { calls, callTimeoutMs } = this.ports;
    let compared: Fetch['latest'];
    while (fetch.latest !== compared) {
      compared = fetch.latest;
      const { number, bytes } = compared!;
      const theirs = await calls
        .call(address, SNAPSHOT_CHUNK, encodeChunkRequest(last, number), callTimeoutMs)
        .catch(() => undefined);
      if (theirs === undefined || Buffer.compare(theirs, bytes) !== 0) return false;
    }
    return true;
  }

  /** Asks the members, followers first: the leader has enough to do. */
  private async findOffer(
    fetch: Fetch,
    isGood: (offer: OfferedSnapshot, source: SnapshotHolder) => boolean | Promise<boolean>,
    rounds = PATIENCE,
  ): Promise<OfferedSnapshot | undefined> {
    const { calls, callTimeoutMs } = this.ports;
    for (let round = 0; round < rounds && !this.closed; round++) {
      for (const source of this.ports.sources()) {
        if (this.ports.isGone(source.id)) continue;
        const answer = await calls
          .call(source.address, SNAPSHOT_INFO, new Uint8Array(0), callTimeoutMs)
          .catch(() => new Uint8Array(0));
        const offer = decodeOffer(answer);
        if (offer === undefined || !(await isGood(offer, source))) continue;
        fetch.source = source;
        return offer;
      }
      await this.pause();
    }
    return undefined;
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => this.ports.scheduler.setTimer(RETRY_MS, resolve));
  }
}

function saysItHasNone(error: unknown): boolean {
  return isRaftError(error) && error.code === 'RAFT_CONFLICT';
}
