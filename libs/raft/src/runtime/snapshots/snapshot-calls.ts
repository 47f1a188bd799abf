import { type GroupId, sameLogId } from '../../core/base/types';
import { configurationJson, decodeConfiguration } from '../../core/membership/configuration-codec';
import { RaftError } from '../../errors/raft-error';
import { MalformedBytesError } from '../../state-machine/codec/codec-errors';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';
import { isStoreCorrupt } from '../../storage/checked-load';
import type { RaftStorage, SnapshotMetadata } from '../../storage/contract';
import type { Hello } from '../../transport/contract';
import type { PeerCalls } from '../peers/peer-calls';
import type { SnapshotSentEvent } from '../events/raft-events';
import type { Scheduler } from '../base/scheduler';

export const SNAPSHOT_INFO = 'snapshot.info';
export const SNAPSHOT_CHUNK = 'snapshot.chunk';
const IDLE_MS = 30_000;
const REMEMBERED_CHUNKS = 4;

/** What a node says of the snapshot that it has. */
export interface OfferedSnapshot {
  readonly metadata: SnapshotMetadata;
  readonly chunkCount: number;
  readonly sizeBytes: number;
}

export function encodeOffer({ metadata, chunkCount, sizeBytes }: OfferedSnapshot): Uint8Array {
  const { last, configuration, format } = metadata;
  const wire: WireOffer = {
    index: last.index,
    term: last.term,
    configurationIndex: configuration.index,
    configuration: configurationJson(configuration.configuration),
    format,
    chunkCount,
    sizeBytes,
  };
  return encodeValue(wire);
}

/**
 * @returns undefined for an empty answer: the node has no snapshot
 * @throws MalformedBytesError for bytes that are no offer
 */
export function decodeOffer(bytes: Uint8Array): OfferedSnapshot | undefined {
  if (bytes.length === 0) return undefined;
  const offer = decodeValue(bytes);
  if (!isWireOffer(offer)) throw new MalformedBytesError('The offer of a snapshot is malformed: a field is missing');
  const { index, term, configurationIndex, configuration, format, chunkCount, sizeBytes } = offer;
  const inForce = { index: configurationIndex, configuration: decodeConfiguration(Buffer.from(configuration, 'utf8')) };
  return { metadata: { last: { index, term }, configuration: inForce, format }, chunkCount, sizeBytes };
}

/** As it is sent: these names never change. */
interface WireOffer {
  readonly index: number;
  readonly term: number;
  readonly configurationIndex: number;
  readonly configuration: string;
  readonly format: number;
  readonly chunkCount: number;
  readonly sizeBytes: number;
}

function isWireOffer(value: unknown): value is WireOffer {
  if (typeof value !== 'object' || value === null) return false;
  const { index, term, configurationIndex, configuration, format, chunkCount, sizeBytes } = value as WireOffer;
  const numbers = [index, term, configurationIndex, format, chunkCount, sizeBytes];
  return typeof configuration === 'string' && numbers.every((each) => Number.isSafeInteger(each) && each >= 0);
}

export function encodeChunkRequest(last: { readonly index: number; readonly term: number }, chunk: number): Uint8Array {
  return encodeValue([last.index, last.term, chunk]);
}

/** @throws MalformedBytesError */
export function decodeChunkRequest(bytes: Uint8Array): readonly [index: number, term: number, chunk: number] {
  const asked = decodeValue(bytes);
  if (Array.isArray(asked) && asked.length === 3 && asked.every((each) => Number.isSafeInteger(each) && each >= 0))
    return asked as unknown as readonly [number, number, number];
  throw new MalformedBytesError('A call for a chunk of a snapshot is malformed');
}

interface Cursor {
  readonly index: number;
  readonly term: number;
  /** The number of the chunk that the iterator gives next. */
  next: number;
  iterator: AsyncIterator<Uint8Array>;
  readonly recent: Map<number, Uint8Array>;
  readonly openedAtMs: number;
  readonly chunkCount: number;
  readonly sizeBytes: number;
  usedAtMs: number;
  /** One read at a time. */
  turn: Promise<unknown>;
}

/**
 * Gives this node's snapshot to a peer that asks for it, chunk by chunk. Any member does, not only the leader: what is in a
 * snapshot was committed. A transfer that broke off goes on where the asker says.
 */
