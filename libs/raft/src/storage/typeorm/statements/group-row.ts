import type { HardState, LogId } from '../../../core/base/types';
import type { GroupWrite } from '../../contract';
import type { GroupPosition } from '../../group-position';
import { checksumOf, summedConfiguration } from '../../state-checksum';

/** What `raft_group` says of a group beside its position: known here, so that each change brings the row's new checksum. */
export interface GroupRow {
  readonly name: string;
  readonly clusterId: string;
  readonly replicaId: number;
  readonly hardState: HardState;
  readonly configurationIndex: number;
  /** In canonical form: jsonb keeps neither order nor spaces. */
  readonly configuration: string;
  readonly snapshotId: number | null;
}

/** A group, as the tables know it. */
export interface StoredGroup {
  readonly id: number;
  generation: number;
  readonly position: GroupPosition;
  /** Undefined before its first batch. */
  row: GroupRow | undefined;
}

/** @returns the row once `write` has landed */
export function rowAfter(row: GroupRow | undefined, write: GroupWrite): GroupRow {
  const { identity, hardState, configuration } = write;
  const before = row ?? {
    name: write.group,
    clusterId: identity?.clusterId ?? '',
    replicaId: identity?.replicaId ?? 0,
    hardState: { term: 0, votedFor: 0 },
    configurationIndex: 0,
    configuration: '',
    snapshotId: null,
  };
  return {
    ...before,
    ...(hardState && { hardState }),
    ...(configuration && {
      configurationIndex: configuration.index,
      configuration: summedConfiguration(configuration.configuration),
    }),
  };
}

/** As Postgres stores it: a signed 32-bit number. */
export function groupChecksum(id: number, row: GroupRow, origin: LogId, generation: number): number {
  const { name, clusterId, replicaId, hardState, configurationIndex, configuration, snapshotId } = row;
  return signed([
    id,
    name,
    clusterId,
    replicaId,
    hardState.term,
    hardState.votedFor,
    origin.index,
    origin.term,
    generation,
    configurationIndex,
    configuration,
    snapshotId ?? 0,
  ]);
}

export interface BatchRow {
  readonly groupId: number;
  readonly number: number;
  readonly epoch: number;
  readonly commitIndex: number;
  readonly lastIndex: number;
  readonly generation: number;
}

export function batchChecksum({ groupId, number, epoch, commitIndex, lastIndex, generation }: BatchRow): number {
  return signed([groupId, number, epoch, commitIndex, lastIndex, generation]);
}

/** What `raft_snapshot` says of a snapshot, but for its chunks. */
export interface SnapshotRow {
  readonly last: LogId;
  readonly format: number;
  readonly configurationIndex: number;
  /** In canonical form, as that of the group. */
  readonly configuration: string;
}

/** @param groupId the number of its group in this schema */
export function snapshotRowChecksum(
  id: number,
  groupId: number,
  { last, format, configurationIndex, configuration }: SnapshotRow,
  chunks: number,
  bytes: number,
): number {
  return signed([id, groupId, last.index, last.term, format, configurationIndex, configuration, chunks, bytes]);
}

function signed(fields: readonly (number | string)[]): number {
  return checksumOf(fields) | 0;
}
