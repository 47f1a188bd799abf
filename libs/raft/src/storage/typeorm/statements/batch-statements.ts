import { type Entry, ENTRY_KIND_CODES } from '../../../core/base/entry';
import { toWireConfiguration } from '../../../core/membership/wire-configuration';
import type { GroupWrite } from '../../contract';
import { boolArray, byteaArray, int2Array, int4Array, int8Array } from './binary-array';
import { batchChecksum, groupChecksum, rowAfter, type StoredGroup } from './group-row';
import type { StatementCall } from '../connection/postgres-client';
import type { Tables } from '../entities/tables';

/** Under which conditions a write may land, beside that the batch before it has. */
export interface WriteGuard {
  readonly epoch: number;
  /** The backend that holds the lock. Behind a proxy that swaps sessions, nothing lands. */
  readonly backendPid: number;
}

/**
 * The statements that write. Each is one round trip and one transaction of its own, and lands only if its conditions hold:
 * our epoch, our backend, and for every group the batch before as the last one. It answers with the number of batches that
 * landed, as the count of its rows: all or none.
 *
 * The plain one, for entries of one group, term and kind, is what a busy leader sends; everything else takes the other.
 */
export class BatchStatements {
  private readonly appendText: string;
  private readonly writeText: string;

  constructor(tables: Tables) {
    this.appendText = appendText(tables);
    this.writeText = writeText(tables);
  }

  /** @param groups the stored group of each write, in the same order */
  of(guard: WriteGuard, writes: readonly GroupWrite[], groups: readonly StoredGroup[]): StatementCall {
    const [write] = writes;
    const [group] = groups;
    return writes.length === 1 && write && group && isPlain(write)
      ? this.append(guard, write, group)
      : this.write(guard, writes, groups);
  }

  private append(guard: WriteGuard, write: GroupWrite, { id, generation, position }: StoredGroup): StatementCall {
    const { entries } = write;
    const [first] = entries;
    return {
      name: 'raft_append',
      text: this.appendText,
      values: [
        guard.epoch,
        guard.backendPid,
        id,
        write.number,
        write.commitIndex,
        position.lastIndexAfter(write),
        generation,
        position.lastIndex,
        first?.term ?? 0,
        first ? ENTRY_KIND_CODES[first.kind] : 0,
        first?.format ?? 0,
        first?.schemaVersion ?? 0,
        first ? position.startsTerm(first, undefined) : false,
        int4Array(entries, checksumOf),
        byteaArray(entries, dataOf),
        batchChecksum({
          groupId: id,
          number: write.number,
          epoch: guard.epoch,
          commitIndex: write.commitIndex,
          lastIndex: position.lastIndexAfter(write),
          generation,
        }),
      ],
      rowMode: 'array',
    };
  }

  private write(guard: WriteGuard, writes: readonly GroupWrite[], groups: readonly StoredGroup[]): StatementCall {
    const rows: EntryRow[] = [];
    const batches = writes.map((write, at) => {
      const { id, generation, position, row } = groups[at] as StoredGroup;
      const lastIndex = position.lastIndexAfter(write);
      const { number, commitIndex, hardState, configuration, identity } = write;
      write.entries.forEach((entry, place) =>
        rows.push({ id, generation, entry, startsTerm: position.startsTerm(entry, write.entries[place - 1]) }),
      );
      return {
        group_id: id,
        number,
        commit_index: commitIndex,
        last_index: lastIndex,
        generation,
        truncates: write.truncateFrom !== undefined,
        term: hardState?.term,
        voted_for: hardState?.votedFor,
        configuration_index: configuration?.index,
        configuration: configuration && toWireConfiguration(configuration.configuration),
        name: identity && write.group,
        cluster_id: identity?.clusterId,
        replica_id: identity?.replicaId,
        checksum: batchChecksum({ groupId: id, number, epoch: guard.epoch, commitIndex, lastIndex, generation }),
        group_checksum: groupChecksum(id, rowAfter(row, write), position.origin, generation),
      };
    });
    return {
      name: 'raft_write',
      text: this.writeText,
      values: [
        guard.epoch,
        guard.backendPid,
        JSON.stringify(batches),
        int4Array(rows, ({ id }) => id),
        int4Array(rows, ({ generation }) => generation),
        int8Array(rows, ({ entry }) => entry.index),
        int8Array(rows, ({ entry }) => entry.term),
        int2Array(rows, ({ entry }) => ENTRY_KIND_CODES[entry.kind]),
        int4Array(rows, ({ entry }) => entry.format),
        int4Array(rows, ({ entry }) => entry.schemaVersion),
        boolArray(rows, ({ startsTerm }) => startsTerm),
        int4Array(rows, ({ entry }) => entry.checksum),
        byteaArray(rows, ({ entry }) => entry.data),
      ],
      rowMode: 'array',
    };
  }
}

interface EntryRow {
  readonly id: number;
  readonly generation: number;
  readonly entry: Entry;
  readonly startsTerm: boolean;
}

const checksumOf = (entry: Entry) => entry.checksum;
const dataOf = (entry: Entry) => entry.data;

