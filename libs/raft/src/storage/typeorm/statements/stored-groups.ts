import type { GroupId, LogId } from '../../../core/base/types';
import { type LoadedGroup, StoreCorruptError } from '../../contract';
import { GroupPosition } from '../../group-position';
import { canonicalJson } from '../../state-checksum';
import { toSafeInteger } from '../entities/safe-integer';
import { readConfigurationEntries } from './entry-reader';
import {
  batchChecksum,
  type BatchRow,
  groupChecksum,
  type GroupRow,
  snapshotRowChecksum,
  type StoredGroup,
} from './group-row';
import type { PinnedConnection } from '../connection/pinned-connection';
import { storedConfiguration } from './stored-configuration';
import type { Tables } from '../entities/tables';

/** Reads where each group stands. It takes as long as there are groups and terms, however long the logs are. */
export async function readGroups(session: PinnedConnection, t: Tables): Promise<Map<GroupId, StoredGroup>> {
  const groups = new Map<GroupId, StoredGroup>();
  const byId = new Map<number, StoredGroup>();
  const refuse = (name: string, what: string): never => {
    throw new StoreCorruptError(`Group '${name}': ${what}.`);
  };
  for (const { id, row, origin, generation, checksum, batch } of await readRows(session, t)) {
    const { name } = row;
    if (checksum !== groupChecksum(id, row, origin, generation))
      refuse(name, "its row of raft_group isn't what was written: the checksum doesn't fit");
    if (batch === undefined) return refuse(name, 'it has no batch: rows of raft_batch are missing');
    if (batch.checksum !== batchChecksum(batch))
      refuse(name, `the row of batch ${batch.number} isn't what was written: the checksum doesn't fit`);
    const position = new GroupPosition();
    position.lastBatch = batch.number;
    position.commitIndex = batch.commitIndex;
    position.origin = origin;
    position.lastIndex = batch.generation === generation ? Math.max(batch.lastIndex, origin.index) : origin.index;
    const group: StoredGroup = { id, generation, position, row };
    groups.set(name, group);
    byId.set(id, group);
  }
  const starts = await session.query({
    text: `SELECT e.group_id, e.index, e.term FROM ${t.group} g JOIN ${t.entry} e
        ON e.group_id = g.id AND e.generation = g.generation AND e.index > g.origin_index
      WHERE e.starts_term ORDER BY e.group_id, e.index`,
    rowMode: 'array',
  });
  for (const { position } of byId.values())
    if (position.lastIndex > position.origin.index)
      position.terms.push({ firstIndex: position.origin.index + 1, term: position.origin.term });
  for (const row of starts) {
    const [id, index, term] = row.map(toSafeInteger) as [number, number, number];
    const position = byId.get(id)?.position;
    if (!position || index > position.lastIndex) continue;
    // The run that the origin cut in two begins behind it; a start at that very place begins its own.
    if (index === position.origin.index + 1) position.terms.pop();
    position.terms.push({ firstIndex: index, term });
  }
  return groups;
}

interface ReadRow {
  readonly id: number;
  readonly row: GroupRow;
  readonly origin: LogId;
  readonly generation: number;
  readonly checksum: number | null;
  /** The newest one. */
  readonly batch: (BatchRow & { readonly checksum: number | null }) | undefined;
}

async function readRows(session: PinnedConnection, t: Tables): Promise<ReadRow[]> {
  const rows = await session.query({
    text: `SELECT g.id, g.generation, g.checksum, g.name, g.cluster_id, g.configuration::text, g.snapshot_id, b.checksum,
        g.replica_id, g.term, g.voted_for, g.origin_index, g.origin_term, g.configuration_index,
        b.number, b.epoch, b.commit_index, b.last_index, b.generation
      FROM ${t.group} g LEFT JOIN LATERAL (
        SELECT * FROM ${t.batch} b WHERE b.group_id = g.id ORDER BY number DESC LIMIT 1) b ON true
      ORDER BY g.id`,
    rowMode: 'array',
  });
  return rows.map((columns) => {
    const [id, generation, checksum] = columns as [number, number, number | null];
    const [name, clusterId, configuration] = columns.slice(3, 6) as [string, string, string];
    const numbers = columns.slice(8, 14).map(toSafeInteger) as [number, number, number, number, number, number];
    const [replicaId, term, votedFor, originIndex, originTerm, configurationIndex] = numbers;
    const hasBatch = columns[14] !== null;
    const [number, epoch, commitIndex, lastIndex, ofGeneration] = columns
      .slice(14)
      .map((column) => (hasBatch ? toSafeInteger(column) : 0)) as [number, number, number, number, number];
    return {
      id,
      generation,
      checksum,
      origin: { index: originIndex, term: originTerm },
      row: {
        name,
        clusterId,
        replicaId,
        hardState: { term, votedFor },
        configurationIndex,
        configuration: canonicalJson(JSON.parse(configuration)),
        snapshotId: columns[6] === null ? null : toSafeInteger(columns[6]),
      },
      batch: hasBatch
        ? {
            groupId: id,
            number,
            epoch,
            commitIndex,
            lastIndex,
            generation: ofGeneration,
            checksum: columns[7] as number | null,
          }
        : undefined,
    };
  });
}

/**
 * Gives the rows of a store that an earlier build wrote their checksums, once: what it finds is taken for what was written.
 * Afterwards a row without one is damage.
 */
