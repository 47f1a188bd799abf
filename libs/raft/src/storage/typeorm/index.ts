export {
  RAFT_ENTITIES,
  RaftBatchEntity,
  RaftEntryEntity,
  RaftGroupEntity,
  RaftSnapshotChunkEntity,
  RaftSnapshotEntity,
  RaftStoreEntity,
} from './entities';
export { RAFT_MIGRATIONS } from './migrations';
export type { TypeOrmStorageOptions } from './connection/storage-options';
export { TypeOrmStorage, typeOrmStorage } from './typeorm-storage';
