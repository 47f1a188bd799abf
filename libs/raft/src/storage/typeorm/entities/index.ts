import { RaftBatchEntity } from './batch.entity';
import { RaftEntryEntity } from './entry.entity';
import { RaftGroupEntity } from './group.entity';
import { RaftSnapshotChunkEntity, RaftSnapshotEntity } from './snapshot.entity';
import { RaftStoreEntity } from './store.entity';

export {
  RaftBatchEntity,
  RaftEntryEntity,
  RaftGroupEntity,
  RaftSnapshotChunkEntity,
  RaftSnapshotEntity,
  RaftStoreEntity,
};

/** The tables, for a data source of an administrator's own: read them, and write to none. @publicApi */
export const RAFT_ENTITIES = [
  RaftStoreEntity,
  RaftGroupEntity,
  RaftBatchEntity,
  RaftEntryEntity,
  RaftSnapshotEntity,
  RaftSnapshotChunkEntity,
] as const;
