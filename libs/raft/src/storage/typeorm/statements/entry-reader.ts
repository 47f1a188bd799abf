import {
  checksumByCode,
  type Entry,
  ENTRY_FORMAT,
  ENTRY_OVERHEAD_BYTES,
  entryKindOfCode,
} from '../../../core/base/entry';
import { type LogTail, StoreCorruptError, StoreNewerError } from '../../contract';
import { copyRows, readInt8 } from './copy-rows';
import { toSafeInteger } from '../entities/safe-integer';
import type { PostgresClient } from '../connection/postgres-client';
import type { Tables } from '../entities/tables';

const COLUMNS = 'index, term, checksum, format, schema_version, kind, data';
const FIXED_BYTES = [8, 8, 4, 4, 4, 2] as const;

/** A page has at most this many entries, so that one query never takes long. */
export const PAGE_ENTRIES = 10_000;

export interface LogSlice {
  readonly group: string;
  readonly groupId: number;
  readonly generation: number;
  /** The first and the last index, inclusive. */
  readonly from: number;
  readonly to: number;
}

/**
 * @returns contiguous entries from `slice.from` on; the page ends with the one that reaches `maxBytes`
 * @throws StoreCorruptError an entry isn't what was written
 * @throws StoreNewerError an entry is of a kind or format that this version doesn't know
 */
export async function readPage(
  client: PostgresClient,
  tables: Tables,
  slice: LogSlice,
  maxBytes: number,
): Promise<Entry[]> {
  const limit = Math.min(
    PAGE_ENTRIES,
    slice.to - slice.from + 1,
    Math.ceil(Math.max(1, maxBytes) / ENTRY_OVERHEAD_BYTES),
  );
  const within = `group_id = ${slice.groupId} AND generation = ${slice.generation}
    AND index BETWEEN ${slice.from} AND ${slice.from + limit - 1}`;
  // Sizes are known without reading what is stored out of line, so the page is cut before its bytes are fetched.
  const query = `
    SELECT ${COLUMNS} FROM (
      SELECT ${COLUMNS}, sum(octet_length(data) + ${ENTRY_OVERHEAD_BYTES})
        OVER (ORDER BY index ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
      FROM ${tables.entry} WHERE ${within}
    ) AS page WHERE before IS NULL OR before < ${Math.max(1, Math.ceil(maxBytes))} ORDER BY index`;
  const page: Entry[] = [];
  await copyRows(client, query, FIXED_BYTES, (buffer, at, data) => {
    const entry = decode(slice.group, buffer, at, data);
    if (entry.index !== slice.from + page.length)
      throw new StoreCorruptError(
        `The log of group '${slice.group}' has a gap: entry ${entry.index} stands where ${slice.from + page.length} must be.`,
      );
    page.push(entry);
  });
  return page;
}

/** Sums sizes from the end of the slice on; what is stored out of line isn't read for it. */
export async function measureTail(
  client: PostgresClient,
  tables: Tables,
  slice: LogSlice,
  maxBytes: number,
): Promise<LogTail> {
  const { groupId, generation, from, to } = slice;
  const [row] = (
    await client.query({
      text: `SELECT coalesce(min(index), $4::bigint + 1), coalesce(max(through), 0) FROM (
          SELECT index, sum(octet_length(data) + ${ENTRY_OVERHEAD_BYTES}) OVER (ORDER BY index DESC) AS through
          FROM ${tables.entry} WHERE group_id = $1 AND generation = $2 AND index BETWEEN $3::bigint AND $4
        ) AS sizes WHERE through <= $5::numeric`,
      values: [groupId, generation, from, to, maxBytes],
      rowMode: 'array',
    })
  ).rows;
  const [firstIndex, sizeBytes] = (row ?? []).map(toSafeInteger) as [number, number];
  return { firstIndex, sizeBytes };
}

/** @returns the entries of kind `configuration` in the slice, however far apart */
export async function readConfigurationEntries(
  client: PostgresClient,
  tables: Tables,
  slice: LogSlice,
): Promise<Entry[]> {
  const found: Entry[] = [];
  const query = `SELECT ${COLUMNS} FROM ${tables.entry}
    WHERE group_id = ${slice.groupId} AND generation = ${slice.generation} AND kind = 1
      AND index BETWEEN ${slice.from} AND ${slice.to} ORDER BY index`;
  await copyRows(client, query, FIXED_BYTES, (buffer, at, data) => {
    found.push(decode(slice.group, buffer, at, data));
  });
  return found;
}

function decode(group: string, buffer: Buffer, at: readonly number[], data: Buffer): Entry {
  const [indexAt, termAt, checksumAt, formatAt, versionAt, kindAt] = at as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const index = readInt8(buffer, indexAt);
  const code = buffer.readInt16BE(kindAt);
  const format = buffer.readInt32BE(formatAt);
  const kind = entryKindOfCode(code);
  const entry = {
    index,
    term: readInt8(buffer, termAt),
    format,
    schemaVersion: buffer.readInt32BE(versionAt),
    data,
    checksum: buffer.readUInt32BE(checksumAt),
  };
  if (checksumByCode(entry, code) !== entry.checksum)
    throw new StoreCorruptError(`Entry ${index} of group '${group}' isn't what was written: its checksum doesn't fit.`);
  const newer = (what: string) =>
    new StoreNewerError(
      `Entry ${index} of group '${group}' is ${what}. The node stops: leaving it out would let replicas differ. Start a newer version.`,
    );
  if (kind === undefined) throw newer(`of kind ${code}, which this version doesn't know`);
  if (format < 1 || format > ENTRY_FORMAT)
    throw newer(`in format ${format}, and this version reads up to ${ENTRY_FORMAT}`);
  return { ...entry, kind };
}
