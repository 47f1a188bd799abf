import type { Configuration } from '../../core/configuration';
import type { GroupId } from '../../core/types';
import { type LoadedGroup, StoreCorruptError } from '../contract';
import { GroupPosition } from '../group-position';
import type { StoredGroup } from './batch-statements';
import { toSafeInteger } from './entities/safe-integer';
import { readConfigurationEntries } from './entry-reader';
import type { PinnedSession } from './pinned-session';
import type { Tables } from './tables';

/** Reads where each group stands. It takes as long as there are groups and terms, however long the logs are. */
export async function readGroups(session: PinnedSession, t: Tables): Promise<Map<GroupId, StoredGroup>> {
  const groups = new Map<GroupId, StoredGroup>();
  const byId = new Map<number, StoredGroup>();
  const rows = await session.query({
    text: `SELECT g.id, g.name, g.generation, g.origin_index, g.origin_term, b.number, b.commit_index,
        CASE WHEN b.generation = g.generation THEN greatest(b.last_index, g.origin_index) ELSE g.origin_index END
      FROM ${t.group} g LEFT JOIN LATERAL (
        SELECT * FROM ${t.batch} b WHERE b.group_id = g.id ORDER BY number DESC LIMIT 1) b ON true
      ORDER BY g.id`,
    rowMode: 'array',
  });
  for (const row of rows) {
    const [id, name, generation] = row as [number, string, number];
    if (row[5] === null) throw new StoreCorruptError(`Group '${name}' has no batch: rows of raft_batch are missing.`);
    const [originIndex, originTerm, number, commitIndex, lastIndex] = row.slice(3).map(toSafeInteger) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const position = new GroupPosition();
    position.lastBatch = number;
    position.commitIndex = commitIndex;
    position.origin = { index: originIndex, term: originTerm };
    position.lastIndex = lastIndex;
    const group: StoredGroup = { id, generation, position };
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

/**
 * Reads a group whole, but for its entries, and checks that nothing is missing.
 *
 * @throws StoreCorruptError rows of the log are missing, or there are some that no batch wrote
 */
export async function loadGroup(
  session: PinnedSession,
  t: Tables,
  group: GroupId,
  { id, generation, position }: StoredGroup,
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
        'Entries that this node acknowledged are missing: restore the whole database, or remove this node from the cluster and add it anew.',
    );
  const ascending = terms.every((run, at) => at === 0 || run.term > (terms[at - 1]?.term ?? 0));
  if (!ascending || (count > 0 && toSafeInteger(lastTerm) !== terms.at(-1)?.term))
    throw new StoreCorruptError(`The terms of the entries of group '${group}' don't fit together.`);

  const [row] = await session.query({
    text: `SELECT cluster_id, replica_id, term, voted_for, configuration_index, configuration::text FROM ${t.group} WHERE id = $1`,
    values: [id],
    rowMode: 'array',
  });
  if (!row) throw new StoreCorruptError(`The row of group '${group}' is gone.`);
  const [replicaId, term, votedFor, configurationIndex] = row.slice(1, 5).map(toSafeInteger) as [
    number,
    number,
    number,
    number,
  ];
  const configurationEntries = await readConfigurationEntries(session.client, t, {
    group,
    groupId: id,
    generation,
    from: Math.max(configurationIndex, origin.index) + 1,
    to: lastIndex,
  });
  return {
    identity: { clusterId: row[0] as string, replicaId },
    hardState: { term, votedFor },
    commitIndex: Math.max(position.commitIndex, origin.index),
    lastBatch: position.lastBatch,
    snapshot: origin,
    lastIndex,
    terms: [...terms],
    configuration: { index: configurationIndex, configuration: JSON.parse(row[5] as string) as Configuration },
    configurationEntries,
  };
}