/** Whether a write carries nothing but a commit index and entries of one term, kind, format and schema version. */
function isPlain(write: GroupWrite): boolean {
  if (write.hardState || write.configuration || write.identity || write.truncateFrom !== undefined) return false;
  const [first] = write.entries;
  if (!first) return true;
  const { term, kind, format, schemaVersion } = first;
  for (const entry of write.entries)
    if (entry.term !== term || entry.kind !== kind || entry.format !== format || entry.schemaVersion !== schemaVersion)
      return false;
  return true;
}

/** For entries of one group, term and kind. */
function appendText(t: Tables): string {
  return `
    WITH permitted AS MATERIALIZED (
      SELECT WHERE pg_backend_pid() = $2::int
        AND (SELECT epoch FROM ${t.store}) = $1::bigint
        AND (SELECT max(number) FROM ${t.batch} WHERE group_id = $3::int) = $4::bigint - 1
    ), written AS (
      INSERT INTO ${t.entry}
        (group_id, generation, index, term, kind, format, schema_version, starts_term, checksum, data)
      SELECT $3, $7::int, $8::bigint + e.place, $9::bigint, $10::smallint, $11::int, $12::int, $13::bool AND e.place = 1,
        e.checksum, e.data
      FROM unnest($14::int[], $15::bytea[]) WITH ORDINALITY AS e(checksum, data, place)
      WHERE EXISTS (SELECT FROM permitted)
    )
    INSERT INTO ${t.batch} (group_id, number, epoch, commit_index, last_index, generation, checksum)
    SELECT $3, $4, $1, $5::bigint, $6::bigint, $7, $16::int FROM permitted`;
}

/**
 * For everything else. A tail that is cut and written again in one statement has to be an upsert: a DELETE beside the INSERT sees
 * the same rows as it, and the keys would collide.
 */
function writeText(t: Tables): string {
  return `
    WITH batches AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset($3::jsonb) AS b(
        group_id int, number bigint, commit_index bigint, last_index bigint, generation int, truncates bool,
        term bigint, voted_for bigint, configuration_index bigint, configuration jsonb,
        name text, cluster_id text, replica_id bigint, checksum int, group_checksum int)
    ), permitted AS MATERIALIZED (
      SELECT WHERE pg_backend_pid() = $2::int
        AND (SELECT epoch FROM ${t.store}) = $1::bigint
        AND NOT EXISTS (
          SELECT FROM batches b
          WHERE coalesce((SELECT max(p.number) FROM ${t.batch} p WHERE p.group_id = b.group_id), 0) <> b.number - 1)
    ), founded AS (
      INSERT INTO ${t.group}
        (id, name, cluster_id, replica_id, term, voted_for, origin_index, origin_term, generation,
         configuration_index, configuration, checksum)
      SELECT group_id, name, cluster_id, replica_id, coalesce(term, 0), coalesce(voted_for, 0), 0, 0, generation,
        configuration_index, configuration, group_checksum
      FROM batches WHERE cluster_id IS NOT NULL AND EXISTS (SELECT FROM permitted)
    ), changed AS (
      UPDATE ${t.group} g SET
        term = coalesce(b.term, g.term), voted_for = coalesce(b.voted_for, g.voted_for),
        configuration_index = coalesce(b.configuration_index, g.configuration_index),
        configuration = coalesce(b.configuration, g.configuration), checksum = b.group_checksum
      FROM batches b
      WHERE g.id = b.group_id AND b.cluster_id IS NULL AND (b.term IS NOT NULL OR b.configuration IS NOT NULL)
        AND EXISTS (SELECT FROM permitted)
    ), cut AS (
      DELETE FROM ${t.entry} e USING batches b
      WHERE b.truncates AND e.group_id = b.group_id AND e.generation = b.generation AND e.index > b.last_index
        AND EXISTS (SELECT FROM permitted)
    ), written AS (
      INSERT INTO ${t.entry}
        (group_id, generation, index, term, kind, format, schema_version, starts_term, checksum, data)
      SELECT e.group_id, e.generation, e.index, e.term, e.kind, e.format, e.schema_version, e.starts_term, e.checksum, e.data
      FROM unnest($4::int[], $5::int[], $6::bigint[], $7::bigint[], $8::smallint[], $9::int[], $10::int[], $11::bool[],
        $12::int[], $13::bytea[])
        AS e(group_id, generation, index, term, kind, format, schema_version, starts_term, checksum, data)
      WHERE EXISTS (SELECT FROM permitted)
      ON CONFLICT (group_id, generation, index) DO UPDATE SET
        term = excluded.term, kind = excluded.kind, format = excluded.format, schema_version = excluded.schema_version,
        starts_term = excluded.starts_term, checksum = excluded.checksum, data = excluded.data
    )
    INSERT INTO ${t.batch} (group_id, number, epoch, commit_index, last_index, generation, checksum)
    SELECT group_id, number, $1, commit_index, last_index, generation, checksum FROM batches
    WHERE EXISTS (SELECT FROM permitted)`;
}
