/** The qualified, quoted names of the tables in one schema. */
export interface Tables {
  readonly schema: string;
  readonly store: string;
  readonly group: string;
  readonly batch: string;
  readonly entry: string;
  readonly snapshot: string;
  readonly chunk: string;
  readonly snapshotId: string;
}

export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

export function tablesOf(schema: string): Tables {
  const name = (table: string) => `${quoted(schema)}.${quoted(table)}`;
  return {
    schema,
    store: name('raft_store'),
    group: name('raft_group'),
    batch: name('raft_batch'),
    entry: name('raft_entry'),
    snapshot: name('raft_snapshot'),
    chunk: name('raft_snapshot_chunk'),
    snapshotId: name('raft_snapshot_id'),
  };
}
