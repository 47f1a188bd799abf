import type { Configuration, ConfigurationInForce } from '../../core/base/configuration';
import { type Entry, type EntryKind, makeEntry } from '../../core/base/entry';
import type { GroupWrite, RaftStorage, SnapshotMetadata, StoreBoot } from '../../storage/contract';

export const ALPHA = 'alpha';
export const BETA = 'beta';

export function hexId(seed: number): string {
  return seed.toString(16).padStart(32, '0');
}

/** @param start distinguishes the starts of one node */
export function boot(start: number, nodeName = 'n1'): StoreBoot {
  return { nodeName, newIncarnation: hexId(0x1000 + start), bootNonce: hexId(0x2000 + start) };
}

export function configurationOf(...voters: number[]): Configuration {
  return {
    members: voters.map((id) => ({
      id,
      name: `n${id}`,
      peer: `n${id}:7001`,
      http: `http://n${id}:3000`,
      incarnation: hexId(id),
    })),
    voters,
    outgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: true,
    target: null,
    added: [],
    nextReplicaId: Math.max(0, ...voters) + 1,
  };
}

export const GENESIS: ConfigurationInForce = { index: 0, configuration: configurationOf(1, 2, 3) };

/** The first batch of a group. */
export function founding(group = ALPHA, fields: Partial<GroupWrite> = {}): GroupWrite {
  return {
    group,
    number: 1,
    identity: { clusterId: hexId(0xc1), replicaId: 2 },
    configuration: GENESIS,
    hardState: { term: 1, votedFor: 2 },
    commitIndex: 0,
    entries: [],
    ...fields,
  };
}

export function batch(number: number, fields: Partial<GroupWrite> = {}): GroupWrite {
  return { group: ALPHA, number, commitIndex: 0, entries: [], ...fields };
}

/** Data that differs from index to index and from term to term. */
export function dataOf(index: number, term: number, bytes = 24): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => (index * 31 + term * 7 + at) % 256);
}

export interface EntryShape {
  readonly kind?: EntryKind;
  readonly bytes?: number;
  readonly schemaVersion?: number;
}

export function entry(
  index: number,
  term: number,
  { kind = 'command', bytes, schemaVersion = 0 }: EntryShape = {},
): Entry {
  return makeEntry(index, term, { kind, schemaVersion, data: dataOf(index, term, bytes) });
}

/** Entries `from` to `to`, inclusive, of one term. */
export function entries(from: number, to: number, term: number, shape?: EntryShape): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => entry(from + at, term, shape));
}

export function snapshotMetadata(index: number, term: number): SnapshotMetadata {
  return { last: { index, term }, configuration: { index: 0, configuration: configurationOf(1, 2) }, format: 1 };
}

export async function* chunksOf(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield chunk;
}

/** Opens the store and writes a founded group with the given runs of entries: `[count, term]` each. */
export async function openWithLog(
  storage: RaftStorage,
  ...runs: readonly (readonly [number, number])[]
): Promise<void> {
  await storage.open(boot(1));
  await storage.persist([founding()]);
  let index = 0;
  let number = 1;
  for (const [count, term] of runs) {
    await storage.persist([batch(++number, { entries: entries(index + 1, index + count, term) })]);
    index += count;
  }
}
