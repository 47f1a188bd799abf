import { CreateRaftTables1763800000000 } from './1763800000000-create-tables';
import { AddRaftNotes1764000000000 } from './1764000000000-add-notes';
import { AddRaftChecksums1764600000000 } from './1764600000000-add-checksums';

/** In order. A table of a released version changes only by another migration. */
export const RAFT_MIGRATIONS = [
  CreateRaftTables1763800000000,
  AddRaftNotes1764000000000,
  AddRaftChecksums1764600000000,
] as const;
