/** The value of a key, as it is kept and answered: these names never change. */
export interface MapEntryRecord {
  readonly value: unknown;
  /** The index of the entry that set it. */
  readonly version: number;
  /** Cluster time; 0 where it stays. */
  readonly expiresAt: number;
}

/** One change of a map. @publicApi */
export interface RaftMapChange<T = unknown> {
  /** `expire`: the key's ttl has ended. */
  readonly type: 'set' | 'delete' | 'expire';
  readonly key: string;
  /** With `set`: the new value. */
  readonly value?: T;
  /** The index of the change; of a `set`, the key's version. Several keys may expire at one index. */
  readonly index: number;
}

/** A change as it is kept, told and answered: these names never change. */
export interface MapChangeRecord {
  readonly type: 'set' | 'delete' | 'expire';
  readonly key: string;
  readonly value?: unknown;
  readonly index: number;
}

/** What the machine tells of a change. */
export interface MapChangeEvent extends MapChangeRecord {
  readonly map: string;
}

/** @returns the change as a watch tells it */
export function changeOf(record: MapChangeRecord): RaftMapChange {
  const { type, key, index } = record;
  return 'value' in record ? { type, key, value: record.value, index } : { type, key, index };
}

/** Where a map's history begins. */
export interface MapMeta {
  /** The greatest index of which something is forgotten; 0 where all is kept. */
  readonly forgottenThrough: number;
}

export type MapStored = MapEntryRecord | MapChangeRecord | MapMeta;

/** How many changes of a map are kept, for those who watch from an index. */
export const HISTORY_LENGTH = 1_000;

const SEPARATOR = '\0';

export const entryKey = (map: string, key: string): string => `e${SEPARATOR}${map}${SEPARATOR}${key}`;
export const changeKey = (map: string, number: number): string => `h${SEPARATOR}${map}${SEPARATOR}${number}`;
export const metaKey = (map: string): string => `m${SEPARATOR}${map}`;
export const dueKey = (map: string, key: string): string => `${map}${SEPARATOR}${key}`;

/** Splits at the first separator: names have none. */
export function splitKey(joined: string): readonly [map: string, rest: string] {
  const at = joined.indexOf(SEPARATOR);
  return at === -1 ? [joined, ''] : [joined.slice(0, at), joined.slice(at + 1)];
}
