import type { Configuration, ConfigurationInForce } from '../core/base/configuration';
import { toWireConfiguration } from '../core/membership/wire-configuration';
import { crc32c } from '../core/base/checksum';
import type { GroupId, HardState, LogId } from '../core/base/types';
import type { GroupIdentity, SnapshotMetadata } from './contract';

const TEXT = new TextEncoder();
const INTEGER_BYTES = 8;
const LENGTH_BYTES = 4;

/**
 * What is summed, as bytes: an integer takes eight, little endian; a text its length in four, little endian, then its UTF-8.
 * The bytes never change: a store that was written by an earlier build is checked by them.
 */
export function summedBytes(fields: readonly (number | string)[]): Uint8Array {
  const parts = fields.map((field) => (typeof field === 'number' ? field : TEXT.encode(field)));
  const size = parts.reduce<number>(
    (bytes, part) => bytes + (typeof part === 'number' ? INTEGER_BYTES : LENGTH_BYTES + part.length),
    0,
  );
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts)
    if (typeof part === 'number') {
      view.setUint32(at, part >>> 0, true);
      view.setUint32(at + 4, Math.floor(part / 0x1_0000_0000), true);
      at += INTEGER_BYTES;
    } else {
      view.setUint32(at, part.length, true);
      bytes.set(part, at + LENGTH_BYTES);
      at += LENGTH_BYTES + part.length;
    }
  return bytes;
}

/** @returns crc32c over {@link summedBytes}, as an unsigned 32-bit number */
export function checksumOf(fields: readonly (number | string)[]): number {
  return crc32c(0, summedBytes(fields));
}

/** JSON with the keys of every object in order, so that a store may keep it in a form of its own (jsonb does). */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)));
  });
}

const TEXTS = new WeakMap<object, string>();

/**
 * A membership as it is summed. It is never changed in place, and is summed with every batch.
 *
 * @returns its stored form, as canonical JSON
 */
export function summedConfiguration(configuration: Configuration): string {
  let text = TEXTS.get(configuration);
  if (text === undefined) TEXTS.set(configuration, (text = canonicalJson(toWireConfiguration(configuration))));
  return text;
}

/** Everything of a group that isn't an entry or a chunk, and that no other sum covers. @publicApi */
export interface SummedState {
  readonly identity: GroupIdentity;
  readonly hardState: HardState;
  readonly commitIndex: number;
  readonly lastBatch: number;
  /** The position before the first entry. */
  readonly snapshot: LogId;
  readonly lastIndex: number;
  readonly configuration: ConfigurationInForce;
}

/**
 * The checksum of a group's hard state, for stores that keep it in one piece: term, vote, commit index, batch number, the log's
 * bounds, identity and the configuration in force. Store it with them, and compare when you load: a changed bit in a vote is a
 * vote for somebody else.
 *
 * @returns crc32c as an unsigned 32-bit number
 * @publicApi
 */
export function stateChecksum(group: GroupId, state: SummedState): number {
  const { identity, hardState, commitIndex, lastBatch, snapshot, lastIndex, configuration } = state;
  return checksumOf([
    group,
    identity.clusterId,
    identity.replicaId,
    hardState.term,
    hardState.votedFor,
    commitIndex,
    lastBatch,
    snapshot.index,
    snapshot.term,
    lastIndex,
    configuration.index,
    summedConfiguration(configuration.configuration),
  ]);
}

/**
 * The checksum of what a snapshot is a snapshot of, beside those of its chunks.
 *
 * @returns crc32c as an unsigned 32-bit number
 * @publicApi
 */
export function snapshotChecksum(group: GroupId, metadata: SnapshotMetadata, chunkCount: number): number {
  const { last, configuration, format } = metadata;
  return checksumOf([
    group,
    last.index,
    last.term,
    format,
    configuration.index,
    summedConfiguration(configuration.configuration),
    chunkCount,
  ]);
}