export async function addMissingChecksums(session: PinnedConnection, t: Tables): Promise<void> {
  const [store] = await session.query({ text: `SELECT summed FROM ${t.store}`, rowMode: 'array' });
  if (store?.[0] !== false) return;
  for (const { id, row, origin, generation, batch } of await readRows(session, t)) {
    const sum = (text: string, values: readonly (number | string)[]) =>
      session.query({ text: `UPDATE ${text} AND checksum IS NULL`, values, rowMode: 'array' });
    await sum(`${t.group} SET checksum = $2 WHERE id = $1`, [id, groupChecksum(id, row, origin, generation)]);
    if (batch !== undefined)
      await sum(`${t.batch} SET checksum = $3 WHERE group_id = $1 AND number = $2`, [
        id,
        batch.number,
        batchChecksum(batch),
      ]);
    const { snapshotId } = row;
    const [snapshot] = await session.query({
      text: `SELECT configuration::text, last_index, last_term, format, configuration_index, chunks, bytes
        FROM ${t.snapshot} WHERE id = $1::bigint`,
      values: [snapshotId],
      rowMode: 'array',
    });
    if (snapshotId === null || snapshot === undefined) continue;
    const [index, term, format, configurationIndex, chunks, bytes] = snapshot.slice(1).map(toSafeInteger) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const configuration = canonicalJson(JSON.parse(snapshot[0] as string));
    const stored = { last: { index, term }, format, configurationIndex, configuration };
    await sum(`${t.snapshot} SET checksum = $2 WHERE id = $1`, [
      snapshotId,
      snapshotRowChecksum(snapshotId, id, stored, chunks, bytes),
    ]);
  }
  await session.query({ text: `UPDATE ${t.store} SET summed = true`, rowMode: 'array' });
}

/**
 * Reads a group whole, but for its entries, and checks that nothing is missing.
 *
 * @throws StoreCorruptError rows of the log are missing, or there are some that no batch wrote
 */
export async function loadGroup(
  session: PinnedConnection,
  t: Tables,
  group: GroupId,
  { id, generation, position, row }: StoredGroup,
): Promise<LoadedGroup> {
  const { origin, lastIndex, terms } = position;
  const [counted] = await session.query({
    text: `SELECT count(*), coalesce(max(index), $3::bigint), (
        SELECT term FROM ${t.entry} WHERE group_id = $1::int AND generation = $2::int AND index = $4::bigint)
      FROM ${t.entry} WHERE group_id = $1 AND generation = $2 AND index > $3`,
    values: [id, generation, origin.index, lastIndex],
    rowMode: 'array',
  });
  const [count, last] = (counted ?? []).slice(0, 2).map(toSafeInteger) as [number, number];
  const lastTerm = counted?.[2];
  if (count !== lastIndex - origin.index || last !== lastIndex)
    throw new StoreCorruptError(
      `The log of group '${group}' should hold the entries ${origin.index + 1} to ${lastIndex}; ${count} are there, up to ${last}. ` +
        'Entries that this node acknowledged are missing.',
    );
  const ascending = terms.every((run, at) => at === 0 || run.term > (terms[at - 1]?.term ?? 0));
  if (!ascending || (count > 0 && toSafeInteger(lastTerm) !== terms.at(-1)?.term))
    throw new StoreCorruptError(`The terms of the entries of group '${group}' don't fit together.`);

  if (row === undefined) throw new StoreCorruptError(`The row of group '${group}' is gone.`);
  const { clusterId, replicaId, hardState, configurationIndex, configuration } = row;
  await refuseLostChunks(session, t, group, row);
  const configurationEntries = await readConfigurationEntries(session.client, t, {
    group,
    groupId: id,
    generation,
    from: Math.max(configurationIndex, origin.index) + 1,
    to: lastIndex,
  });
  return {
    identity: { clusterId, replicaId },
    hardState,
    commitIndex: Math.max(position.commitIndex, origin.index),
    lastBatch: position.lastBatch,
    snapshot: origin,
    lastIndex,
    terms: [...terms],
    configuration: { index: configurationIndex, configuration: storedConfiguration(group, configuration) },
    configurationEntries,
  };
}

/** The chunks' own checksums are compared when they are read; here they are counted, which reads none of them. */
async function refuseLostChunks(
  session: PinnedConnection,
  t: Tables,
  group: GroupId,
  { snapshotId }: GroupRow,
): Promise<void> {
  if (snapshotId === null) return;
  const [found] = await session.query({
    text: `SELECT s.chunks, s.bytes, count(c.sequence), coalesce(max(c.sequence), -1) + 1, coalesce(sum(octet_length(c.data)), 0)
      FROM ${t.snapshot} s LEFT JOIN ${t.chunk} c ON c.snapshot_id = s.id WHERE s.id = $1::bigint GROUP BY s.chunks, s.bytes`,
    values: [snapshotId],
    rowMode: 'array',
  });
  if (found === undefined)
    throw new StoreCorruptError(
      `The snapshot of group '${group}' is gone: row ${snapshotId} of raft_snapshot is missing.`,
    );
  const [chunks, bytes, count, end, there] = found.map(toSafeInteger) as [number, number, number, number, number];
  if (count !== chunks || end !== chunks || there !== bytes)
    throw new StoreCorruptError(
      `The snapshot of group '${group}' should have ${chunks} chunks of ${bytes} bytes in all; ${count} chunks of ${there} bytes are there.`,
    );
}
