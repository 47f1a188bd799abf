import type { Configuration } from '../../libs/raft/src/core/base/configuration';
import type { SnapshotMetadata } from '../../libs/raft/src/storage/contract';

const member = (id: number, http = `http://h${id}:3000`) => ({
  id,
  name: `n${id}`,
  peer: `h${id}:7001`,
  http,
  incarnation: `${id}`.repeat(32),
});

/** A change that waits until its learner has caught up. */
export const CHANGING: Configuration = {
  members: [member(1), member(2, ''), member(4)],
  voters: [1, 2],
  outgoing: [],
  learners: [4],
  learnersNext: [],
  autoLeave: false,
  target: {
    voters: [1, 4],
    learners: [2],
    catchUpTimeoutMs: 60_000,
    deadlineMs: 1_700_000_060_000,
    endsMs: 1_700_000_600_000,
  },
  added: [4],
  nextReplicaId: 5,
};

export const JOINT: Configuration = {
  ...CHANGING,
  voters: [1, 4],
  outgoing: [1, 2],
  learners: [],
  learnersNext: [2],
  autoLeave: true,
  target: null,
};

export const SNAPSHOT: SnapshotMetadata = {
  last: { index: 30, term: 5 },
  configuration: { index: 9, configuration: JOINT },
  format: 2,
};