export class SnapshotServer {
  private readonly cursors = new Map<string, Cursor>();

  constructor(
    private readonly storage: RaftStorage,
    private readonly group: GroupId,
    private readonly scheduler: Scheduler,
    /** A peer got the last chunk. */
    private readonly sent: (sent: SnapshotSentEvent) => void,
    /** The snapshot isn't what was written. */
    private readonly damaged: (error: Error) => void,
  ) {}

  serve(calls: PeerCalls): void {
    calls.serve(SNAPSHOT_INFO, () => this.unlessDamaged(this.offer()));
    calls.serve(SNAPSHOT_CHUNK, (body, caller) => this.unlessDamaged(this.chunk(body, caller)));
  }

  tick(nowMs: number): void {
    for (const [caller, cursor] of this.cursors) if (nowMs - cursor.usedAtMs > IDLE_MS) this.drop(caller, cursor);
  }

  close(): void {
    for (const [caller, cursor] of this.cursors) this.drop(caller, cursor);
  }

  private async unlessDamaged(answer: Promise<Uint8Array>): Promise<Uint8Array> {
    try {
      return await answer;
    } catch (error) {
      if (isStoreCorrupt(error)) this.damaged(error);
      throw error;
    }
  }

  private async offer(): Promise<Uint8Array> {
    const snapshot = await this.storage.readSnapshot(this.group);
    return snapshot === undefined ? new Uint8Array(0) : encodeOffer(snapshot);
  }

  private async chunk(body: Uint8Array, caller: Hello): Promise<Uint8Array> {
    const [index, term, number] = decodeChunkRequest(body);
    let cursor = this.cursors.get(caller.incarnation);
    if (cursor === undefined || !sameLogId(cursor, { index, term })) {
      if (cursor !== undefined) this.drop(caller.incarnation, cursor);
      cursor = {
        ...(await this.open(index, term, number)),
        index,
        term,
        openedAtMs: this.scheduler.nowMs(),
        usedAtMs: 0,
        recent: new Map(),
        turn: Promise.resolve(),
      };
      this.cursors.set(caller.incarnation, cursor);
    }
    const mine = cursor;
    mine.usedAtMs = this.scheduler.nowMs();
    const answer = mine.turn.then(() => this.read(mine, number, caller.nodeName));
    mine.turn = answer.catch(() => this.drop(caller.incarnation, mine));
    return answer;
  }

  private async read(cursor: Cursor, number: number, peer: string): Promise<Uint8Array> {
    const known = cursor.recent.get(number);
    if (known !== undefined) return known;
    if (number !== cursor.next) {
      await cursor.iterator.return?.();
      Object.assign(cursor, await this.open(cursor.index, cursor.term, number));
    }
    const step = await cursor.iterator.next();
    if (step.done === true) throw noSuchSnapshot(cursor.index);
    const { value } = step;
    cursor.next++;
    cursor.recent.set(number, value);
    cursor.recent.delete(number - REMEMBERED_CHUNKS);
    if (number === cursor.chunkCount - 1) this.sentWhole(cursor, peer);
    return value;
  }

  private sentWhole({ index, sizeBytes, openedAtMs }: Cursor, peer: string): void {
    this.sent({ peer, index, sizeBytes, durationMs: this.scheduler.nowMs() - openedAtMs });
  }

  private async open(index: number, term: number, from: number) {
    const snapshot = await this.storage.readSnapshot(this.group, from);
    if (snapshot === undefined || !sameLogId(snapshot.metadata.last, { index, term })) throw noSuchSnapshot(index);
    const { chunkCount, sizeBytes } = snapshot;
    return { next: from, iterator: snapshot.chunks[Symbol.asyncIterator](), chunkCount, sizeBytes };
  }

  private drop(caller: string, cursor: Cursor): void {
    if (this.cursors.get(caller) === cursor) this.cursors.delete(caller);
    void cursor.iterator.return?.()?.then(
      () => undefined,
      () => undefined,
    );
  }
}

function noSuchSnapshot(index: number): RaftError {
  return new RaftError('RAFT_CONFLICT', `This node has no snapshot of entry ${index} now.`);
}
