import { crc32c, crc32cOfSafeInteger } from './checksum';

/**
 * What an entry is for. `noop` opens a leader's term (thesis §6.4); `configuration` carries a membership; `command` a
 * state-machine command; `clock` the cluster's time; `session` the opening, renewal or end of client sessions;
 * `clusterVersion` raises the format that every member understands.
 *
 * @publicApi
 */
export type EntryKind = 'noop' | 'configuration' | 'command' | 'clock' | 'session' | 'clusterVersion';

/**
 * The numbers of the kinds in stores and on the wire. They never change; a number that isn't here stops the node that meets
 * it, because skipping an entry would let replicas differ.
 */
export const ENTRY_KIND_CODES: Readonly<Record<EntryKind, number>> = Object.freeze({
  noop: 0,
  configuration: 1,
  command: 2,
  clock: 3,
  session: 4,
  clusterVersion: 5,
});

const KINDS_BY_CODE: ReadonlyMap<number, EntryKind> = new Map(
  (Object.keys(ENTRY_KIND_CODES) as EntryKind[]).map((kind) => [ENTRY_KIND_CODES[kind], kind]),
);

/** @returns the kind, or undefined for a number that this version doesn't know */
export function entryKindOfCode(code: number): EntryKind | undefined {
  return KINDS_BY_CODE.get(code);
}

/** The format of {@link Entry.data} that this version writes. */
export const ENTRY_FORMAT = 1;
/** The greatest schema version that the format has room for: 16 bits. */
export const MAX_SCHEMA_VERSION = 0xffff;

/**
 * One entry of the replicated log.
 *
 * @publicApi
 */
export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly kind: EntryKind;
  /** Version of the encoding of {@link data}; a version above the reader's own stops it. */
  readonly format: number;
  /** The version of the command's schema, 0 where it has none. */
  readonly schemaVersion: number;
  readonly data: Uint8Array;
  /** crc32c over index, term, kind, format, schema version and data, as an unsigned 32-bit number. */
  readonly checksum: number;
}

/** An entry before the leader gives it a place in its log. @publicApi */
export interface Proposal {
  readonly kind: EntryKind;
  readonly schemaVersion: number;
  readonly data: Uint8Array;
}

/** Bytes that an entry is counted with beside its data: about what its header costs in memory and on the wire. */
export const ENTRY_OVERHEAD_BYTES = 32;

export function entrySizeBytes(entry: { readonly data: Uint8Array }): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES;
}

export function entryChecksum(entry: Omit<Entry, 'checksum'>): number {
  return checksumByCode(entry, ENTRY_KIND_CODES[entry.kind]);
}

/** The same for a kind that may be a newer version's: whether the entry is intact can be told, though not what it is. */
export function checksumByCode(entry: Omit<Entry, 'checksum' | 'kind'>, code: number): number {
  let crc = crc32cOfSafeInteger(0, entry.index);
  crc = crc32cOfSafeInteger(crc, entry.term);
  crc = crc32cOfSafeInteger(crc, code * 0x1_0000_0000 + entry.format * 0x1_0000 + entry.schemaVersion);
  return crc32c(crc, entry.data);
}

export function makeEntry(index: number, term: number, proposal: Proposal): Entry {
  const { kind, schemaVersion, data } = proposal;
  const entry = {
    index,
    term,
    kind,
    format: ENTRY_FORMAT,
    schemaVersion,
    data,
  };
  return { ...entry, checksum: entryChecksum(entry) };
}

/** @returns whether the entry still is what its leader wrote */
export function isIntact(entry: Entry): boolean {
  return entryChecksum(entry) === entry.checksum;
}
